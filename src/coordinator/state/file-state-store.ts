/**
 * The state store of one coordinator on one machine: a file in a folder that no other process uses at the same time. Needs
 * nothing installed. Elected is who has the folder (directory-lock.ts), so there is no other to be elected beside it; the
 * time limit that it states all the same is that of the folder's lock, which matters where the folder is shared between
 * containers or machines.
 *
 * The lock is renewed every `renewMs`. A holder that could not renew it in time, or whose lock was taken away, is deposed
 * and tries to get the folder again, with whatever is stored then.
 */
import { resolve } from 'node:path';
import { ShoalError } from '../../base/errors.ts';
import { reasonOf } from '../../io/system-error.ts';
import { Announcer } from './announcer.ts';
import { DirectoryLock } from './directory-lock.ts';
import { type StateFileSystem, SYSTEM_FILES } from './file-system.ts';
import { ownIdentity, type ProcessIdentity } from '../../io/process-identity.ts';
import { pause, type StateClock, SYSTEM_CLOCK } from './state-clock.ts';
import { asFailure, StateFile } from './state-file.ts';
import { STATE_BYTES_MAX, type StateStore, type StateStoreListener, type WriteOutcome } from './state-store.ts';

export interface FileStateStoreOptions {
  /** The system's by default. */
  readonly files?: StateFileSystem;
  readonly clock?: StateClock;
  /** How often the lock is renewed; 1 s by default. */
  readonly renewMs?: number;
  /** After how long without a renewal a process elsewhere may take the folder; 6 s by default, at least 3 `renewMs`. */
  readonly silentMs?: number;
  /** Who holds the folder, for the coordinator with this address; this process by default. */
  readonly identify?: (address: string) => ProcessIdentity;
}

const RENEW_MS = 1000;
const SILENT_MS = 6000;
/** Of `silentMs`: clocks may count at rates that differ by less than the rest. */
const SILENT_SHARE = 0.9;

export class FileStateStore implements StateStore {
  readonly description: string;
  private readonly folder: string;
  private readonly files: StateFileSystem;
  private readonly clock: StateClock;
  private readonly renewMs: number;
  private readonly silentMs: number;
  private readonly identify: (address: string) => ProcessIdentity;
  private readonly closing = new AbortController();
  private announcer: Announcer | null = null;
  private lock: DirectoryLock | null = null;
  private file: StateFile | null = null;
  private untilMs = -Infinity;
  /** The call in progress, which the next one waits for: one at a time touches the files. */
  private turn: Promise<unknown> = Promise.resolve();
  private loop: Promise<void> = Promise.resolve();

  constructor(folder: string, options: FileStateStoreOptions = {}) {
    this.folder = resolve(folder);
    this.description = `file:${this.folder}`;
    this.files = options.files ?? SYSTEM_FILES;
    this.clock = options.clock ?? SYSTEM_CLOCK;
    this.renewMs = options.renewMs ?? RENEW_MS;
    this.silentMs = options.silentMs ?? SILENT_MS;
    this.identify = options.identify ?? ownIdentity;
  }

  async start(address: string, listener: StateStoreListener): Promise<void> {
    // One for all times that this store takes the folder: a lock that it could not remove is never taken for another's.
    const identity = this.identify(address);
    this.announcer = new Announcer(listener);
    try {
      await this.files.makeFolder(this.folder);
    } catch (error) {
      throw asFailure(error, `cannot make the folder ${this.folder}`);
    }
    await this.inTurn(() => this.takeFolder(identity));
    this.loop = this.keepFolder(identity);
  }

  electedUntilMs(): number {
    return this.untilMs;
  }

