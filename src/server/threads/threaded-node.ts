/**
 * The control thread of a node whose data threads are threads of their own: it makes the shared memory, starts the threads, hears what
 * they report, and stops them. Of a node in a cluster it is the side that talks to coordinators and other nodes. It serves no client.
 */
import type { MessagePort } from 'node:worker_threads';
import { wakeReactor } from '../../io/epoll/reactor.ts';
import { CopyTable } from '../../cluster/copy-table.ts';
import { ReplicaTable } from '../../cluster/replica-table.ts';
import { SlotTable } from '../../cluster/slot-table.ts';
import type { LastWill } from '../../persistence/persistence-state.ts';
import type { StoreHandle } from '../../store/memory.ts';
import type { ClusterMembership } from '../cluster/cluster-membership.ts';
import { runtimeText, type NodeStart, type RunningNode } from '../running-node.ts';
import type { Loaded } from '../persistence/disk-start.ts';
import type { DiskThread } from '../persistence/disk-thread.ts';
import { startKeeping, startStoreHost, type StoreHost, versionSeed } from '../store-host.ts';
import type { Mail } from './mail.ts';
import { connectAll, Mailbox, wakeThread } from './mailbox.ts';
import type { OwnThreads } from './placement.ts';
import { announceProgress } from './progress.ts';
import { TrackingMemory } from '../tracking/tracking-memory.ts';
import { SharedState } from './shared-state.ts';
import { type Address, RunningThread } from './running-thread.ts';
import type { ThreadStart } from './thread-start.ts';

export async function startThreadedNode(start: NodeStart, placement: OwnThreads): Promise<RunningNode> {
  const store = startStoreHost(start.options, placement.threadCount, start.environment.log);
  const control = new ControlThread(start, placement, store);
  try {
    await control.startAll();
  } catch (error) {
    await control.stop();
    throw error;
  }
  return control;
}

class ControlThread implements RunningNode {
  host = '';
  port = 0;
  readonly description: string;
  readonly failure: Promise<Error>;
  readonly stopAsked: Promise<LastWill>;
  private readonly start: NodeStart;
  private readonly placement: OwnThreads;
  readonly store: StoreHandle;
  private readonly storeHost: StoreHost;
  private readonly shared: SharedState;
  private readonly tracking: TrackingMemory;
  /** By sender, then by receiver; the last is this thread. */
  private readonly ports: (MessagePort | null)[][];
  private readonly mailbox: Mailbox;
  private readonly threads: RunningThread[] = [];
  private readonly failed: (error: Error) => void;
  private readonly askedToStop: (last: LastWill) => void;
  /** Of a node in a cluster. */
  private readonly slots: SlotTable | null;
  private readonly replicas: ReplicaTable | null;
  private readonly copies: CopyTable | null;
  private membership: ClusterMembership | null = null;
  private disk: DiskThread | null = null;
  private stopping: Promise<void> | null = null;

  constructor(start: NodeStart, placement: OwnThreads, storeHost: StoreHost) {
    const { threadCount, transport } = placement;
    this.start = start;
    this.placement = placement;
    this.store = storeHost.handle;
    this.storeHost = storeHost;
    this.slots = start.options.cluster.coordinators === '' ? null : SlotTable.create();
    this.replicas = this.slots === null ? null : ReplicaTable.create();
    this.copies = this.slots === null ? null : CopyTable.create();
    this.shared = SharedState.create(threadCount);
    this.tracking = TrackingMemory.create(threadCount);
    this.ports = connectAll(threadCount + 1);
    this.mailbox = new Mailbox(this.shared, threadCount, this.ports[threadCount]!, wakeReactor);
    const count = threadCount === 1 ? '1 data thread' : `${threadCount} data threads`;
    this.description = `${runtimeText()}, ${transport}, ${count}`;
    let failed: (error: Error) => void = () => {};
    this.failure = new Promise((resolve) => {
      failed = resolve;
    });
    this.failed = failed;
    let askedToStop: (last: LastWill) => void = () => {};
    this.stopAsked = new Promise((resolve) => {
      askedToStop = resolve;
    });
    this.askedToStop = askedToStop;
  }

