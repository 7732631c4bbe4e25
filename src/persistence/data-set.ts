/**
 * The folder that a node's data is kept in: one data set, which one process uses at a time. `open` takes the folder's lock, makes the data set where the
 * folder is empty, and refuses what it cannot understand whole, with a sentence that says what to do; it changes nothing then. `recover` fills a
 * store with what the files say; from there on an engine keeps them.
 */
import { randomBytes } from 'node:crypto';
import { assert } from '../base/assert.ts';
import { ShoalError } from '../base/errors.ts';
import type { Disk } from '../io/disk.ts';
import type { Store } from '../store/store.ts';
import { type DataHolder, DataLock, systemHolder } from './data-lock.ts';
import { DataFolder, diskFailure, salvageAdvice } from './data-folder.ts';
import { DATA_SET_ID_BYTES, FILE_NUMBER_MAX, type FileIdentity, type FileKind, MANIFEST_NAME } from './file-names.ts';
import type { Manifest } from './manifest.ts';
import { Recovery, type RecoveryProgress, type RecoveryReport } from './recovery.ts';

export interface DataSetOptions {
  /** For a data set that is made now: what versions of items are keyed with. One that is there has its own. */
  readonly itemVersionSeed: readonly [number, number];
  /** The same: what tells its files from others', DATA_SET_ID_BYTES bytes. Left out, they are random. */
  readonly dataSetId?: Uint8Array;
  /** Where the node serves, for people who find the folder in use. */
  readonly address: string;
  /** Told once, with a text for people, where a process that cannot be seen may still use the folder: that takes seconds to find out. */
  readonly onWait?: (text: string) => void;
  /** This process by default. */
  readonly holder?: DataHolder;
}

export class DataSet {
  readonly files: DataFolder;
  /** Where the last log ends, once it is recovered. 0: there is none. */
  logEnd = 0;
  /** Bytes of the listed logs and of the snapshot, once they are recovered. */
  logBytes = 0;
  snapshotBytes = 0;
  /** Items that the store had evicted before it was filled. */
  evictedBefore = 0;
  private listed: Manifest;
  private readonly highestNumbers: Record<FileKind, number>;

  private readonly lock: DataLock;

  private constructor(files: DataFolder, lock: DataLock, manifest: Manifest) {
    this.files = files;
    this.lock = lock;
    this.listed = manifest;
    this.highestNumbers = { log: manifest.lastLog, snapshot: manifest.snapshot };
  }

  /** Throws a ShoalError, DataSetFailed. */
  static open(disk: Disk, path: string, options: DataSetOptions): DataSet {
    const files = new DataFolder(disk, path);
    let lock: DataLock | null = null;
    try {
      disk.makeFolder(path);
      lock = DataLock.acquire(
        disk,
        path,
        options.holder ?? systemHolder(options.address),
        options.onWait ?? (() => {}),
      );
      const manifest = files.readManifest() ?? makeManifest(files, options);
      for (const file of files.listedFiles(manifest)) files.openListed(file).close();
      return new DataSet(files, lock, manifest);
    } catch (error) {
      lock?.release();
      throw diskFailure(error, `cannot use the data folder ${path}`);
    }
  }

  get folder(): string {
    return this.files.path;
  }

  get itemVersionSeed(): readonly [number, number] {
    return this.listed.itemVersionSeed;
  }

  get id(): string {
    return Buffer.from(this.listed.dataSetId).toString('hex');
  }

  get manifest(): Manifest {
    return this.listed;
  }

  /**
   * Fills an empty store, through the disk thread's access (`diskRow`), while nobody else uses it. Throws a ShoalError, DataSetFailed, where a file is
   * damaged, missing or longer than this node's limits allow, and where the files are not of a node in `cluster` (null: in none). Once, before an engine is made.
   */
  recover(store: Store, wallMs: number, onProgress: RecoveryProgress, cluster: string | null = null): RecoveryReport {
    assert(this.logEnd === 0, 'a data set is recovered once');
    this.evictedBefore = store.stats().evicted;
    const recovery = new Recovery(this.files, this.listed, (progress) => {
      this.keepLock();
      onProgress(progress);
    });
    const report = recovery.run(store, wallMs, cluster);
    this.tidy();
    this.logEnd = recovery.lastLogEnd;
    this.logBytes = recovery.logBytes;
    this.snapshotBytes = recovery.snapshotBytes;
    return report;
  }

  /** Removes what nobody will read. */
  private tidy(): void {
    const { files } = this;
    try {
      // The manifest that was read may be one that the next loss of power takes back: first it lasts, then goes what it does not list.
      files.disk.syncFolder(files.path);
      files.removeUnfinished();
      files.removeLeftOvers(this.listed);
    } catch (error) {
      throw diskFailure(error, `cannot go on with the data folder ${this.folder}`);
    }
  }

  /** A new file of this data set. Of the logs that a manifest lists each has the number behind the one before, so one that is missing is missed. */
  newFile(kind: FileKind): FileIdentity {
    const number = this.highestNumbers[kind] + 1;
    if (number > FILE_NUMBER_MAX)
      throw new ShoalError('DataSetFailed', `${this.folder} has no numbers left for new files`);
    this.highestNumbers[kind] = number;
    return { kind, dataSetId: this.listed.dataSetId, number };
  }

  /** Makes the folder's files those of `manifest`, for good. Throws what the disk throws: then either manifest may be the folder's. */
  publish(manifest: Manifest): void {
    this.files.replaceManifest(manifest);
    this.listed = manifest;
  }

  /** Shows other processes that this one uses the folder; often. Throws a ShoalError where it is another's now; and what the disk throws. */
  keepLock(): void {
    this.lock.keep();
  }

  /** Gives the folder back. */
  close(): void {
    this.lock.release();
  }
}

/** The manifest of an empty data set in a new folder. */
function makeManifest(files: DataFolder, options: DataSetOptions): Manifest {
  const names = files.dataFileNames();
  if (names.length > 0) {
    throw new ShoalError(
      'DataSetFailed',
      `${files.pathOf(MANIFEST_NAME)} is missing, and ${names[0]} is there. Nothing was changed; put it back, or ${salvageAdvice(files.path)}`,
    );
  }
  const { itemVersionSeed, dataSetId = randomBytes(DATA_SET_ID_BYTES) } = options;
  const manifest = { dataSetId, itemVersionSeed, snapshot: 0, firstLog: 0, lastLog: 0 };
  files.replaceManifest(manifest);
  return manifest;
}
