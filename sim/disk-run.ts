/**
 * A store whose changes are kept, over several lives of its process, on a disk that fails, fills up and loses its power: all of it from one seed, in one
 * thread, on virtual time. After each life the next one loads what it finds, and KeptHistory says whether that may be.
 */
import { ChangeLog } from '../src/changes/change-log.ts';
import { ShoalError } from '../src/base/errors.ts';
import type { DataHolder } from '../src/persistence/data-lock.ts';
import { DataSet } from '../src/persistence/data-set.ts';
import { isAsideName } from '../src/persistence/file-names.ts';
import type { FsyncPolicy } from '../src/persistence/log-keeper.ts';
import { PersistenceEngine, type PersistenceMode } from '../src/persistence/persistence-engine.ts';
import { Figure, PersistenceState, PersistenceStatus } from '../src/persistence/persistence-state.ts';
import { Janitor } from '../src/store/janitor.ts';
import { diskRow, janitorRow } from '../src/store/memory.ts';
import { Store } from '../src/store/store.ts';
import { type DiskBug, withEarlyDurable, withoutSomeRecords } from './disk-bugs.ts';
import { type DiskCall, ProcessEnded, SimulatedDisk } from './disk.ts';
import { KeptHistory } from './kept-history.ts';
import { Chance } from './randomness.ts';
import { StoreActions } from './store-actions.ts';

export type DiskFailureKind =
  /** Something that was said to be kept is not there. */
  | 'lost'
  /** A value that was never written, or a key that never was. */
  | 'wrong'
  /** A data set that nothing but crashes has touched is refused. */
  | 'refused'
  /** The disk is well, and what is written is not kept. */
  | 'stuck'
  /** Files stay that nobody needs. */
  | 'leftOver'
  /** Code that runs in the simulation threw. */
  | 'crash';

export interface DiskRunResult {
  readonly seed: number;
  readonly failure: { readonly kind: DiskFailureKind; readonly message: string; readonly life: number } | null;
  readonly figures: {
    readonly lives: number;
    readonly changes: number;
    readonly snapshots: number;
    readonly failures: number;
    readonly lostCount: number;
    readonly cutTails: number;
    readonly diskCalls: number;
  };
}

const FOLDER = '/data';
const LIVES = 5;
const STORE_BYTES: number = 4 * 1024 * 1024;
const CHANGE_LOG_BYTES: number = 256 * 1024;
const FSYNC_POLICIES: readonly FsyncPolicy[] = ['never', 'everysec', 'always'];
/** Steps in which a disk that is well has to catch up. */
const CATCH_UP_STEPS = 20_000;

class DiskRunFailure extends Error {
  readonly kind: DiskFailureKind;

