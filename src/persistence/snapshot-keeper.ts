/**
 * When a snapshot is made, and how one that is whole takes the place of what was there before. Here is what has a file of its own (snapshot-run.ts) put
 * in its order: aside, synced, named, listed, and only then is removed what it replaces.
 */
import type { ChangeLog } from '../changes/change-log.ts';
import { codeOf } from '../io/system-error.ts';
import type { Store } from '../store/store.ts';
import type { ChangeTail } from './change-tail.ts';
import type { DataSet } from './data-set.ts';
import { ASIDE_ENDING, type FileIdentity, fileName } from './file-names.ts';
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

/** The logs are compacted, by a snapshot, when they are longer than this and than the last snapshot. */
const COMPACTION_BYTES_MIN: number = 64 * 1024 * 1024;

export class SnapshotKeeper {
  run: SnapshotRun | null = null;
  /** Something happened that only a snapshot tells. */
  isNeeded: boolean;
  private readonly parts: SnapshotKeeperParts;
  private dueMs: number;
  private notBeforeMs = Number.NEGATIVE_INFINITY;
  /** Sequence of the change log up to which the last snapshot goes. */
  private savedSequence: number;
  private baseBytes: number;

  constructor(parts: SnapshotKeeperParts, nowMs: number, wallMs: number) {
    const { dataSet, tail, state, intervalMs } = parts;
    this.parts = parts;
    this.isNeeded = dataSet.isStale;
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
    this.dueMs = nowMs + intervalMs;
    const identity = dataSet.newFile('snapshot');
    const ticket = state.wantedTicket;
    state.beginSave();
    state.setFigure(Figure.savingSinceMs, wallMs);
    state.setFigure(Figure.savingItems, 0);
    state.setFigure(Figure.savingItemsTotal, store.stats().itemCount);
    try {
      const file = dataSet.files.createFile(identity);
      this.run = new SnapshotRun(store, { identity, file, ticket, beganMs: nowMs, beganAt: tail.position });
      this.isNeeded = false;
      tail.isFlushUnclear = false;
      tail.writeMapping(this.run.writer);
    } catch (error) {
      if (this.run === null) state.endSave(ticket, 'failed');
      throw error;
    }
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
    state.endSave(run.ticket, 'done');
    try {
      dataSet.files.removeLeftOvers(dataSet.manifest);
    } catch (error) {
      if (codeOf(error) === '') throw error;
      logLine('warn', `cannot remove old files from ${dataSet.folder}: ${(error as Error).message}`);
    }
  }

  /** Gives up the snapshot at hand, if there is one, and removes what there is of it; another one waits for `notBeforeMs`. */
  failed(notBeforeMs: number): void {
    const { run } = this;
    this.notBeforeMs = notBeforeMs;
    if (run === null) return;
    this.run = null;
    this.isNeeded = true;
    run.abandon();
    this.remove(run.identity);
    this.parts.state.addToFigure(Figure.saveFailureCount, 1);
    this.parts.state.endSave(run.ticket, 'failed');
  }

  /** One that has its name already is removed after the next that succeeds: whether a manifest lists it may be unknown. */
  private remove({ kind, number }: FileIdentity): void {
    const { files } = this.parts.dataSet;
    try {
      files.disk.remove(files.pathOf(fileName(kind, number) + ASIDE_ENDING));
    } catch (error) {
      // The next attempt, or the next start, removes it.
      if (codeOf(error) === '') throw error;
    }
  }
}
