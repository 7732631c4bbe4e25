/**
 * A folder that one process uses. Neither Node nor its file calls have a lock that the system would give back when its
 * holder dies, so this one is made of files:
 *
 * - Each process that wants the folder puts a file of its own there, `coordinator.lock.<id>`, whole at once (written beside,
 *   then renamed), and only then looks for those of others. Of two that come at the same time, at least one sees the other:
 *   the one with the larger id gives way to one that claims, and every one to one that holds.
 * - A file of a process that is dead is removed (process-identity.ts says how that is known).
 * - Of a process that cannot be seen (another container, another machine, a reboot in between) the holder's counter tells:
 *   the holder changes it every second, and who has seen no change for `silentMs` by its own clock takes the folder. So a
 *   holder may act only for less than `silentMs` after its last change, and has lost the folder when its file is gone.
 *
 *     claiming 0000000042\n      8 letters `claiming` or `holding `, space, counter of 10 digits: changed in place
 *     {"id": …}\n                who, see ProcessIdentity
 */
import { join } from 'node:path';
import { ShoalError } from '../../base/errors.ts';
import { codeOf } from '../../io/system-error.ts';
import { type StateFileSystem, writeAll } from './file-system.ts';
import { judge, parseIdentity, type ProcessIdentity, type ProcessState } from './process-identity.ts';
import { pause, type StateClock } from './state-clock.ts';
import { asFailure } from './state-file.ts';

const PREFIX = 'coordinator.lock.';
const NAME = /^coordinator\.lock\.([0-9a-f]+)$/;
const ASIDE_ENDING = '.new';
const STATE_LETTERS = 8;
const COUNTER_DIGITS = 10;
const COUNTER_MAX = 10 ** COUNTER_DIGITS;
/** A lock file is two short lines; what is longer is none. */
const LOCK_BYTES_MAX = 4096;
const LOOK_AGAIN_MS = 50;
const CLAIMS_MAX = 5;

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

interface Other {
  readonly path: string;
  readonly id: string;
  /** All of the file: a change of any byte is a sign of life. */
  readonly content: string;
  readonly holding: boolean;
  readonly identity: ProcessIdentity | null;
}

export class DirectoryLock {
  private readonly options: LockOptions;
  private readonly path: string;
  private counter = 0;
  private holding = false;

  private constructor(options: LockOptions) {
    this.options = options;
    this.path = join(options.folder, PREFIX + options.identity.id);
  }

  /** Rejects `StateStoreFailed` where another process uses the folder, or where this one may not. */
  static async acquire(options: LockOptions): Promise<DirectoryLock> {
    const lock = new DirectoryLock(options);
    try {
      await lock.claim();
      await lock.waitForOthers();
      lock.holding = true;
      if (!(await lock.renew())) throw new Error('the lock file was taken away at once');
      await lock.removeUnfinished();
      return lock;
    } catch (error) {
      await lock.release();
      throw asFailure(error, `cannot use the folder ${options.folder}`);
    }
  }

  /** Changes the counter. False: the file is gone or another's, and so is the folder. Rejects where that cannot be told. */
  async renew(): Promise<boolean> {
    if (!(await this.isOwn())) return false;
    this.counter = (this.counter + 1) % COUNTER_MAX;
    try {
      const file = await this.options.files.update(this.path);
      try {
        await writeAll(file, Buffer.from(this.firstLine()));
      } finally {
        await file.close();
      }
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    }
    // Removed while it was open, the file took the change and nobody can see it.
    return await this.isOwn();
  }

  /** Whether the folder is still this process's. */
  async isOwn(): Promise<boolean> {
    return (await this.options.files.read(this.path, LOCK_BYTES_MAX)) !== null;
  }

  /** Never rejects: a file that stays behind is that of a dead process, soon. */
  async release(): Promise<void> {
    for (const path of [this.path, this.path + ASIDE_ENDING]) {
      await this.options.files.remove(path).catch(() => undefined);
    }
  }

  private firstLine(): string {
    const state = (this.holding ? 'holding' : 'claiming').padEnd(STATE_LETTERS);
    return `${state} ${String(this.counter).padStart(COUNTER_DIGITS, '0')}\n`;
  }

