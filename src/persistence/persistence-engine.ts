/**
 * Keeps a store's changes on disk. Sans-IO but for the `Disk` that it is given: a thread of its own calls `step`, which blocks while the disk does, until
 * it is told to stop.
 *
 * With `log`, each step appends what changed since the last one, and syncs it by the policy. A snapshot begins with a new log, and when it is whole it
 * stands for all before that log. With `snapshot`, changes matter only while a snapshot is written, and go into it.
 *
 * A call that fails, and a change log that ran over, end the log: what it holds up to there stays the folder's state. Then all is built anew beside it, a
 * log that the manifest does not list and a snapshot, and becomes the folder's state when both last. `written` and `durable` stand still from the
 * failure to that moment, because what was written meanwhile counts for nothing before.
 */
import { ShoalError } from '../base/errors.ts';
import type { ChangeLog } from '../changes/change-log.ts';
import { codeOf } from '../io/system-error.ts';
import type { Store } from '../store/store.ts';
import { ChangeTail, type ClusterFiles } from './change-tail.ts';
import { diskFailure } from './data-folder.ts';
import type { DataSet } from './data-set.ts';
import { type FsyncPolicy, LogKeeper } from './log-keeper.ts';
import { Figure, type PersistenceState, PersistenceStatus } from './persistence-state.ts';
import { SnapshotKeeper } from './snapshot-keeper.ts';
import type { SnapshotRun } from './snapshot-run.ts';

/** `snapshot`: whole copies from time to time. `log`: each change, too. */
export type PersistenceMode = 'snapshot' | 'log';

export interface PersistenceEngineOptions {
  /** The disk thread's access (`diskRow`). */
  readonly store: Store;
  readonly log: ChangeLog;
  /** Recovered. */
  readonly dataSet: DataSet;
  readonly mode: PersistenceMode;
  readonly fsync: FsyncPolicy;
  /** Time between the beginnings of two snapshots, if anything has changed; infinite: only those that are asked for, or that the log's length asks for. */
  readonly snapshotIntervalMs: number;
  readonly state: PersistenceState;
  readonly logLine: (level: 'info' | 'warn' | 'error', text: string) => void;
  /** Of a node in a cluster; left out: it is in none. */
  readonly cluster?: ClusterFiles | null;
  /** Called when `durable` or the status has changed, and `followed` while writers are held: who waits is to look. */
  readonly onAdvance: () => void;
}

/** How long a change may wait for its group while nobody asks for it: shortly after others, and else. */
const BUSY_TICK_MS = 10;
const IDLE_TICK_MS = 50;
/** A new attempt comes after this, and after so many times the time that the last one took: on a full disk it may write a lot. */
const RETRY_MS = 1000;
const RETRY_FACTOR = 4;
/** After a snapshot that failed while the log goes on: each attempt begins a log, and nothing is lost meanwhile. */
const SNAPSHOT_RETRY_MS = 30_000;
/** At the end there is no later: what fails is tried again at once. */
const STOP_ATTEMPTS = 2;
/** Writers are held at this share of the change log, until it is below the other. */
const HOLD_SHARE = 0.5;
const RELEASE_SHARE = 0.25;

export class PersistenceEngine {
  private readonly options: PersistenceEngineOptions;
  private readonly tail: ChangeTail;
  private readonly log: LogKeeper;
  private readonly snapshots: SnapshotKeeper;
  /** Why the disk does not take what is written; empty: it does. */
  private failure = '';
  private failureKind = '';
  private retryAtMs = Number.NEGATIVE_INFINITY;
  private attemptBeganMs: number;
  private busyUntilMs = Number.NEGATIVE_INFINITY;
  private isEnding = false;

  /** From here on each change is followed: make it after the recovery and before anybody is served. `nowMs`: as for `step`. */
  constructor(options: PersistenceEngineOptions, nowMs: number, wallMs: number) {
    const { store, log, dataSet, state, fsync, snapshotIntervalMs: intervalMs, logLine, onAdvance } = options;
    this.options = options;
    store.countsUse = false;
    const tail = new ChangeTail(store, log, options.cluster ?? null);
    this.tail = tail;
    this.attemptBeganMs = nowMs;
    this.log = new LogKeeper({ dataSet, tail, state, fsync, onAdvance });
    this.snapshots = new SnapshotKeeper({ store, log, dataSet, tail, state, intervalMs, logLine }, nowMs, wallMs);
    state.setWritten(tail.position);
    state.setDurable(tail.position);
    state.setFollowed(tail.position);
    state.setStatus(PersistenceStatus.ok);
  }

