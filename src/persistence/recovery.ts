/**
 * Loads a data set: its snapshot, then its logs in their order. Each block is verified before a record of it is used. The end of the last log may be torn, and is
 * cut there (damage.ts has the rule); any other damage is refused with the file, the place, and how to save the rest. What was loaded lasts: a process
 * that ended before the power did has left it in memory alone.
 */
import { ShoalError } from '../base/errors.ts';
import type { DiskFile } from '../io/disk.ts';
import type { SlotNote } from '../store/slot-notes.ts';
import type { Store } from '../store/store.ts';
import { BlockReader } from './block-reader.ts';
import { judgeDamage, stopReason } from './damage.ts';
import { type DataFolder, diskFailure, type ListedFile, salvageAdvice } from './data-folder.ts';
import { fileSeed } from './file-names.ts';
import type { Manifest } from './manifest.ts';
import { RecordReader } from './records.ts';
import { StoreLoader } from './store-loader.ts';

/** What loading came to. */
export interface RecoveryReport {
  readonly itemCount: number;
  /** Items that had expired meanwhile; one that was written several times since the last snapshot counts as often. */
  readonly expiredCount: number;
  /** Items that this node's memory had no room for, by its eviction policy. */
  readonly evictedCount: number;
  /** Bytes of the files. */
  readonly bytes: number;
  /** What the files say that a node in a cluster owned. */
  readonly claims: readonly SlotNote[];
  /** What was cut off the last log, because it had not been written whole when the process or the power ended; null: nothing. */
  readonly cutTail: { readonly file: string; readonly offset: number; readonly bytes: number } | null;
}

/** Bytes of the files read so far, of all, and items stored. Called a few hundred times. */
export type RecoveryProgress = (progress: {
  readonly bytes: number;
  readonly totalBytes: number;
  readonly itemCount: number;
}) => void;

const PROGRESS_COUNT = 256;

export class Recovery {
  /** Where the last log ends; 0: there is none. */
  lastLogEnd = 0;
  logBytes = 0;
  snapshotBytes = 0;
  private readonly files: DataFolder;
  private readonly manifest: Manifest;
  private readonly onProgress: RecoveryProgress;
  private readonly records = new RecordReader();
  private cutTail: RecoveryReport['cutTail'] = null;
  private totalBytes = 0;
  private bytesBefore = 0;
  private toldBytes = 0;

  constructor(files: DataFolder, manifest: Manifest, onProgress: RecoveryProgress) {
    this.files = files;
    this.manifest = manifest;
    this.onProgress = onProgress;
  }

  /** Throws a ShoalError, DataSetFailed; the store is then of no use. `cluster`: where the files' node has to be, null: in none. */
  run(store: Store, wallMs: number, cluster: string | null): RecoveryReport {
    const evictedBefore = store.stats().evicted;
    const loader = new StoreLoader(store, wallMs);
    try {
      const listed = this.files.listedFiles(this.manifest);
      for (const file of listed) this.read(file, (opened) => void (this.totalBytes += opened.size()));
      for (const file of listed) this.read(file, (opened) => this.load(file, opened, loader, store));
    } catch (error) {
      throw diskFailure(error, `cannot read the data folder ${this.files.path}`);
    }
    loader.finish();
    const { itemCount, evicted } = store.stats();
    this.checkCluster(loader.cluster, cluster, itemCount);
    this.keepLastLog();
    this.onProgress({ bytes: this.totalBytes, totalBytes: this.totalBytes, itemCount });
    return {
      itemCount,
      expiredCount: loader.expiredCount,
      evictedCount: evicted - evictedBefore,
      bytes: this.totalBytes,
      claims: loader.claims.notes(),
      cutTail: this.cutTail,
    };
  }