  private async claim(): Promise<void> {
    const { files, identity } = this.options;
    for (let attempt = 1; ; attempt += 1) {
      const file = await files.create(this.path + ASIDE_ENDING);
      try {
        await writeAll(file, Buffer.from(`${this.firstLine()}${JSON.stringify(identity)}\n`));
      } finally {
        await file.close();
      }
      try {
        await files.rename(this.path + ASIDE_ENDING, this.path);
        return;
      } catch (error) {
        // A new holder has just tidied up; the next attempt is in time for seeing it.
        if (codeOf(error) !== 'ENOENT' || attempt === CLAIMS_MAX) throw error;
      }
    }
  }

  /** Removes what processes left that ended within their claim. One that is about to claim does so again. */
  private async removeUnfinished(): Promise<void> {
    const { files, folder } = this.options;
    for (const name of await files.list(folder)) {
      if (name.startsWith(PREFIX) && name.endsWith(ASIDE_ENDING)) await files.remove(join(folder, name));
    }
  }

  /** Resolves once no other file is there. Rejects where one is of a process that goes first. */
  private async waitForOthers(): Promise<void> {
    const { clock, silentMs, signal, onWait, look, identity, files } = this.options;
    /** What was first seen of each that is waited for, and when. */
    const seen = new Map<string, { readonly content: string; readonly sinceMs: number }>();
    for (;;) {
      const nowMs = clock.monotonicMs();
      let waiting = false;
      for (const other of await this.others()) {
        const verdict = other.identity === null ? 'unknown' : judge(other.identity, identity, look);
        if (verdict === 'dead') {
          await files.remove(other.path);
          continue;
        }
        const first = seen.get(other.id) ?? { content: other.content, sinceMs: nowMs };
        seen.set(other.id, first);
        const isAlive = verdict === 'alive' || first.content !== other.content;
        if (isAlive && (other.holding || other.id < identity.id)) throw inUse(this.options.folder, other, identity);
        if (nowMs - first.sinceMs >= silentMs) {
          if (isAlive) throw inUse(this.options.folder, other, identity);
          await files.remove(other.path);
          continue;
        }
        if (!waiting && verdict === 'unknown' && seen.size === 1 && first.sinceMs === nowMs) {
          onWait?.(
            `waiting up to ${Math.ceil(silentMs / 1000)} s to see whether ${nameOf(other, identity)} still uses ${this.options.folder}`,
          );
        }
        waiting = true;
      }
      if (!waiting) return;
      await pause(clock, Math.min(LOOK_AGAIN_MS, silentMs / 4), signal);
      if (signal.aborted) throw new ShoalError('StateStoreFailed', 'the state store was closed');
      if (!(await this.renew())) throw new Error('the lock file was taken away');
    }
  }

  private async others(): Promise<readonly Other[]> {
    const { files, folder, identity } = this.options;
    const found: Other[] = [];
    for (const name of await files.list(folder)) {
      const id = NAME.exec(name)?.[1];
      if (id === undefined || id === identity.id) continue;
      const path = join(folder, name);
      const bytes = await files.read(path, LOCK_BYTES_MAX);
      if (bytes === null) continue;
      const content = Buffer.from(bytes).toString('latin1');
      const holding = !content.startsWith('claiming');
      const parsed = parseIdentity(Buffer.from(bytes).toString('utf8').split('\n')[1] ?? '');
      found.push({ path, id, content, holding, identity: parsed });
    }
    return found;
  }
}

function inUse(folder: string, other: Other, own: ProcessIdentity): ShoalError {
  const text = `the folder ${folder} is in use by ${nameOf(other, own)}; give each coordinator a folder of its own, or use etcd for several`;
  return new ShoalError('StateStoreFailed', text);
}

function nameOf({ identity, id }: Other, own: ProcessIdentity): string {
  if (identity === null) return `another process (lock ${id})`;
  const where =
    identity.host !== own.host
      ? ` on ${identity.host}`
      : identity.namespace !== own.namespace
        ? ' of another container'
        : '';
  return `process ${identity.pid}${where} (coordinator ${identity.address})`;
}
