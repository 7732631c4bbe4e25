/**
 * A real data thread without sockets, of a node that keeps its data, and a disk that does what a test says: it writes when it is told to, falls
 * behind, fails.
 */
import { ChangeLog, type ChangeConsumer } from '../../src/changes/change-log.ts';
import { defaultOptions } from '../../src/config/options.ts';
import type { Limits, PersistenceOptions } from '../../src/config/node-options.ts';
import { PersistenceState, PersistenceStatus } from '../../src/persistence/persistence-state.ts';
import { assembleDataThread, type Assembly } from '../../src/server/assembly.ts';
import { TICK_INTERVAL_MS } from '../../src/server/connection-sweep.ts';
import { announceProgress } from '../../src/server/threads/progress.ts';
import { SharedState } from '../../src/server/threads/shared-state.ts';
import { SoleThread } from '../../src/server/threads/sole-thread.ts';
import { CHANGE_LOG_BYTES } from '../../src/store/memory.ts';
import { Store } from '../../src/store/store.ts';
import { createStoreMemory } from '../../src/store/store-parts.ts';
import { type FakeConnection, FakeTransport } from './fake-transport.ts';
import { ManualEnvironment } from './manual-environment.ts';

export class KeptThread {
  readonly environment = new ManualEnvironment();
  readonly state = PersistenceState.create();
  readonly assembly: Assembly;
  /** How often the thread was woken. */
  wakeCount = 0;
  private readonly transport = new FakeTransport();
  private readonly shared = SharedState.create(1);
  private readonly consumer: ChangeConsumer;

  private constructor(persistence: Partial<PersistenceOptions>, limits: Partial<Limits>) {
    const defaults = defaultOptions();
    const options = {
      ...defaults,
      memoryBytes: 16 * 2 ** 20,
      limits: { ...defaults.limits, ...limits },
      persistence: { ...defaults.persistence, dataDir: 'nowhere', mode: 'log' as const, ...persistence },
    };
    const { memoryBytes, eviction } = options;
    const handle = createStoreMemory({
      memoryBytes,
      segmentBytes: 0,
      threadCount: 1,
      eviction,
      changeLogBytes: CHANGE_LOG_BYTES,
    });
    this.consumer = new ChangeLog(handle).open(null)!;
    this.state.setStatus(PersistenceStatus.ok);
    this.assembly = assembleDataThread({
      options,
      environment: this.environment,
      store: Store.attach(handle, 0),
      identity: {
        runId: '0'.repeat(40),
        startedAtMs: 0,
        processId: process.pid,
        version: 'test',
        transportName: 'none',
        host: '127.0.0.1',
        port: 0,
      },
      shared: this.shared,
      threads: new SoleThread(() => ({ node: this.assembly.services, control: this.assembly.thread.control })),
      mail: null,
      transport: this.transport,
      slots: null,
      itemVersionSeed: [3, 4],
      persistence: this.state,
    });
  }

  static async start(persistence: Partial<PersistenceOptions> = {}, limits: Partial<Limits> = {}): Promise<KeptThread> {
    const kept = new KeptThread(persistence, limits);
    await kept.transport.listen({ host: '127.0.0.1', port: 0 }, kept.assembly.thread);
    kept.environment.timers.every(TICK_INTERVAL_MS, () => kept.assembly.sweep.tick());
    return kept;
  }

  open(): FakeConnection {
    return this.transport.open();
  }

  /** A mark behind all changes so far. */
  get end(): number {
    return this.consumer.end;
  }

  /** The system has all changes before `end`. */
  write(end = this.end): void {
    this.state.setWritten(end);
    this.announce();
  }

  /** All changes before `end` are safe. */
  sync(end = this.end): void {
    this.state.setWritten(end);
    this.state.setDurable(end);
    this.announce();
  }

  fail(reason: string): void {
    this.state.setFailure(reason);
    this.state.setStatus(PersistenceStatus.failing);
    this.announce();
  }

  /** The disk takes everything again. */
  mend(): void {
    this.state.setFailure('');
    this.state.setStatus(PersistenceStatus.ok);
    this.sync();
  }

  announce(): void {
    announceProgress(this.shared, 1, () => {
      this.wakeCount += 1;
      this.assembly.thread.mailArrived();
    });
  }
}