  /** What is on disk comes first; then the first thread finds the port, the others join it. Rejects as `startKeeping` and `Transport.listen` do. */
  async startAll(): Promise<void> {
    const { threadCount } = this.placement;
    this.disk = await startKeeping(this.start, this.store, this.shared, null);
    const first = await this.startThread(0, threadCount === 1 ? null : 'first', this.start.options.port);
    this.host = first.host;
    this.port = first.port;
    const others: Promise<unknown>[] = [];
    for (let thread = 1; thread < threadCount; thread += 1)
      others.push(this.startThread(thread, 'joining', first.port));
    await Promise.all(others);
    await this.joinCluster();
  }

  get loaded(): Loaded | null {
    return this.disk?.loaded ?? null;
  }

  get restartAsked(): Promise<void> {
    return this.membership?.restartAsked ?? new Promise(() => undefined);
  }

  leave(): Promise<void> {
    return this.membership?.leave() ?? Promise.resolve();
  }

  stop(last: LastWill = 'save'): Promise<void> {
    this.stopping ??= this.stopAll(last);
    return this.stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private startThread(thread: number, portSharing: ThreadStart['portSharing'], port: number): Promise<Address> {
    const { options, identity, environment } = this.start;
    const { threadCount, transport } = this.placement;
    const ports = this.ports[thread]!;
    const data: ThreadStart = {
      thread,
      threadCount,
      transport,
      options,
      identity,
      itemVersionSeed: versionSeed(this.start, this.disk),
      persistence: this.disk?.state.memory ?? null,
      store: this.store,
      slots: this.slots?.memory ?? null,
      replicas: this.replicas?.memory ?? null,
      copies: this.copies?.memory ?? null,
      runsJanitor: thread === 0 && this.storeHost.wantsInlineJanitor,
      shared: this.shared.buffer,
      tracking: this.tracking.buffer,
      isProcess: this.start.isProcess,
      ports,
      port,
      portSharing,
    };
    const { failed: onDeath, askedToStop: onStopAsked } = this;
    const running = new RunningThread(data, { log: environment.log, onDeath, onStopAsked });
    this.threads.push(running);
    return running.listening;
  }

  private async joinCluster(): Promise<void> {
    const { slots, replicas, copies, host, port, store } = this;
    if (slots === null || replicas === null || copies === null) return;
    const { joinCluster } = await import('../cluster/cluster-membership.ts');
    const { options, environment } = this.start;
    this.membership = await joinCluster({
      options,
      environment,
      isProcess: this.start.isProcess,
      host,
      port,
      store,
      slots,
      replicas,
      copies,
      disk: this.disk,
      onReplicasAdvanced: () => this.announceProgress(),
      onNews: (news) => this.postToAll({ kind: 'cluster', news }),
      onSlotsChanged: () => this.postToAll({ kind: 'slots' }),
    });
    // All that data threads have to say is that somebody waits for replicas.
    void this.mailbox.listen(() => {
      this.mailbox.take();
      this.membership?.confirmNow();
    });
  }

  private announceProgress(): void {
    announceProgress(this.shared, this.placement.threadCount, (thread) => wakeThread(this.shared, thread, wakeReactor));
  }

  private postToAll(mail: Mail): void {
    for (const { number } of this.threads) this.mailbox.post(number, mail);
  }

  private async stopAll(last: LastWill): Promise<void> {
    await this.membership?.stop();
    await Promise.all(
      this.threads.map((running) => {
        this.mailbox.post(running.number, { kind: 'stop' });
        return running.ended;
      }),
    );
    this.mailbox.close();
    try {
      // Nobody writes any more, so what it writes now is all.
      await this.disk?.stop(last);
    } finally {
      await this.storeHost.stop();
    }
  }
}
