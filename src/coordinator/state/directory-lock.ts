/** The lock of a coordinator's folder (folder-lock.ts in src/io), over files that are waited for. */
import { ShoalError } from '../../base/errors.ts';
import { FolderLock, inTime, type LockFiles } from '../../io/folder-lock.ts';
import type { ProcessIdentity, ProcessState } from '../../io/process-identity.ts';
import { type StateFileSystem, writeAll } from './file-system.ts';
import { pause, type StateClock } from './state-clock.ts';
import { asFailure } from './state-file.ts';

export interface LockOptions {
  readonly folder: string;
  readonly files: StateFileSystem;
  readonly clock: StateClock;
  readonly identity: ProcessIdentity;
  /** How long the counter of a holder that cannot be seen must stand still before the folder is taken from it. */
  readonly silentMs: number;
  /** Ends the wait for such a holder; the claim is withdrawn. */
  readonly signal: AbortSignal;
  /** Called once when there is something to wait for, with a text for people. */
  readonly onWait?: (text: string) => void;
  readonly look?: (pid: number) => ProcessState;
}

export class DirectoryLock {
  private readonly lock: FolderLock;

  private constructor(lock: FolderLock) {
    this.lock = lock;
  }

  /** Rejects `StateStoreFailed` where another process uses the folder, or where this one may not. */
  static async acquire(options: LockOptions): Promise<DirectoryLock> {
    const { clock, signal } = options;
    const lock = new FolderLock({
      ...options,
      files: lockFiles(options.files),
      clock: {
        monotonicMs: clock.monotonicMs,
        pause: (forMs) => pause(clock, forMs, signal),
        isEnded: () => signal.aborted,
      },
      prefix: 'coordinator.lock.',
      role: 'coordinator',
      advice: 'give each coordinator a folder of its own, or use etcd for several',
      failure: (error, what) => (error === null ? new ShoalError('StateStoreFailed', what) : asFailure(error, what)),
    });
    await inTime(lock.acquire());
    return new DirectoryLock(lock);
  }

  /** Changes the counter. False: the file is gone or another's, and so is the folder. Rejects where that cannot be told. */
  renew(): Promise<boolean> {
    return inTime(this.lock.renew());
  }

  /** Whether the folder is still this process's. */
  isOwn(): Promise<boolean> {
    return inTime(this.lock.isOwn());
  }

  /** Never rejects: a file that stays behind is that of a dead process, soon. */
  release(): Promise<void> {
    return inTime(this.lock.release());
  }
}

function lockFiles(files: StateFileSystem): LockFiles {
  return {
    list: (folder) => files.list(folder),
    read: (path, bytesMax) => files.read(path, bytesMax),
    async write(path, bytes, how) {
      const file = await (how === 'create' ? files.create(path) : files.update(path));
      try {
        await writeAll(file, bytes);
      } finally {
        await file.close();
      }
    },
    rename: (from, to) => files.rename(from, to),
    remove: (path) => files.remove(path),
  };
}
