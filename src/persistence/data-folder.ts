/**
 * The files of a data set by name: which there are, which the manifest lists, and how they are made and exchanged so that at each moment the folder is
 * whole. A file is written aside and synced before it gets its name; a name counts once the folder is synced; what the manifest does not list is
 * left over from before, and removed.
 */
import { join } from 'node:path';
import { ShoalError } from '../base/errors.ts';
import type { Disk, DiskFile } from '../io/disk.ts';
import { codeOf, reasonOf } from '../io/system-error.ts';
import {
  ASIDE_ENDING,
  encodeFileHeader,
  type FileIdentity,
  type FileKind,
  fileHeaderProblem,
  fileName,
  FILE_HEADER_BYTES,
  isAsideName,
  MANIFEST_NAME,
  parseFileName,
} from './file-names.ts';
import { decodeManifest, encodeManifest, type Manifest, MANIFEST_BYTES_MAX } from './manifest.ts';

/** A log or snapshot that a manifest lists. */
export interface ListedFile extends FileIdentity {
  readonly name: string;
}

export class DataFolder {
  readonly path: string;
  readonly disk: Disk;

  constructor(disk: Disk, path: string) {
    this.disk = disk;
    this.path = path;
  }

  pathOf(name: string): string {
    return join(this.path, name);
  }

  /** Names of logs and snapshots that are there, listed or not. */
  dataFileNames(): readonly string[] {
    return this.disk
      .list(this.path)
      .filter((name) => parseFileName(name) !== null)
      .toSorted();
  }

  /** What MANIFEST holds, null where there is none. Throws DataSetFailed where it cannot be used. */
  readManifest(): Manifest | null {
    const bytes = this.readWhole(MANIFEST_NAME, MANIFEST_BYTES_MAX + 1);
    if (bytes === null) return null;
    const manifest = decodeManifest(bytes);
    if (typeof manifest !== 'string') return manifest;
    throw new ShoalError(
      'DataSetFailed',
      `${this.pathOf(MANIFEST_NAME)} ${manifest}. Nothing was changed; ${salvageAdvice(this.path)}`,
    );
  }

  /** The files of a manifest, in the order in which they are read. */
  listedFiles({ dataSetId, snapshot, firstLog, lastLog }: Manifest): readonly ListedFile[] {
    const files: ListedFile[] = [];
    const add = (kind: FileKind, number: number): void =>
      void files.push({ kind, dataSetId, number, name: fileName(kind, number) });
    if (snapshot !== 0) add('snapshot', snapshot);
    if (firstLog !== 0) for (let number = firstLog; number <= lastLog; number += 1) add('log', number);
    return files;
  }

  /** Opens a listed file whose header is as it should be. Throws DataSetFailed where it is missing or not. */
  openListed(file: ListedFile): DiskFile {
    const path = this.pathOf(file.name);
    let opened: DiskFile;
    try {
      opened = this.disk.open(path, 'read');
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw diskFailure(error, `cannot read ${path}`);
      throw new ShoalError(
        'DataSetFailed',
        `${path} is missing, and MANIFEST lists it. Nothing was changed; put it back, or ${salvageAdvice(this.path)}`,
      );
    }
    try {
      const header = Buffer.alloc(FILE_HEADER_BYTES);
      const length = opened.read(header, 0, FILE_HEADER_BYTES, 0);
      const problem = fileHeaderProblem(header.subarray(0, length), file);
      if (problem === null) return opened;
      throw new ShoalError('DataSetFailed', `${path} ${problem}. Nothing was changed; ${salvageAdvice(this.path)}`);
    } catch (error) {
      opened.close();
      throw diskFailure(error, `cannot read ${path}`);
    }
  }

  /** Removes files that were not finished. Throws what the disk throws. */
  removeUnfinished(): void {
    for (const name of this.disk.list(this.path)) if (isAsideName(name)) this.disk.remove(this.pathOf(name));
  }

  /** Removes the logs and snapshots that `manifest` does not list: nobody will read them. Throws what the disk throws. */
  removeLeftOvers(manifest: Manifest): void {
    const listed = new Set(this.listedFiles(manifest).map(({ name }) => name));
    for (const name of this.disk.list(this.path)) {
      if (parseFileName(name) !== null && !listed.has(name)) this.disk.remove(this.pathOf(name));
    }
  }

  /** Puts a manifest in the place of the one that is there. It counts, and lasts, when this returns. Throws what the disk throws. */
  replaceManifest(manifest: Manifest): void {
    const aside = this.pathOf(MANIFEST_NAME + ASIDE_ENDING);
    const bytes = encodeManifest(manifest);
    const file = this.disk.create(aside);
    try {
      file.write(bytes, 0, bytes.length, 0);
      file.sync();
    } finally {
      file.close();
    }
    this.disk.rename(aside, this.pathOf(MANIFEST_NAME));
    this.disk.syncFolder(this.path);
  }

  /** Makes a log or snapshot under its name aside, with its header. `finishFile` gives it its name. Throws what the disk throws. */
  createFile(identity: FileIdentity): DiskFile {
    const header = encodeFileHeader(identity);
    const file = this.disk.create(this.asidePathOf(identity));
    try {
      file.write(header, 0, header.length, 0);
      return file;
    } catch (error) {
      this.discard(file, identity);
      throw error;
    }
  }

  /** Closes and removes a file that was made aside and will not be finished. One that stays, on a disk that fails, is removed later. */
  discard(file: DiskFile, identity: FileIdentity): void {
    for (const act of [() => file.close(), () => this.disk.remove(this.asidePathOf(identity))]) {
      try {
        act();
      } catch (error) {
        if (codeOf(error) === '') throw error;
      }
    }
  }

  private asidePathOf({ kind, number }: FileIdentity): string {
    return this.pathOf(fileName(kind, number) + ASIDE_ENDING);
  }

  /** Gives a file that was made aside, and synced, its name, which lasts when this returns. Throws what the disk throws. */
  finishFile({ kind, number }: FileIdentity): void {
    const path = this.pathOf(fileName(kind, number));
    this.disk.rename(path + ASIDE_ENDING, path);
    this.disk.syncFolder(this.path);
  }

  /** At most `bytesMax` bytes of a file; null where there is none. */
  private readWhole(name: string, bytesMax: number): Buffer | null {
    const path = this.pathOf(name);
    try {
      const file = this.disk.open(path, 'read');
      try {
        const bytes = Buffer.alloc(Math.min(file.size(), bytesMax));
        return bytes.subarray(0, file.read(bytes, 0, bytes.length, 0));
      } finally {
        file.close();
      }
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw diskFailure(error, `cannot read ${path}`);
    }
  }
}

export function salvageAdvice(folder: string): string {
  return `"shoal data salvage ${folder} --to NEWDIR" copies all that is whole`;
}

/** What a failed call to the disk means, as a fault for people; one that is that already stays as it is. Throws what is neither: a bug. */
export function diskFailure(error: unknown, what: string): ShoalError {
  if (error instanceof ShoalError) return error;
  if (codeOf(error) === '') throw error;
  return new ShoalError('DataSetFailed', `${what}: ${reasonOf(error)}`, { cause: error });
}
