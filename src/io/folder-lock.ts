/**
 * A folder that one process uses. Neither Node nor its file calls have a lock that the system would give back when its
 * holder dies, so this one is made of files:
 *
 * - Each process that wants the folder puts a file of its own there, `<prefix><id>`, whole at once (written beside,
 *   then renamed), and only then looks for those of others. Of two that come at the same time, at least one sees the other:
 *   the one with the larger id gives way to one that claims, and every one to one that holds.
 * - A file of a process that is dead is removed (process-identity.ts says how that is known).
 * - Of a process that cannot be seen (another container, another machine, a reboot in between) the holder's counter tells:
 *   the holder changes it every second, and who has seen no change for `silentMs` by its own clock takes the folder. So a
 *   holder may act only for less than `silentMs` after its last change, and has lost the folder when its file is gone.
 *
 *     claiming 0000000042\n      8 letters `claiming` or `holding `, space, counter of 10 digits: changed in place
 *     {"id": …}\n                who, see ProcessIdentity
 *
 * Written once for files that are used at once and for files that are waited for: each step is a generator that yields what its calls gave, and `atOnce` or
 * `inTime` carries it through.
 */
import { join } from 'node:path';
import type { ShoalError } from '../base/errors.ts';
import { judge, parseIdentity, type ProcessIdentity, type ProcessState } from './process-identity.ts';
import { codeOf } from './system-error.ts';

/** The calls of the system that a lock makes; each gives its result at once, or all of them promises. */
export interface LockFiles {
  list(folder: string): Answer<readonly string[]>;
  /** At most `bytesMax` bytes of the file from its beginning; null where there is none. */
  read(path: string, bytesMax: number): Answer<Uint8Array | null>;
  /** Writes `bytes` to the beginning of a new file, or, `update`, of one that is there. */
  write(path: string, bytes: Uint8Array, how: 'create' | 'update'): Answer<void>;
  rename(from: string, to: string): Answer<void>;
  /** A file that is not there is fine. */
  remove(path: string): Answer<void>;
}

export interface LockClock {
  readonly monotonicMs: () => number;
  /** Waits; shorter where `isEnded` becomes true. */
  readonly pause: (forMs: number) => Answer<void>;
  /** Whether nobody wants the lock any more: the claim is withdrawn. */
  readonly isEnded: () => boolean;
}

export type Answer<T> = T | Promise<T>;
/** Steps of a lock: what they yield is to be sent back to them, once it is there. */
export type Steps<T> = Generator<unknown, T, unknown>;

export interface FolderLockOptions {
  readonly folder: string;
  readonly files: LockFiles;
  readonly clock: LockClock;
  readonly identity: ProcessIdentity;
  /** What the names of its files begin with. */
  readonly prefix: string;
  /** What a holder is, and what to do where there is one: for people. */
  readonly role: string;
  readonly advice: string;
  /** How long the counter of a holder that cannot be seen must stand still before the folder is taken from it. */
  readonly silentMs: number;
  /** What is thrown: of a failed call, or, where `error` is null, a sentence of its own. */
  readonly failure: (error: unknown, what: string) => ShoalError;
  /** Called once when there is something to wait for, with a text for people. */
  readonly onWait?: (text: string) => void;
  readonly look?: (pid: number) => ProcessState;
}

const ASIDE_ENDING = '.new';
const ID = /^[0-9a-f]+$/;
const STATE_LETTERS = 8;
const COUNTER_DIGITS = 10;
const COUNTER_MAX = 10 ** COUNTER_DIGITS;
/** A lock file is two short lines; what is longer is none. */
const LOCK_BYTES_MAX = 4096;
const LOOK_AGAIN_MS = 50;
const CLAIMS_MAX = 5;

interface Other {
  readonly path: string;
  readonly id: string;
  /** All of the file: a change of any byte is a sign of life. */
  readonly content: string;
  readonly holding: boolean;
  readonly identity: ProcessIdentity | null;
}

export class FolderLock {
  private readonly options: FolderLockOptions;
  private readonly path: string;
  private counter = 0;
  private holding = false;

  constructor(options: FolderLockOptions) {
    this.options = options;
    this.path = join(options.folder, options.prefix + options.identity.id);
  }

  /** Throws where another process uses the folder, or where this one may not. */
  *acquire(): Steps<void> {
    try {
      yield* this.claim();
      yield* this.waitForOthers();
      this.holding = true;
      if (!(yield* this.renew())) throw this.failure('the lock file was taken away at once');
      yield* this.removeUnfinished();
    } catch (error) {
      yield* this.release();
      throw this.options.failure(error, `cannot use the folder ${this.options.folder}`);
    }
  }

  /** Changes the counter. False: the file is gone or another's, and so is the folder. Throws where that cannot be told. */
  *renew(): Steps<boolean> {
    if (!(yield* this.isOwn())) return false;
    this.counter = (this.counter + 1) % COUNTER_MAX;
    try {
      yield* call(this.options.files.write(this.path, Buffer.from(this.firstLine()), 'update'));
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    }
    // Removed while it was open, the file took the change and nobody can see it.
    return yield* this.isOwn();
  }

  /** Whether the folder is still this process's. */
  *isOwn(): Steps<boolean> {
    return (yield* call(this.options.files.read(this.path, LOCK_BYTES_MAX))) !== null;
  }

