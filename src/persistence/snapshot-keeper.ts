/**
 * When a snapshot is made, and how one that is whole takes the place of what was there before. Here is what has a file of its own (snapshot-run.ts) put
 * in its order: aside, synced, named, listed, and only then is removed what it replaces.
 */
import type { ChangeLog } from '../changes/change-log.ts';
import { codeOf } from '../io/system-error.ts';
import type { Store } from '../store/store.ts';
import type { ChangeTail } from './change-tail.ts';
import type { DataSet } from './data-set.ts';
import { Figure, type PersistenceState } from './persistence-state.ts';
import { SnapshotRun } from './snapshot-run.ts';

export interface SnapshotKeeperParts {
  readonly store: Store;
  readonly log: ChangeLog;
  readonly dataSet: DataSet;
  readonly tail: ChangeTail;
  readonly state: PersistenceState;
  /** Infinite: none by the clock. */
  readonly intervalMs: number;
  readonly logLine: (level: 'info' | 'warn' | 'error', text: string) => void;
}

/** The logs are compacted, by a snapshot, when they are longer than this, which is loaded in a second or two, and than the last snapshot. */
const COMPACTION_BYTES_MIN: number = 256 * 1024 * 1024;

export class SnapshotKeeper {
  run: SnapshotRun | null = null;
  /** Something happened that only a snapshot tells. */
  isNeeded: boolean;
  private readonly parts: SnapshotKeeperParts;
  private dueMs: number;
  /** Of the snapshot at hand: requests up to this ticket are answered by it, and what else wanted it. */
  private attempt: { readonly ticket: number; readonly wasNeeded: boolean; readonly wasDueMs: number } | null = null;
  private notBeforeMs = Number.NEGATIVE_INFINITY;
  /** Sequence of the change log up to which the last snapshot goes. */
  private savedSequence: number;
  private baseBytes: number;

  constructor(parts: SnapshotKeeperParts, nowMs: number, wallMs: number) {
    const { store, dataSet, tail, state, intervalMs } = parts;
    this.parts = parts;
    // What was evicted before anybody followed is on the disk still, and would come back with more memory.
    this.isNeeded = store.stats().evicted > dataSet.evictedBefore;
    this.dueMs = nowMs + intervalMs;
    this.savedSequence = tail.position;
    this.baseBytes = dataSet.snapshotBytes;
    state.setFigure(Figure.lastSaveMs, wallMs);
    state.setFigure(Figure.baseBytes, this.baseBytes);
    state.setFigure(Figure.savedSequence, this.savedSequence);
  }

  /** Whether anything was changed that the last snapshot does not have. */
  get isDirty(): boolean {
    return this.parts.log.sequence !== this.savedSequence;
  }

  /** Whether a snapshot is to begin, with logs of `logBytes` since the last one. */
  isDue(nowMs: number, logBytes: number): boolean {
    if (this.run !== null || nowMs < this.notBeforeMs) return false;
    if (this.isNeeded || this.parts.state.isSaveWanted) return true;
    return (nowMs >= this.dueMs && this.isDirty) || logBytes > Math.max(COMPACTION_BYTES_MIN, this.baseBytes);
  }

  /** Begins one. What has changed before is in it; what changes from here on has to come behind it. */
  begin(nowMs: number, wallMs: number): void {
    const { store, dataSet, tail, state, intervalMs } = this.parts;
    this.attempt = { ticket: state.wantedTicket, wasNeeded: this.isNeeded, wasDueMs: this.dueMs };
    this.isNeeded = false;
    this.dueMs = nowMs + intervalMs;
    state.beginSave();
    state.setFigure(Figure.savingSinceMs, wallMs);
    state.setFigure(Figure.savingItems, 0);
    state.setFigure(Figure.savingItemsTotal, store.stats().itemCount);
    const identity = dataSet.newFile('snapshot');
    const file = dataSet.files.createFile(identity);
    this.run = new SnapshotRun(store, { identity, file, beganMs: nowMs, beganAt: tail.position });
    tail.writeHead(this.run.writer);
  }

  /** Copies a slice. True: all is copied, and so is all that changed meanwhile, if that was written. */
  writeSlice(run: SnapshotRun, wallMs: number): boolean {
    const { log, tail, state } = this.parts;
    if (!run.isScanned) run.writeSlice(log, wallMs);
    state.setFigure(Figure.savingItems, run.scannedItems);
    return run.isScanned && tail.hasPassed(run.scannedAt);
  }

  /** Gives a snapshot that is whole its name; no manifest lists it. */
  finish(run: SnapshotRun): void {
    run.finish();
    this.parts.dataSet.files.finishFile(run.identity);
  }

  /** Makes the snapshot, and the logs from `log` on (0: none), the folder's state, for good. Throws what the disk throws: then it may be that or not. */
  publish(run: SnapshotRun, log: number): void {
    const { dataSet } = this.parts;
    dataSet.publish({ ...dataSet.manifest, snapshot: run.identity.number, firstLog: log, lastLog: log });
  }

  /** After `publish`: the snapshot has succeeded, and has everything up to `sequence`. */
  succeeded(run: SnapshotRun, sequence: number, nowMs: number, wallMs: number): void {
    const { dataSet, state, logLine } = this.parts;
    this.run = null;
    this.savedSequence = sequence;
    this.baseBytes = run.bytes;
    state.setFigure(Figure.savedSequence, sequence);
    state.setFigure(Figure.baseBytes, run.bytes);
    state.setFigure(Figure.lastSaveBytes, run.bytes);
    state.setFigure(Figure.lastSaveItems, run.scannedItems);
    state.setFigure(Figure.lastSaveMs, wallMs);
    state.setFigure(Figure.lastSaveDurationMs, nowMs - run.beganMs);
    state.addToFigure(Figure.saveCount, 1);
    state.endSave(this.attempt!.ticket, 'done');
    this.attempt = null;
    try {
      dataSet.files.removeLeftOvers(dataSet.manifest);
    } catch (error) {
      if (codeOf(error) === '') throw error;
      logLine('warn', `cannot remove old files from ${dataSet.folder}: ${(error as Error).message}`);
    }
  }

  /** Gives up the snapshot at hand, if there is one, and removes what there is of it; another one waits for `notBeforeMs`. */
  failed(notBeforeMs: number): void {
    const { run, attempt } = this;
    this.notBeforeMs = notBeforeMs;
    if (attempt === null) return;
    this.run = null;
    this.attempt = null;
    // Who asked for it is told; what the clock or the data asked for is still wanted.
    this.isNeeded ||= attempt.wasNeeded;
    this.dueMs = attempt.wasDueMs;
    run?.abandon(this.parts.dataSet.files);
    this.parts.state.addToFigure(Figure.saveFailureCount, 1);
    this.parts.state.endSave(attempt.ticket, 'failed');
  }
}
