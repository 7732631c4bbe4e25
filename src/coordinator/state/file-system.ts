/**
 * The system calls that the file store makes, one method each, so that a test can end the process or the power at any of
 * them. The real ones are `SYSTEM_FILES`.
 */
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '../../io/system-error.ts';

export interface OpenFile {
  /** Writes at `position`; resolves with how many of the bytes it took, which may be fewer. */
  write(bytes: Uint8Array, position: number): Promise<number>;
  /** Resolves once what was written survives a loss of power. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface StateFileSystem {
  /** Makes the folder and its parents where they are not there, for this user alone, and lasting. */
  makeFolder(path: string): Promise<void>;
  list(folder: string): Promise<readonly string[]>;
  /** At most `bytesMax` bytes of the file from its beginning; null where there is none. */
  read(path: string, bytesMax: number): Promise<Uint8Array | null>;
  /** Makes the file, or empties it, readable for this user alone. */
  create(path: string): Promise<OpenFile>;
  /** Opens a file that is there. */
  update(path: string): Promise<OpenFile>;
  rename(from: string, to: string): Promise<void>;
  /** A file that is not there is fine. */
  remove(path: string): Promise<void>;
  /** Resolves once the names in the folder survive a loss of power. */
  syncFolder(path: string): Promise<void>;
}

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

async function openFile(path: string, flags: string): Promise<OpenFile> {
  const handle = await open(path, flags, FILE_MODE);
  return {
    write: async (bytes, position) => (await handle.write(bytes, 0, bytes.length, position)).bytesWritten,
    sync: () => handle.sync(),
    close: () => handle.close(),
  };
}

export const SYSTEM_FILES: StateFileSystem = {
  async makeFolder(path) {
    const first = await mkdir(path, { recursive: true, mode: FOLDER_MODE });
    if (first === undefined) return;
    // Each new folder is a name in its parent, up to the parent of the first one made.
    let folder = path;
    for (;;) {
      await SYSTEM_FILES.syncFolder(dirname(folder));
      if (folder === first || dirname(folder) === folder) return;
      folder = dirname(folder);
    }
  },
  list: (folder) => readdir(folder),
  async read(path, bytesMax) {
    let handle;
    try {
      handle = await open(path, 'r');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw error;
    }
    try {
      // Sized by what is there and not by the limit, and read to the end, as one read may bring less.
      const size = Math.min((await handle.stat()).size, bytesMax);
      const bytes = new Uint8Array(size);
      let count = 0;
      while (count < size) {
        const { bytesRead } = await handle.read(bytes, count, size - count, count);
        if (bytesRead === 0) break;
        count += bytesRead;
      }
      return bytes.subarray(0, count);
    } finally {
      await handle.close();
    }
  },
  create: (path) => openFile(path, 'w'),
  update: (path) => openFile(path, 'r+'),
  rename: (from, to) => rename(from, to),
  remove: (path) => rm(path, { force: true }),
  async syncFolder(path) {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } catch (error) {
      // Some file systems have no such call for folders; there is nothing else to be done on them.
      if (codeOf(error) !== 'EINVAL') throw error;
    } finally {
      await handle.close();
    }
  },
};

/** Writes all the bytes from `position` on. */
export async function writeAll(file: OpenFile, bytes: Uint8Array, position = 0): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const count = await file.write(bytes.subarray(written), position + written);
    if (count === 0) throw Object.assign(new Error('the file takes no more bytes'), { code: 'ENOSPC' });
    written += count;
  }
}