  /** Never throws: a file that stays behind is that of a dead process, soon. */
  *release(): Steps<void> {
    for (const path of [this.path, this.path + ASIDE_ENDING]) {
      try {
        yield* call(this.options.files.remove(path));
      } catch {
        // It stays behind, then.
      }
    }
  }

  private firstLine(): string {
    const state = (this.holding ? 'holding' : 'claiming').padEnd(STATE_LETTERS);
    return `${state} ${String(this.counter).padStart(COUNTER_DIGITS, '0')}\n`;
  }

  private *claim(): Steps<void> {
    const { files, identity } = this.options;
    for (let attempt = 1; ; attempt += 1) {
      const content = Buffer.from(`${this.firstLine()}${JSON.stringify(identity)}\n`);
      yield* call(files.write(this.path + ASIDE_ENDING, content, 'create'));
      try {
        yield* call(files.rename(this.path + ASIDE_ENDING, this.path));
        return;
      } catch (error) {
        // A new holder has just tidied up; the next attempt is in time for seeing it.
        if (codeOf(error) !== 'ENOENT' || attempt === CLAIMS_MAX) throw error;
      }
    }
  }

  /** Removes what processes left that ended within their claim. One that is about to claim does so again. */
  private *removeUnfinished(): Steps<void> {
    const { files, folder, prefix } = this.options;
    for (const name of yield* call(files.list(folder))) {
      if (name.startsWith(prefix) && name.endsWith(ASIDE_ENDING)) yield* call(files.remove(join(folder, name)));
    }
  }

  /** Returns once no other file is there. Throws where one is of a process that goes first. */
  private *waitForOthers(): Steps<void> {
    const { clock, silentMs, onWait, look, identity, files, folder } = this.options;
    /** What was first seen of each that is waited for, and when. */
    const seen = new Map<string, { readonly content: string; readonly sinceMs: number }>();
    for (;;) {
      const nowMs = clock.monotonicMs();
      let waiting = false;
      for (const other of yield* this.others()) {
        const verdict = other.identity === null ? 'unknown' : judge(other.identity, identity, look);
        if (verdict === 'dead') {
          yield* call(files.remove(other.path));
          continue;
        }
        const first = seen.get(other.id) ?? { content: other.content, sinceMs: nowMs };
        seen.set(other.id, first);
        const isAlive = verdict === 'alive' || first.content !== other.content;
        if (isAlive && (other.holding || other.id < identity.id)) throw this.inUse(other);
        if (nowMs - first.sinceMs >= silentMs) {
          if (isAlive) throw this.inUse(other);
          yield* call(files.remove(other.path));
          continue;
        }
        if (!waiting && verdict === 'unknown' && seen.size === 1 && first.sinceMs === nowMs) {
          const seconds = Math.ceil(silentMs / 1000);
          onWait?.(`waiting up to ${seconds} s to see whether ${this.nameOf(other)} still uses ${folder}`);
        }
        waiting = true;
      }
      if (!waiting) return;
      yield* call(clock.pause(Math.min(LOOK_AGAIN_MS, silentMs / 4)));
      if (clock.isEnded()) throw this.failure('nobody waits for the folder any more');
      if (!(yield* this.renew())) throw this.failure('the lock file was taken away');
    }
  }

  private *others(): Steps<readonly Other[]> {
    const { files, folder, identity, prefix } = this.options;
    const found: Other[] = [];
    for (const name of yield* call(files.list(folder))) {
      const id = name.slice(prefix.length);
      if (!name.startsWith(prefix) || !ID.test(id) || id === identity.id) continue;
      const path = join(folder, name);
      const bytes = yield* call(files.read(path, LOCK_BYTES_MAX));
      if (bytes === null) continue;
      const content = Buffer.from(bytes).toString('latin1');
      const holding = !content.startsWith('claiming');
      const parsed = parseIdentity(Buffer.from(bytes).toString('utf8').split('\n')[1] ?? '');
      found.push({ path, id, content, holding, identity: parsed });
    }
    return found;
  }

  private inUse(other: Other): ShoalError {
    const { folder, advice } = this.options;
    return this.failure(`the folder ${folder} is in use by ${this.nameOf(other)}; ${advice}`);
  }

  private nameOf({ identity, id }: Other): string {
    const { identity: own, role } = this.options;
    if (identity === null) return `another process (lock ${id})`;
    const where =
      identity.host !== own.host
        ? ` on ${identity.host}`
        : identity.namespace !== own.namespace
          ? ' of another container'
          : '';
    return `process ${identity.pid}${where} (${role} ${identity.address})`;
  }

  private failure(text: string): ShoalError {
    return this.options.failure(null, text);
  }
}

/** Carries steps through whose calls give promises. */
export async function inTime<T>(steps: Steps<T>): Promise<T> {
  let next = steps.next();
  while (next.done !== true) {
    let answer: unknown;
    try {
      // One call after the other is what steps are.
      // eslint-disable-next-line no-await-in-loop
      answer = await next.value;
    } catch (error) {
      next = steps.throw(error);
      continue;
    }
    next = steps.next(answer);
  }
  return next.value;
}

/** Carries steps through whose calls give results at once. */
export function atOnce<T>(steps: Steps<T>): T {
  let next = steps.next();
  while (next.done !== true) next = steps.next(next.value);
  return next.value;
}

function* call<T>(answer: Answer<T>): Steps<T> {
  return (yield answer) as T;
}