  write(value: Uint8Array, expectedRevision: number): Promise<WriteOutcome> {
    if (value.length > STATE_BYTES_MAX) {
      const text = `the state has ${value.length} bytes; at most ${STATE_BYTES_MAX} can be stored`;
      return Promise.reject(new ShoalError('InvalidArgument', text));
    }
    // The caller may use the bytes again while this write waits for its turn.
    const copy = value.slice();
    return this.inTurn(async () => {
      const { file, lock } = this;
      if (file === null || lock === null || !(await this.holds(lock))) return { kind: 'notElected' };
      try {
        const state = await file.latest();
        const outcome: WriteOutcome =
          state.revision === expectedRevision
            ? { kind: 'written', revision: await file.replace(copy) }
            : { kind: 'conflict', state };
        this.announcer?.troubleIsOver('write');
        return outcome;
      } catch (error) {
        const failure = asFailure(error, `cannot write ${file.path}`);
        this.announcer?.trouble('write', failure.message);
        throw failure;
      }
    });
  }

  async close(): Promise<void> {
    this.closing.abort();
    this.announcer?.close();
    await this.loop;
    await this.inTurn(async () => {
      this.untilMs = -Infinity;
      await this.lock?.release();
      this.lock = null;
    });
  }

  private inTurn<T>(call: () => Promise<T>): Promise<T> {
    const result = this.turn.then(call);
    this.turn = result.catch(() => undefined);
    return result;
  }

  /** Rejects where the folder is another's, or what is in it cannot be used. */
  private async takeFolder(identity: ProcessIdentity): Promise<void> {
    if (this.closing.signal.aborted) throw new ShoalError('StateStoreFailed', 'the state store was closed');
    const sentMs = this.clock.monotonicMs();
    const lock = await DirectoryLock.acquire({
      folder: this.folder,
      files: this.files,
      clock: this.clock,
      identity,
      silentMs: this.silentMs,
      signal: this.closing.signal,
      onWait: (text) => this.announcer?.trouble('reach', text),
    });
    try {
      const file = new StateFile(this.folder, this.files);
      const state = await file.open();
      this.file = file;
      this.lock = lock;
      this.untilMs = sentMs + this.silentMs * SILENT_SHARE;
      // Other processes may have kept it waiting for longer than the lock counts from its beginning.
      if (!(await this.renew(lock))) throw new Error('the lock was taken away at once');
      this.announcer?.troubleIsOver('reach');
      this.announcer?.elected(state);
    } catch (error) {
      this.lock = null;
      this.untilMs = -Infinity;
      await lock.release();
      throw asFailure(error, `cannot use the folder ${this.folder}`);
    }
  }

  private async keepFolder(identity: ProcessIdentity): Promise<void> {
    const { signal } = this.closing;
    for (;;) {
      await pause(this.clock, this.renewMs, signal);
      if (signal.aborted) return;
      await this.inTurn(async () => {
        try {
          if (this.lock === null) await this.takeFolder(identity);
          else await this.renewOrDepose(this.lock);
        } catch (error) {
          this.announcer?.trouble('reach', asFailure(error, `cannot use the folder ${this.folder}`).message);
        }
      });
    }
  }

  private async renewOrDepose(lock: DirectoryLock): Promise<void> {
    try {
      if (await this.renew(lock)) this.announcer?.troubleIsOver('reach');
      else this.depose(`the lock of this process in ${this.folder} was taken away`);
    } catch (error) {
      if (this.clock.monotonicMs() >= this.untilMs) {
        await lock.release();
        this.depose(`the lock in ${this.folder} could not be renewed: ${reasonOf(error)}`);
      }
      throw error;
    }
  }

  /** False where the folder is lost. A lock that was silent for too long is lost too, even if nobody has taken it yet. */
  private async renew(lock: DirectoryLock): Promise<boolean> {
    const sentMs = this.clock.monotonicMs();
    if (!(await lock.renew())) return false;
    this.untilMs = sentMs + this.silentMs * SILENT_SHARE;
    return true;
  }

  /** Whether a write may begin; deposes where not. */
  private async holds(lock: DirectoryLock): Promise<boolean> {
    if (this.clock.monotonicMs() < this.untilMs && (await lock.isOwn().catch(() => true))) return true;
    if (await this.renew(lock).catch(() => false)) return true;
    await lock.release();
    this.depose(`the lock of this process in ${this.folder} was taken away or could not be renewed`);
    return false;
  }

  private depose(reason: string): void {
    this.lock = null;
    this.file = null;
    this.untilMs = -Infinity;
    this.announcer?.deposed(reason, null);
  }
}