  constructor(kind: DiskFailureKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** What is kept of a life for the next one. */
interface Before {
  readonly history: KeptHistory;
  /** Sequences up to which it was said to be kept whatever ends, and as long as the power stays. */
  readonly durable: number;
  readonly written: number;
  /** A life that ended while it was loading changes nothing but this. */
  readonly isPowerLost: boolean;
}

export function runDisk(seed: number, bug: DiskBug | null): DiskRunResult {
  const run = new DiskRun(seed, bug);
  try {
    for (run.life = 1; run.life <= LIVES; run.life += 1) run.live();
    return run.result(null);
  } catch (error) {
    const kind = error instanceof DiskRunFailure ? error.kind : 'crash';
    const message = error instanceof DiskRunFailure ? error.message : String((error as Error).stack);
    return run.result({ kind, message, life: run.life });
  }
}

/** Of a process that runs. */
interface LivingParts {
  readonly engine: PersistenceEngine;
  readonly history: KeptHistory;
  readonly state: PersistenceState;
  readonly log: ChangeLog;
}

class DiskRun {
  life = 0;
  private readonly seed: number;
  private readonly bug: DiskBug | null;
  private readonly chance: Chance;
  private readonly mode: PersistenceMode;
  private readonly fsync: FsyncPolicy;
  private disk = new SimulatedDisk();
  private before: Before | null = null;
  private nowMs = 1000;
  private wallMs = 1_700_000_000_000;
  private readonly figures = {
    lives: 0,
    changes: 0,
    snapshots: 0,
    failures: 0,
    lostCount: 0,
    cutTails: 0,
    diskCalls: 0,
  };

  constructor(seed: number, bug: DiskBug | null) {
    this.seed = seed;
    this.bug = bug;
    this.chance = new Chance(seed, 'life');
    this.mode = this.chance.happens(0.75) ? 'log' : 'snapshot';
    this.fsync = this.chance.pick(FSYNC_POLICIES);
  }

  result(failure: DiskRunResult['failure']): DiskRunResult {
    return { seed: this.seed, failure, figures: this.figures };
  }

  /** One life of the process: recovers, works, and ends well or not. */
  live(): void {
    const { chance } = this;
    this.figures.lives += 1;
    this.disk.liesAboutSync = this.bug === 'lyingDisk';
    this.disk.liesAboutFolders = this.bug === 'forgetFolder';
    if (chance.happens(0.7)) this.disk.endAt = this.disk.calls + Math.floor(chance.exponential(300));
    const store = Store.create({
      memoryBytes: STORE_BYTES,
      segmentBytes: 0,
      threadCount: 1,
      eviction: 's3fifo',
      changeLogBytes: CHANGE_LOG_BYTES,
      hashSeed: [this.seed, this.life],
    });
    const log = new ChangeLog(store.handle);
    let state: PersistenceState | null = null;
    let history: KeptHistory | null = null;
    try {
      const dataSet = this.recover(store, log);
      history = new KeptHistory(store, log, this.wallMs);
      this.before = { history, durable: log.sequence, written: log.sequence, isPowerLost: false };
      state = PersistenceState.create();
      this.work({ store, log, history, state, dataSet });
    } catch (error) {
      if (!(error instanceof ProcessEnded)) throw error;
    }
    this.figures.diskCalls += this.disk.calls;
    if (state !== null && history !== null) {
      this.figures.lostCount += state.figure(Figure.lostCount);
      this.figures.snapshots += state.figure(Figure.saveCount);
      this.figures.changes += history.position;
    }
    this.endProcess(state);
  }

  /** What the next life finds, and what it may count on. */
  private endProcess(state: PersistenceState | null): void {
    const isPowerLost = this.chance.happens(0.6);
    const random = (): number => this.chance.fraction();
    if (this.before !== null) {
      const { history } = this.before;
      const { durable, written } = state ?? this.before;
      this.before = {
        history,
        durable,
        written,
        isPowerLost: isPowerLost || (state === null && this.before.isPowerLost),
      };
    }
    this.disk = isPowerLost ? this.disk.afterPowerLoss(random) : this.disk.afterProcessEnd();
  }

  private recover(store: Store, log: ChangeLog): DataSet {
    try {
      const dataSet = DataSet.open(this.disk, FOLDER, {
        itemVersionSeed: [1, 2],
        dataSetId: Buffer.alloc(16, 7),
        address: 'simulated',
        holder: this.holder(),
      });
      const loader = Store.attach(store.handle, diskRow(store.handle));
      const { cutTail } = dataSet.recover(loader, this.wallMs, () => undefined);
      if (cutTail !== null) this.figures.cutTails += 1;
      if (this.before !== null) {
        const { history, durable, written, isPowerLost } = this.before;
        const problem = history.problem(store, isPowerLost ? durable : written, this.wallMs);
        if (problem !== null) throw new DiskRunFailure(problem.kind, problem.text);
      }
      if (log.sequence !== 0) throw new Error('nobody follows a store that is being loaded');
      return dataSet;
    } catch (error) {
      if (error instanceof ShoalError) throw new DiskRunFailure('refused', error.message);
      throw error;
    }
  }

  /** Each life is a process of its own, and those before it are over. */
  private holder(): DataHolder {
    return {
      identity: {
        id: this.life.toString(16),
        pid: this.life,
        began: String(this.life),
        boot: 'one',
        namespace: 'one',
        host: 'simulated',
        address: 'simulated',
      },
      monotonicMs: () => this.nowMs,
      sleep: (forMs) => this.pass(forMs),
      look: () => ({ kind: 'missing' }),
    };
  }

  private work(parts: {
    readonly store: Store;
    readonly log: ChangeLog;
    readonly history: KeptHistory;
    readonly state: PersistenceState;
    readonly dataSet: DataSet;
  }): void {
    const { store, log, history, state, dataSet } = parts;
    const { chance, bug } = this;
    const engine = new PersistenceEngine(
      {
        store: Store.attach(store.handle, diskRow(store.handle)),
        log: bug === 'skipRecord' ? withoutSomeRecords(log) : log,
        dataSet,
        mode: this.mode,
        fsync: this.fsync,
        snapshotIntervalMs: chance.pick([2000, 30_000, Number.POSITIVE_INFINITY]),
        state: bug === 'earlyDurable' ? withEarlyDurable(state) : state,
        logLine: () => undefined,
        onAdvance: () => undefined,
      },
      this.nowMs,
      this.wallMs,
    );
    const janitor = new Janitor(Store.attach(store.handle, janitorRow(store.handle)));
    const actions = new StoreActions(store, new Chance(this.seed * LIVES + this.life, 'actions'));
    const count = Math.floor(chance.exponential(60));
    for (let turn = 0; turn < count; turn += 1) {
      if (chance.happens(0.003)) actions.flood(this.wallMs, () => history.observe(this.wallMs));
      actions.some(this.wallMs, () => history.observe(this.wallMs));
      while (chance.happens(0.5)) janitor.step(this.wallMs);
      history.observe(this.wallMs);
      if (chance.happens(0.05)) state.requestSave();
      if (chance.happens(0.06)) this.trouble();
      if (chance.happens(0.2)) this.noTrouble();
      for (let steps = chance.below(6); steps > 0; steps -= 1) this.step(engine, history);
      if (state.status === PersistenceStatus.failing) this.figures.failures += 1;
      this.pass(chance.exponential(300));
    }
    this.noTrouble();
    if (chance.happens(0.3)) return;
    this.catchUp({ engine, history, state, log });
    if (chance.happens(0.5)) return;
    if (this.mode === 'snapshot') actions.some(this.wallMs, () => history.observe(this.wallMs));
    const problem = engine.stop(this.nowMs, this.wallMs);
    if (problem !== null) throw new DiskRunFailure('stuck', `it does not stop well: ${problem.message}`);
    if (!state.isDurable(log.sequence)) throw new DiskRunFailure('stuck', 'it stopped well, and not all is durable');
    dataSet.close();
  }

  /** Reading an item that has expired removes it, so steps change things, too. */
  private step(engine: PersistenceEngine, history: KeptHistory): number {
    const nextMs = engine.step(this.nowMs, this.wallMs);
    history.observe(this.wallMs);
    return nextMs;
  }

  /** A disk that is well takes everything in the end, and nothing stays that is not needed. */
  private catchUp(parts: LivingParts): void {
    const leftOver = (): readonly string[] =>
      this.disk.paths().filter((path) => isAsideName(path.slice(FOLDER.length + 1)));
    this.settle(parts);
    if (leftOver().length === 0) return;
    // What could not be removed is removed before the next snapshot.
    parts.state.requestSave();
    this.settle(parts);
    if (leftOver().length > 0) throw new DiskRunFailure('leftOver', leftOver().join());
  }

  private settle({ engine, history, state, log }: LivingParts): void {
    const isDone = (): boolean => {
      if (state.status !== PersistenceStatus.ok || state.isSaving || state.isSaveWanted) return false;
      if (this.mode === 'snapshot') return true;
      return this.fsync === 'never' ? state.isWritten(log.sequence) : state.isDurable(log.sequence);
    };
    for (let step = 0; !isDone(); step += 1) {
      if (step === CATCH_UP_STEPS) throw new DiskRunFailure('stuck', `status ${state.status}: ${state.failure}`);
      const nextMs = this.step(engine, history);
      this.pass(Math.max(0, nextMs - this.nowMs));
    }
  }

  private trouble(): void {
    const { chance, disk } = this;
    switch (chance.below(4)) {
      case 0:
        disk.isReadOnly = true;
        return;
      case 1:
        disk.capacityBytes = chance.below(200_000);
        return;
      case 2: {
        const share = chance.fraction();
        disk.onCall = (call) => (FAILING.has(call) && chance.happens(share) ? 'EIO' : null);
        return;
      }
      default: {
        const failing = chance.pick([...FAILING]);
        disk.onCall = (call) => (call === failing ? 'EIO' : null);
      }
    }
  }

  private noTrouble(): void {
    this.disk.isReadOnly = false;
    this.disk.capacityBytes = Number.POSITIVE_INFINITY;
    this.disk.onCall = () => null;
  }

  private pass(ms: number): void {
    this.nowMs += ms;
    this.wallMs += Math.floor(ms);
  }
}

const FAILING: ReadonlySet<DiskCall> = new Set<DiskCall>([
  'create',
  'open',
  'rename',
  'remove',
  'syncFolder',
  'write',
  'sync',
  'close',
  'list',
]);
