/**
 * The log that is being written: opens it, appends what has changed, syncs it by the policy, goes on in another one. What the disk throws goes to the
 * engine; then this log is over, and `rebuild` begins one that counts only together with a snapshot.
 */
import { codeOf } from '../io/system-error.ts';
import { AppendLog } from './append-log.ts';
import type { ChangeTail } from './change-tail.ts';
import type { DataSet } from './data-set.ts';
import { FILE_HEADER_BYTES, type FileIdentity, fileName } from './file-names.ts';
import { Figure, type PersistenceState } from './persistence-state.ts';

/** When what was appended to the log is made to survive a loss of power. `never`: when the system does it; at rotations and at the end. */
export type FsyncPolicy = 'never' | 'everysec' | 'always';

export interface LogKeeperParts {
  readonly dataSet: DataSet;
  readonly tail: ChangeTail;
  readonly state: PersistenceState;
  readonly fsync: FsyncPolicy;
  /** Called when `durable` has changed. */
  readonly onAdvance: () => void;
}

const SYNC_INTERVAL_MS = 1000;
/** After so long without a change, the log says of itself that all of it is durable. */
const MARK_AFTER_MS = 1000;

export class LogKeeper {
  private readonly parts: LogKeeperParts;
  private log: AppendLog | null = null;
  /** Bytes of the listed logs before the one at hand. */
  private olderBytes: number;
  private syncDueMs = Number.NEGATIVE_INFINITY;
  private markDueMs = Number.POSITIVE_INFINITY;

  constructor(parts: LogKeeperParts) {
    this.parts = parts;
    this.olderBytes = parts.dataSet.logBytes - parts.dataSet.logEnd;
    parts.state.setFigure(Figure.logBytes, parts.dataSet.logBytes);
  }

  get isOpen(): boolean {
    return this.log !== null;
  }

  /** Whether a recovery would read the log. */
  get isListed(): boolean {
    return this.log?.isListed === true;
  }

  /** Number of the log at hand; 0: there is none. */
  get number(): number {
    return this.log?.identity.number ?? 0;
  }

  /** Bytes of all logs since the last snapshot. */
  get bytes(): number {
    return this.olderBytes + (this.log?.writer.offset ?? 0);
  }

  /** Goes on in the last log, or makes the first one. */
  open(): void {
    const { files, manifest, logEnd } = this.parts.dataSet;
    if (manifest.lastLog === 0) {
      this.addListed();
      return;
    }
    const file = files.disk.open(files.pathOf(fileName('log', manifest.lastLog)), 'update');
    const identity: FileIdentity = { kind: 'log', dataSetId: manifest.dataSetId, number: manifest.lastLog };
    this.log = new AppendLog(identity, { file, offset: logEnd, isListed: true });
  }

  /** Appends what has changed, and syncs what is due. `lost`: changes were missed. */
  step(nowMs: number, wallMs: number): 'ok' | 'lost' {
    const log = this.log!;
    const { tail, fsync } = this.parts;
    if (tail.hasMore) {
      if (this.append(log, wallMs) === 'lost') return 'lost';
      this.markDueMs = nowMs + MARK_AFTER_MS;
    }
    if (log.writer.isUnsynced) {
      // What does not count before its snapshot is there need not be durable before.
      const isAlways = (fsync === 'always' || tail.hasUrgent) && log.isListed;
      if (isAlways || (fsync !== 'never' && nowMs >= this.syncDueMs)) {
        this.sync();
        this.syncDueMs = nowMs + SYNC_INTERVAL_MS;
      }
    } else if (nowMs >= this.markDueMs && !log.isMarked) {
      log.writer.mark();
    }
    return 'ok';
  }

  /** Makes all that was appended survive a loss of power. */
  sync(): void {
    const { tail, state, onAdvance } = this.parts;
    const log = this.log!;
    log.writer.sync();
    tail.hasUrgent = false;
    state.addToFigure(Figure.syncCount, 1);
    if (!log.isListed) return;
    state.setDurable(tail.position);
    onAdvance();
  }

  /** Goes on in a new log, unless this one is: a snapshot that begins then stands for all before it. */
  rotate(): void {
    const before = this.log!;
    if (before.isEmpty) return;
    // First, so that only the last log can ever be torn.
    this.sync();
    this.log = null;
    this.olderBytes += before.writer.offset;
    before.close();
    this.addListed();
  }

  /** Begins a log that no manifest lists, in place of one that is over or of none. */
  rebuild(): void {
    this.drop();
    this.log = this.create();
  }

  /** Of a log that is not listed: makes it ready for a manifest to list it. */
  finish(): void {
    this.parts.dataSet.files.finishFile(this.log!.identity);
  }

  /** A manifest with a snapshot has been published that lists this log, and none before it. */
  compacted(): void {
    const { tail, state, onAdvance } = this.parts;
    const log = this.log!;
    this.olderBytes = 0;
    state.setFigure(Figure.logBytes, this.bytes);
    if (log.isListed) return;
    // It was synced when the snapshot was complete, and nothing was appended since.
    log.isListed = true;
    state.setWritten(tail.position);
    state.setDurable(tail.position);
    onAdvance();
  }

  /** Appends all that is left, syncs it, and says so in the log: whatever is missing after that was damaged. */
  end(wallMs: number): 'ok' | 'lost' {
    const log = this.log!;
    while (this.parts.tail.hasMore) if (this.append(log, wallMs) === 'lost') return 'lost';
    this.sync();
    log.writer.mark();
    log.writer.sync();
    return 'ok';
  }

  /** Lets go of the log, whole or not. */
  drop(): void {
    const { log } = this;
    this.log = null;
    try {
      log?.close();
    } catch (error) {
      // Its end is unknown whether it is closed or not.
      if (codeOf(error) === '') throw error;
    }
  }

  private append(log: AppendLog, wallMs: number): 'ok' | 'lost' {
    const { tail, state } = this.parts;
    const { recordCount } = log.writer;
    if (tail.writeGroup(log.writer, wallMs) === 'lost') return 'lost';
    state.addToFigure(Figure.groupCount, 1);
    state.addToFigure(Figure.recordCount, log.writer.recordCount - recordCount);
    state.setFigure(Figure.logBytes, this.bytes);
    if (!log.isListed) return 'ok';
    state.setWritten(tail.position);
    return 'ok';
  }

  /** Makes a log and lists it, as the last one. */
  private addListed(): void {
    const { dataSet } = this.parts;
    const log = this.create();
    this.log = log;
    dataSet.files.finishFile(log.identity);
    const { manifest } = dataSet;
    const lastLog = log.identity.number;
    dataSet.publish({ ...manifest, firstLog: manifest.firstLog === 0 ? lastLog : manifest.firstLog, lastLog });
    log.isListed = true;
  }

  private create(): AppendLog {
    const { dataSet, tail } = this.parts;
    const identity = dataSet.newFile('log');
    const file = dataSet.files.createFile(identity);
    const log = new AppendLog(identity, { file, offset: FILE_HEADER_BYTES, isListed: false });
    try {
      log.begin(tail);
      return log;
    } catch (error) {
      dataSet.files.discard(file, identity);
      throw error;
    }
  }
}