  /** What nodes own is decided anew for each cluster, so data of one cannot be another's, nor that of a node by itself. */
  private checkCluster(found: string | null, wanted: string | null, itemCount: number): void {
    if (found === wanted || (found === null && itemCount === 0)) return;
    const { path } = this.files;
    const advice =
      wanted === null
        ? `start it with --coordinator, or ${salvageAdvice(path)} for a node by itself`
        : 'give this node a folder of its own';
    const whose = found === null ? 'a node by itself' : `a node in the cluster ${JSON.stringify(found)}`;
    const who = wanted === null ? 'in no cluster' : `in the cluster ${JSON.stringify(wanted)}`;
    throw new ShoalError(
      'DataSetFailed',
      `${path} holds the data of ${whose}, and this node is ${who}. Nothing was changed; ${advice}`,
    );
  }

  private read(listed: ListedFile, use: (file: DiskFile) => void): void {
    const file = this.files.openListed(listed);
    try {
      use(file);
    } finally {
      file.close();
    }
  }

  private load(listed: ListedFile, file: DiskFile, loader: StoreLoader, store: Store): void {
    const { records } = this;
    const reader = new BlockReader(file, fileSeed(listed));
    loader.beginFile();
    while (reader.next()) {
      records.begin(reader.bytes, reader.payloadStart, reader.payloadEnd);
      const problem = loader.apply(records);
      if (problem !== null) throw this.refuse(listed, reader.offset, problem);
      this.tellProgress(this.bytesBefore + reader.offset, store);
    }
    if (reader.stop !== 'end') this.judge(listed, file, reader);
    if (listed.kind === 'snapshot') {
      if (loader.endItemCount === -1) throw this.damaged(listed, reader.offset, 'it ends without its last record');
      if (loader.endItemCount !== loader.fileItemCount)
        throw this.damaged(
          listed,
          reader.offset,
          `it holds ${loader.fileItemCount} items instead of ${loader.endItemCount}`,
        );
      this.snapshotBytes = reader.size;
    } else {
      this.logBytes += reader.offset;
      this.lastLogEnd = reader.offset;
    }
    this.bytesBefore += reader.size;
  }

  private judge(listed: ListedFile, file: DiskFile, reader: BlockReader): void {
    const isLast = listed.kind === 'log' && listed.number === this.manifest.lastLog;
    const damage = isLast ? judgeDamage(file, fileSeed(listed), reader) : null;
    if (damage?.kind !== 'torn') throw this.damaged(listed, reader.offset, damage?.reason ?? stopReason(reader));
    this.cutTail = { file: listed.name, offset: reader.offset, bytes: reader.size - reader.offset };
  }

  /** Cuts the torn tail, and makes what was read last. */
  private keepLastLog(): void {
    const { lastLog } = this.manifest;
    if (lastLog === 0) return;
    const path = this.files.pathOf(this.files.listedFiles(this.manifest).at(-1)!.name);
    try {
      const file = this.files.disk.open(path, 'update');
      try {
        if (this.cutTail !== null) file.truncate(this.cutTail.offset);
        file.sync();
      } finally {
        file.close();
      }
    } catch (error) {
      throw diskFailure(error, `cannot go on with ${path}`);
    }
  }

  private tellProgress(bytes: number, store: Store): void {
    if (bytes - this.toldBytes < this.totalBytes / PROGRESS_COUNT) return;
    this.toldBytes = bytes;
    this.onProgress({ bytes, totalBytes: this.totalBytes, itemCount: store.stats().itemCount });
  }

  private damaged({ name }: ListedFile, offset: number, reason: string): ShoalError {
    return new ShoalError(
      'DataSetFailed',
      `${this.files.pathOf(name)} is damaged at byte ${offset}: ${reason}. Nothing was changed; ${salvageAdvice(this.files.path)}`,
    );
  }

  private refuse({ name }: ListedFile, offset: number, problem: string): ShoalError {
    const path = this.files.pathOf(name);
    return new ShoalError(
      'DataSetFailed',
      `${path} cannot be loaded, at byte ${offset}: ${problem}. Nothing was changed`,
    );
  }
}
