/** A real data thread without sockets, of a node that keeps its data, and a disk that does what a test says. */
import type { SlotTable } from '../../src/cluster/slot-table.ts';
import { defaultOptions } from '../../src/config/options.ts';
import type { Limits, PersistenceOptions } from '../../src/config/node-options.ts';
import type { LastWill } from '../../src/persistence/persistence-state.ts';
import { assembleDataThread, type Assembly } from '../../src/server/assembly.ts';
import { TICK_INTERVAL_MS } from '../../src/server/connection-sweep.ts';
import { SharedState } from '../../src/server/threads/shared-state.ts';
import { SoleThread } from '../../src/server/threads/sole-thread.ts';
import { CHANGE_LOG_BYTES } from '../../src/store/memory.ts';
import { Store } from '../../src/store/store.ts';
import { createStoreMemory } from '../../src/store/store-parts.ts';
import { type FakeConnection, FakeTransport } from './fake-transport.ts';
import { ManualDisk } from './manual-disk.ts';
import { ManualEnvironment } from './manual-environment.ts';

export class KeptThread {
  readonly environment = new ManualEnvironment();
  readonly assembly: Assembly;
  readonly disk: ManualDisk;
  /** How clients asked the node to stop. */
  readonly stopsAsked: LastWill[] = [];
  private readonly transport = new FakeTransport();
  private readonly shared = SharedState.create(1);

  private constructor(persistence: Partial<PersistenceOptions>, limits: Partial<Limits>, slots: SlotTable | null) {
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
    this.disk = new ManualDisk(handle, this.shared, () => this.assembly.thread.mailArrived());
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
      slots,
      itemVersionSeed: [3, 4],
      persistence: this.disk.state,
      askToStop: (last) => this.stopsAsked.push(last),
    });
  }

  /** `slots`: of a node in a cluster. */
  static async start(
    persistence: Partial<PersistenceOptions> = {},
    limits: Partial<Limits> = {},
    slots: SlotTable | null = null,
  ): Promise<KeptThread> {
    const kept = new KeptThread(persistence, limits, slots);
    await kept.transport.listen({ host: '127.0.0.1', port: 0 }, kept.assembly.thread);
    kept.environment.timers.every(TICK_INTERVAL_MS, () => kept.assembly.sweep.tick());
    return kept;
  }

  open(): FakeConnection {
    return this.transport.open();
  }
}
