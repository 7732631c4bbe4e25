/** A node whose one data thread is the caller's own: inside an application or a test, and wherever there is no other way. */
import { newTransport, type StreamTransportName } from '../io/select-transport.ts';
import type { Listener, Transport } from '../io/transport.ts';
import type { LastWill } from '../persistence/persistence-state.ts';
import { Store } from '../store/store.ts';
import { CopyTable } from '../cluster/copy-table.ts';
import { ReplicaTable } from '../cluster/replica-table.ts';
import { SlotTable } from '../cluster/slot-table.ts';
import { assembleDataThread, type Assembly } from './assembly.ts';
import type { ClusterMembership } from './cluster/cluster-membership.ts';
import { TICK_INTERVAL_MS } from './connection-sweep.ts';
import type { DiskThread } from './persistence/disk-thread.ts';
import { runtimeText, type NodeStart, type RunningNode } from './running-node.ts';
import { InlineJanitor, startKeeping, startStoreHost, versionSeed } from './store-host.ts';
import { announceProgress } from './threads/progress.ts';
import { SharedState } from './threads/shared-state.ts';
import { SoleThread } from './threads/sole-thread.ts';

export async function startInlineNode(
  start: NodeStart,
  transport: Transport | StreamTransportName,
): Promise<RunningNode> {
  const { options, environment, identity } = start;
  const network = typeof transport === 'string' ? newTransport(transport) : transport;
  const host = startStoreHost(options, 1, environment.log);
  const janitor = host.wantsInlineJanitor ? new InlineJanitor(host.handle, null) : null;
  const slots = options.cluster.coordinators === '' ? null : SlotTable.create();
  const replicas = slots === null ? null : ReplicaTable.create();
  const copies = slots === null ? null : CopyTable.create();
  const shared = SharedState.create(1);
  let disk: DiskThread | null;
  try {
    disk = await startKeeping(start, host.handle, shared, () => assembly.thread.mailArrived());
  } catch (error) {
    await host.stop();
    throw error;
  }
  const stopStore = async (last: LastWill): Promise<void> => {
    try {
      await disk?.stop(last);
    } finally {
      await host.stop();
    }
  };
  let askToStop: (last: LastWill) => void = () => {};
  const stopAsked = new Promise<LastWill>((resolve) => {
    askToStop = resolve;
  });
  let membership: ClusterMembership | null = null;
  const assembly: Assembly = assembleDataThread({
    ...start,
    itemVersionSeed: versionSeed(start, disk),
    persistence: disk?.state ?? null,
    store: Store.attach(host.handle, 0),
    shared,
    threads: new SoleThread(() => ({ node: assembly.services, control: assembly.thread.control })),
    mail: null,
    transport: network,
    slots,
    ...(copies === null ? {} : { copies }),
    ...(replicas === null ? {} : { replicas: { positions: replicas, ask: () => membership?.confirmNow() } }),
    askToStop: start.isProcess ? askToStop : null,
  });
  let listener: Listener;
  try {
    listener = await network.listen({ host: options.host, port: options.port }, assembly.thread);
  } catch (error) {
    await stopStore('save');
    throw error;
  }
  identity.host = listener.host;
  identity.port = listener.port;
  if (slots !== null && replicas !== null && copies !== null) {
    const { thread } = assembly;
    try {
      // Loaded only here: most nodes inside applications are in no cluster.
      const { joinCluster } = await import('./cluster/cluster-membership.ts');
      membership = await joinCluster({
        options,
        environment,
        isProcess: start.isProcess,
        host: listener.host,
        port: listener.port,
        store: host.handle,
        slots,
        replicas,
        copies,
        disk,
        onReplicasAdvanced: () => announceProgress(shared, 1, () => thread.mailArrived()),
        onNews: (news) => {
          thread.control.clusterNews(news);
          thread.mailArrived();
        },
        onSlotsChanged: () => {
          thread.control.slotsChanged();
          thread.mailArrived();
        },
      });
    } catch (error) {
      await listener.close();
      await stopStore('save');
      throw error;
    }
  }
  const timer = environment.timers.every(TICK_INTERVAL_MS, () => {
    assembly.sweep.tick();
    janitor?.tick(environment.clock.nowMs());
  });
  let stopping: Promise<void> | null = null;
  const stop = (last: LastWill = 'save'): Promise<void> => {
    stopping ??= (async () => {
      timer.stop();
      await membership?.stop();
      assembly.thread.stop();
      await listener.close();
      await stopStore(last);
    })();
    return stopping;
  };
  return {
    host: listener.host,
    port: listener.port,
    description: `${runtimeText()}, ${network.name}`,
    store: host.handle,
    loaded: disk?.loaded ?? null,
    failure: new Promise(() => {
      // A fault of this thread is the caller's own.
    }),
    stopAsked,
    restartAsked: membership?.restartAsked ?? new Promise(() => undefined),
    leave: () => membership?.leave() ?? Promise.resolve(),
    stop,
    [Symbol.asyncDispose]: () => stop(),
  };
}
