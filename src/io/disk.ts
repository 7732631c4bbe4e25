/**
 * The file calls that persistence makes, synchronous, one method each, so that a test can end the process or the power, or fail the disk, at any of
 * them. `SYSTEM_DISK` is the machine's; sim/disk.ts simulates one. test/contracts/disk.test.ts says what both do.
 *
 * Failures are thrown as the system's errors, with a `code`: ENOENT, ENOSPC, EIO. `codeOf` and `reasonOf` read them.
 */
import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from './system-error.ts';

/** An open file. */
export interface DiskFile {
  /** Bytes that it has now. */
  size(): number;
  /** Fills `bytes[start..start+length)` from `position` of the file; returns how many came: fewer at the end of the file alone. */
  read(bytes: Uint8Array, start: number, length: number, position: number): number;
  /** Writes all of `bytes[start..start+length)` at `position`, behind the end too. Where it throws, a part may have been written. */
  write(bytes: Uint8Array, start: number, length: number, position: number): void;
  /** Returns once what was written, and the size, survive a loss of power. */
  sync(): void;
  /** Cuts the file off. */
  truncate(size: number): void;
  close(): void;
}

export interface Disk {
  /** Makes the folder and its parents where they are not there, for this user alone, and lasting. */
  makeFolder(path: string): void;
  /** Names in the folder, in no order. */
  list(folder: string): readonly string[];
  /** Makes the file, or empties it, readable for this user alone. */
  create(path: string): DiskFile;
  /** Opens a file that is there. */
  open(path: string, access: 'read' | 'update'): DiskFile;
  /** Gives the file another name, in the place of a file that has it. */
  rename(from: string, to: string): void;
  /** A file that is not there is fine. */
  remove(path: string): void;
  /** Returns once the names in the folder survive a loss of power. */
  syncFolder(path: string): void;
}

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const CREATE_FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC;

class SystemFile implements DiskFile {
  private readonly descriptor: number;

  constructor(path: string, flags: number) {
    this.descriptor = openSync(path, flags, FILE_MODE);
  }

  size(): number {
    return fstatSync(this.descriptor).size;
  }

  read(bytes: Uint8Array, start: number, length: number, position: number): number {
    let count = 0;
    while (count < length) {
      const more = readSync(this.descriptor, bytes, start + count, length - count, position + count);
      if (more === 0) break;
      count += more;
    }
    return count;
  }

  write(bytes: Uint8Array, start: number, length: number, position: number): void {
    let count = 0;
    while (count < length) {
      const more = writeSync(this.descriptor, bytes, start + count, length - count, position + count);
      if (more === 0) throw Object.assign(new Error('the file takes no more bytes'), { code: 'ENOSPC' });
      count += more;
    }
  }

  sync(): void {
    fdatasyncSync(this.descriptor);
  }

  truncate(size: number): void {
    ftruncateSync(this.descriptor, size);
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

export const SYSTEM_DISK: Disk = {
  makeFolder(path) {
    const first = mkdirSync(path, { recursive: true, mode: FOLDER_MODE });
    if (first === undefined) return;
    // Each new folder is a name in its parent, up to the parent of the first one made.
    let folder = path;
    for (;;) {
      SYSTEM_DISK.syncFolder(dirname(folder));
      if (folder === first || dirname(folder) === folder) return;
      folder = dirname(folder);
    }
  },
  list: (folder) => readdirSync(folder),
  create: (path) => new SystemFile(path, CREATE_FLAGS),
  open: (path, access) => new SystemFile(path, access === 'read' ? constants.O_RDONLY : constants.O_RDWR),
  rename: (from, to) => renameSync(from, to),
  remove: (path) => rmSync(path, { force: true }),
  syncFolder(path) {
    const descriptor = openSync(path, constants.O_RDONLY);
    try {
      fsyncSync(descriptor);
    } catch (error) {
      // Some file systems have no such call for folders; there is nothing else to be done on them.
      if (codeOf(error) !== 'EINVAL') throw error;
    } finally {
      closeSync(descriptor);
    }
  },
};