  /**
   * A bounded piece of work at `nowMs`, by a clock that never goes back, `wallMs` since 1970. Returns when to call it again at the latest, by the first
   * clock; at or before `nowMs`: at once. Never throws for what the disk does: `state` says so.
   */
  step(nowMs: number, wallMs: number): number {
    const isWaiting = nowMs < this.retryAtMs;
    try {
      if (isWaiting) this.options.dataSet.keepLock();
      else this.work(nowMs, wallMs);
    } catch (error) {
      if (!isWaiting) this.fail(error, nowMs);
      else if (!isDiskError(error)) throw error;
    }
    return nowMs < this.retryAtMs ? Math.min(this.retryAtMs, nowMs + RETRY_MS) : this.nextMs(nowMs);
  }

  /** Writes what is left and makes it last: the rest of the log, or a last snapshot. Null: all is kept; else why not. The engine is over then. */
  stop(nowMs: number, wallMs: number): ShoalError | null {
    try {
      for (let attempt = 1; ; attempt += 1) {
        try {
          this.end(nowMs, wallMs);
          return null;
        } catch (error) {
          this.fail(error, nowMs);
          if (attempt === STOP_ATTEMPTS)
            return diskFailure(error, `the last changes are not in ${this.options.dataSet.folder}`);
        }
      }
    } finally {
      this.log.drop();
      this.tail.close();
    }
  }

  private end(nowMs: number, wallMs: number): void {
    this.isEnding = true;
    const { mode, dataSet } = this.options;
    dataSet.keepLock();
    if (mode === 'log') {
      this.endLog(nowMs, wallMs);
      return;
    }
    const isSaved = !this.snapshots.isDirty && dataSet.manifest.firstLog === 0;
    if (this.snapshots.run === null && !isSaved) this.beginSnapshot(nowMs, wallMs);
    while (this.snapshots.run !== null) this.work(nowMs, wallMs);
  }

  /** As `step`, but throws what the disk throws. */
  private work(nowMs: number, wallMs: number): void {
    const { mode, dataSet } = this.options;
    dataSet.keepLock();
    if (mode === 'log') this.workOnLog(nowMs, wallMs);
    const { run } = this.snapshots;
    if (run !== null) {
      if (this.isHurried || run.pace.begins(nowMs)) this.workOnSnapshot(run, nowMs, wallMs);
    } else if (this.snapshots.isDue(nowMs, mode === 'log' ? this.log.bytes : 0)) {
      this.beginSnapshot(nowMs, wallMs);
    }
    this.holdWriters();
  }

  /** Somebody waits for the end or for room, or what is written from now on counts for nothing until the snapshot is whole. */
  private get isHurried(): boolean {
    return (
      this.isEnding ||
      this.options.state.isHolding ||
      this.failure !== '' ||
      (this.options.mode === 'log' && !this.log.isListed)
    );
  }

  private workOnLog(nowMs: number, wallMs: number): void {
    if (!this.log.isOpen) {
      if (this.failure === '') this.log.open();
      else this.rebuild(nowMs, wallMs);
    }
    if (this.tail.hasMore) this.busyUntilMs = nowMs + IDLE_TICK_MS;
    if (this.log.step(nowMs, wallMs) === 'lost') {
      this.toldLost();
      this.rebuild(nowMs, wallMs);
    }
  }

  /** A new log beside the folder's state, and a snapshot of all: together they will be it. */
  private rebuild(nowMs: number, wallMs: number): void {
    this.attemptBeganMs = nowMs;
    this.snapshots.failed(Number.NEGATIVE_INFINITY);
    this.log.drop();
    this.options.dataSet.files.removeUnfinished();
    this.tail.skipToEnd();
    this.log.rebuild();
    this.snapshots.begin(nowMs, wallMs);
  }

  private beginSnapshot(nowMs: number, wallMs: number): void {
    const { mode, dataSet } = this.options;
    this.attemptBeganMs = nowMs;
    // One that failed may have left its file, where that could not be removed either.
    if (this.attempt(nowMs, () => (dataSet.files.removeUnfinished(), true)) !== true) return;
    if (mode === 'snapshot') this.tail.skipToEnd();
    else this.log.rotate();
    this.attempt(nowMs, () => this.snapshots.begin(nowMs, wallMs));
  }

  private workOnSnapshot(run: SnapshotRun, nowMs: number, wallMs: number): void {
    const isDone = this.attempt(nowMs, () => {
      const isWhole = this.snapshots.writeSlice(run, wallMs);
      if (this.options.mode === 'log') return isWhole;
      if (this.tail.writeGroup(run.writer, wallMs) === 'lost') this.toldLost();
      else return isWhole;
      throw new ShoalError('DataSetFailed', 'the disk is slower than the writers, so changes were missed');
    });
    if (isDone === true) this.completeSnapshot(run, nowMs, wallMs);
  }

