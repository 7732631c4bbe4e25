/** A store whose changes are kept on a disk, over as many lives as a test wants: data set, engine and state, with time that moves when the test says so. */
import { ProcessEnded, type SimulatedDisk } from '../../sim/disk.ts';
import { ChangeLog } from '../../src/changes/change-log.ts';
import type { ShoalError } from '../../src/base/errors.ts';
import type { Disk } from '../../src/io/disk.ts';
import { ClaimTable } from '../../src/persistence/claims.ts';
import type { DataHolder } from '../../src/persistence/data-lock.ts';
import { DataSet } from '../../src/persistence/data-set.ts';
import { PersistenceEngine, type PersistenceEngineOptions } from '../../src/persistence/persistence-engine.ts';
import { PersistenceState } from '../../src/persistence/persistence-state.ts';
import type { RecoveryReport } from '../../src/persistence/recovery.ts';
import { diskRow } from '../../src/store/memory.ts';
import { Store } from '../../src/store/store.ts';
import type { StoreConfig } from '../../src/store/store-parts.ts';
import { StoreDriver } from './store-driver.ts';

export const FOLDER = '/data';
export const WALL_MS = 1_700_000_000_000;

export interface KeptStoreOptions
  extends Partial<Pick<PersistenceEngineOptions, 'mode' | 'fsync' | 'snapshotIntervalMs'>> {
  readonly wallMs?: number;
  readonly store?: Partial<StoreConfig>;
  readonly folder?: string;
  /** Of the node; left out: it is in none. */
  readonly cluster?: string;
}

let holders = 0;

/** A process of its own, after all others ended. */
export function newHolder(): DataHolder & { pass: (ms: number) => void } {
  holders += 1;
  let nowMs = 0;
  const identity = { pid: holders, began: '1', boot: 'one', namespace: 'one', host: 'here', address: 'here:7600' };
  return {
    identity: { ...identity, id: holders.toString(16).padStart(16, '0') },
    monotonicMs: () => nowMs,
    sleep: (forMs) => void (nowMs += forMs),
    pass: (ms) => void (nowMs += ms),
    look: () => ({ kind: 'missing' }),
  };
}

export function openDataSet(disk: Disk, folder = FOLDER, holder: DataHolder = newHolder()): DataSet {
  return DataSet.open(disk, folder, {
    itemVersionSeed: [11, 22],
    dataSetId: Buffer.alloc(16, 7),
    address: 'here:7600',
    holder,
  });
}

export class KeptStore {
  nowMs = 1000;
  wallMs: number;
  readonly dataSet: DataSet;
  private readonly holder = newHolder();
  readonly driver: StoreDriver;
  readonly log: ChangeLog;
  readonly state: PersistenceState = PersistenceState.create();
  readonly engine: PersistenceEngine;
  readonly report: RecoveryReport;
  /** Of a node in a cluster. */
  readonly claims: ClaimTable | null;
  /** What it had to say. */
  readonly lines: string[] = [];

  constructor(disk: Disk, options: KeptStoreOptions = {}) {
    this.wallMs = options.wallMs ?? WALL_MS;
    this.dataSet = openDataSet(disk, options.folder, this.holder);
    const store = Store.create({
      memoryBytes: 8 * 2 ** 20,
      segmentBytes: 0,
      threadCount: 1,
      eviction: 's3fifo',
      changeLogBytes: 2 ** 18,
      hashSeed: [1, 2],
      ...options.store,
    });
    this.driver = new StoreDriver(store);
    this.log = new ChangeLog(store.handle);
    const diskStore = Store.attach(store.handle, diskRow(store.handle));
    try {
      this.report = this.dataSet.recover(diskStore, this.wallMs, () => undefined, options.cluster ?? null);
    } catch (error) {
      this.dataSet.close();
      throw error;
    }
    this.claims = options.cluster === undefined ? null : ClaimTable.create();
    for (const note of this.report.claims) this.claims?.set(note);
    this.engine = new PersistenceEngine(
      {
        store: diskStore,
        log: this.log,
        dataSet: this.dataSet,
        mode: options.mode ?? 'log',
        fsync: options.fsync ?? 'always',
        snapshotIntervalMs: options.snapshotIntervalMs ?? Number.POSITIVE_INFINITY,
        state: this.state,
        cluster: this.claims === null ? null : { name: options.cluster!, claims: this.claims },
        logLine: (level, text) => void this.lines.push(`${level}: ${text}`),
        onAdvance: () => undefined,
      },
      this.nowMs,
      this.wallMs,
    );
  }

  get store(): Store {
    return this.driver.store;
  }

  set(key: string, value: string, database = 0): void {
    this.driver.set(key, value, this.wallMs, () => {}, database);
  }

  get(key: string, database = 0): string | null {
    return this.driver.get(key, this.wallMs, database);
  }

  delete(key: string): void {
    this.driver.delete(key, this.wallMs);
  }

  /** Inside an exclusive section, as EXEC and FLUSHALL are. */
  alone(change: (store: Store) => void): void {
    const { store } = this;
    store.enter();
    store.beginExclusive();
    change(store);
    store.endExclusive();
    store.leave();
  }

  /** Steps until there is nothing to do at once. */
  settle(): void {
    for (let nextMs = 0; nextMs <= this.nowMs; ) nextMs = this.engine.step(this.nowMs, this.wallMs);
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.wallMs += ms;
  }

  /** Time for the lock of the folder alone, which has a clock of its own. */
  passForLock(ms: number): void {
    this.holder.pass(ms);
  }

  /** Asks for a snapshot and lets it end. */
  save(): void {
    this.state.requestSave();
    this.settle();
  }

  stop(): ShoalError | null {
    const failure = this.engine.stop(this.nowMs, this.wallMs);
    this.dataSet.close();
    return failure;
  }

  /** Keys and values of database 0, for comparison. */
  contents(keys: readonly string[]): Record<string, string | null> {
    return Object.fromEntries(keys.map((key) => [key, this.get(key)]));
  }
}

/** The disk that is left where `use` is ended at any of its calls, one after the other; `use` gets a fresh copy each time. */
export function* endAtEachCall(disk: SimulatedDisk, use: (disk: SimulatedDisk) => void): Generator<SimulatedDisk> {
  for (let end = 0; ; end += 1) {
    const copy = disk.copy();
    copy.endAt = end;
    try {
      use(copy);
      return;
    } catch (error) {
      if (!(error instanceof ProcessEnded)) throw error;
      yield copy;
    }
  }
}
