/** The lock of a data folder (folder-lock.ts in src/io), over files that are used at once; the disk thread waits where it has to. */
import { ShoalError } from '../base/errors.ts';
import type { Disk } from '../io/disk.ts';
import { atOnce, FolderLock, type LockFiles } from '../io/folder-lock.ts';
import { ownIdentity, type ProcessIdentity, type ProcessState } from '../io/process-identity.ts';
import { RUNTIME_TIME } from '../io/real-time.ts';
import { codeOf } from '../io/system-error.ts';
import { diskFailure } from './data-folder.ts';

/** Who takes a data folder: the machine and this process by default. */
export interface DataHolder {
  readonly identity: ProcessIdentity;
  readonly monotonicMs: () => number;
  /** Waits for so long. */
  readonly sleep: (forMs: number) => void;
  /** What the system says of a process's number. */
  readonly look?: (pid: number) => ProcessState;
}

const PREFIX = 'LOCK.';
const RENEW_MS = 1000;
/** After so long without a sign of life another process takes the folder, where it cannot see whether this one lives. A sync may take seconds. */
const SILENT_MS = 10_000;

export function systemHolder(address: string): DataHolder {
  const word = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  return {
    identity: ownIdentity(address),
    monotonicMs: RUNTIME_TIME.monotonicMs,
    sleep: (forMs) => void Atomics.wait(word, 0, 0, forMs),
  };
}

export class DataLock {
  private readonly folder: string;
  private readonly lock: FolderLock;
  private readonly monotonicMs: () => number;
  private renewDueMs: number;
  private isLost = false;

  private constructor(folder: string, lock: FolderLock, monotonicMs: () => number) {
    this.folder = folder;
    this.lock = lock;
    this.monotonicMs = monotonicMs;
    this.renewDueMs = monotonicMs() + RENEW_MS;
  }

  /** Throws a ShoalError, DataSetFailed, where another process uses the folder, or where this one may not. `onWait` is told of a wait for one that cannot be seen. */
  static acquire(disk: Disk, folder: string, holder: DataHolder, onWait: (text: string) => void): DataLock {
    const { identity, monotonicMs, sleep, look } = holder;
    const lock = new FolderLock({
      folder,
      files: lockFiles(disk),
      clock: { monotonicMs, pause: sleep, isEnded: () => false },
      identity,
      prefix: PREFIX,
      role: 'node',
      advice: 'give each node a folder of its own',
      silentMs: SILENT_MS,
      failure: (error, what) => (error === null ? new ShoalError('DataSetFailed', what) : diskFailure(error, what)),
      onWait,
      ...(look === undefined ? {} : { look }),
    });
    atOnce(lock.acquire());
    return new DataLock(folder, lock, monotonicMs);
  }

  /** Shows that this process lives, if it is time; often. Throws a ShoalError where the folder is another's now, for good; and what the disk throws. */
  keep(): void {
    const nowMs = this.monotonicMs();
    if (!this.isLost && nowMs < this.renewDueMs) return;
    if (!this.isLost) this.isLost = !atOnce(this.lock.renew());
    if (this.isLost)
      throw new ShoalError(
        'DataSetFailed',
        `${this.folder} was taken over by another process, because this one did not answer for ${SILENT_MS / 1000} s or its lock was removed: restart it`,
      );
    this.renewDueMs = nowMs + RENEW_MS;
  }

  /** Gives the folder back. */
  release(): void {
    if (!this.isLost) atOnce(this.lock.release());
  }
}

function lockFiles(disk: Disk): LockFiles {
  return {
    list: (folder) => disk.list(folder),
    read(path, bytesMax) {
      try {
        const file = disk.open(path, 'read');
        try {
          const bytes = Buffer.alloc(Math.min(file.size(), bytesMax));
          return bytes.subarray(0, file.read(bytes, 0, bytes.length, 0));
        } finally {
          file.close();
        }
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return null;
        throw error;
      }
    },
    write(path, bytes, how) {
      const file = how === 'create' ? disk.create(path) : disk.open(path, 'update');
      try {
        file.write(bytes, 0, bytes.length, 0);
      } finally {
        file.close();
      }
    },
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
  };
}