  private completeSnapshot(run: SnapshotRun, nowMs: number, wallMs: number): void {
    const isLogged = this.options.mode === 'log';
    // First, so that what the snapshot lacks is in the log whatever happens next.
    if (isLogged) this.log.sync();
    if (this.attempt(nowMs, () => (this.snapshots.finish(run), true)) !== true) return;
    if (isLogged && !this.log.isListed) this.log.finish();
    this.snapshots.publish(run, isLogged ? this.log.number : 0);
    this.snapshots.succeeded(run, isLogged ? run.beganAt : this.tail.position, nowMs, wallMs);
    if (isLogged) this.log.compacted();
    else this.keptAll();
    this.mended();
  }

  /** Does a part of a snapshot. While there is a log that counts, one that fails is given up and the log goes on; else it is thrown on. */
  private attempt<T>(nowMs: number, part: () => T): T | null {
    try {
      return part();
    } catch (error) {
      if (!isDiskError(error) || this.options.mode === 'snapshot' || !this.log.isListed) throw error;
      this.snapshots.failed(Math.max(this.retryMs(nowMs), nowMs + SNAPSHOT_RETRY_MS));
      this.options.logLine('warn', `${diskFailure(error, 'a snapshot failed').message}; the log goes on`);
      return null;
    }
  }

  private endLog(nowMs: number, wallMs: number): void {
    if (!this.log.isOpen) {
      if (this.failure === '') this.log.open();
      else this.rebuild(nowMs, wallMs);
    }
    // What counts only together with its snapshot needs it.
    while (!this.log.isListed) this.work(nowMs, wallMs);
    this.snapshots.failed(Number.NEGATIVE_INFINITY);
    if (this.log.end(wallMs) === 'ok') return;
    this.rebuild(nowMs, wallMs);
    this.endLog(nowMs, wallMs);
  }

  /** Keeps those that write as far ahead as half the change log is long: each of their replies waits until what is further behind was read. */
  private holdWriters(): void {
    const { state, mode, onAdvance } = this.options;
    const { tail } = this;
    state.setFollowed(tail.position);
    const follows = mode === 'log' || this.snapshots.run !== null;
    const share = follows ? tail.lagShare : 0;
    const wasHolding = state.isHolding;
    const isHolding = share > (wasHolding ? RELEASE_SHARE : HOLD_SHARE);
    if (!isHolding && !wasHolding) return;
    state.setAheadMax(isHolding ? Math.ceil((tail.lag * HOLD_SHARE) / share) : 0);
    onAdvance();
  }

  private toldLost(): void {
    this.options.state.addToFigure(Figure.lostCount, 1);
    this.options.logLine('warn', 'the disk is slower than the writers, so changes were missed: all is written anew');
  }

  /** What was being written is over; it is tried again later. */
  private fail(error: unknown, nowMs: number): void {
    if (!isDiskError(error)) throw error;
    const { state, dataSet, logLine, onAdvance } = this.options;
    this.log.drop();
    this.retryAtMs = this.retryMs(nowMs);
    this.snapshots.failed(Number.NEGATIVE_INFINITY);
    this.snapshots.isNeeded = true;
    state.setAheadMax(0);
    const { message } = diskFailure(error, `cannot write to ${dataSet.folder}`);
    // Which call it was, of which file, changes from one attempt to the next.
    const kind = codeOf(error) === '' ? message : codeOf(error);
    if (kind !== this.failureKind) logLine('error', message);
    this.failureKind = kind;
    this.failure = message;
    state.setFailure(message);
    state.setStatus(PersistenceStatus.failing);
    onAdvance();
  }

  /** Without a log, what the snapshot has is what lasts. */
  private keptAll(): void {
    const { state, onAdvance } = this.options;
    state.setWritten(this.tail.position);
    state.setDurable(this.tail.position);
    onAdvance();
  }

  /** All is on disk, and lasts. */
  private mended(): void {
    if (this.failure === '') return;
    const { state, dataSet, logLine, onAdvance } = this.options;
    this.failure = '';
    this.failureKind = '';
    logLine('info', `${dataSet.folder} takes what is written again, and has all of it`);
    state.setStatus(PersistenceStatus.ok);
    state.setFailure('');
    onAdvance();
  }

  private retryMs(nowMs: number): number {
    return nowMs + Math.max(RETRY_MS, RETRY_FACTOR * (nowMs - this.attemptBeganMs));
  }

  private nextMs(nowMs: number): number {
    const isLogged = this.options.mode === 'log';
    if (isLogged && this.tail.hasMore) return nowMs;
    const tickMs = nowMs + (isLogged && nowMs < this.busyUntilMs ? BUSY_TICK_MS : IDLE_TICK_MS);
    const { run } = this.snapshots;
    if (run === null) return tickMs;
    return this.isHurried ? nowMs : Math.min(tickMs, run.pace.nextMs(nowMs));
  }
}

/** Whether it is the disk that threw this, and not a bug of ours. */
function isDiskError(error: unknown): boolean {
  return error instanceof ShoalError || codeOf(error) !== '';
}
