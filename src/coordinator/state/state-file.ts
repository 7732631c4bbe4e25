/**
 * The file that holds a coordinator's state, and how it is replaced.
 *
 *     0  "SHOALST\n"       8 bytes
 *     8  SHA-256 of all that follows it, 32 bytes
 *    40  format            u32, big-endian like all numbers here
 *    44  revision          u64, at most 2^53 - 1
 *    52  length of value   u32
 *    56  value, to the end of the file
 *
 * Everything up to and including `format` stays where it is in later formats, so a damaged file and one from a newer
 * version are told apart.
 *
 * A replacement is written beside the file, synced, renamed over it, and then the folder is synced: at each moment the name
 * leads to a whole file, the old one or the new one. Two promises hang on the last step. A value is "written" only after it;
 * and a value that is read after a crash may still be one whose name is not on the disk, so `open` syncs the folder before it
 * hands the value out. Otherwise a state that others have already acted on could be gone after the next loss of power.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { ShoalError } from '../../base/errors.ts';
import { codeOf, reasonOf } from '../../io/system-error.ts';
import { type StateFileSystem, writeAll } from './file-system.ts';
import { STATE_BYTES_MAX, type StoredState } from './state-store.ts';

export const STATE_FILE_NAME = 'coordinator.state';
const ASIDE_NAME = `${STATE_FILE_NAME}.next`;

const MAGIC = new TextEncoder().encode('SHOALST\n');
const FORMAT = 1;
const DIGEST_OFFSET = 8;
const DIGEST_BYTES = 32;
const FORMAT_OFFSET = DIGEST_OFFSET + DIGEST_BYTES;
const REVISION_OFFSET = FORMAT_OFFSET + 4;
const LENGTH_OFFSET = REVISION_OFFSET + 8;
const VALUE_OFFSET = LENGTH_OFFSET + 4;

export function encodeStateFile(state: StoredState): Uint8Array {
  const bytes = new Uint8Array(VALUE_OFFSET + state.value.length);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(FORMAT_OFFSET, FORMAT);
  view.setBigUint64(REVISION_OFFSET, BigInt(state.revision));
  view.setUint32(LENGTH_OFFSET, state.value.length);
  bytes.set(state.value, VALUE_OFFSET);
  bytes.set(digestOf(bytes), DIGEST_OFFSET);
  return bytes;
}

/** The state, or what is wrong with the file, as the end of a sentence that begins with its name. */
export function decodeStateFile(bytes: Uint8Array): StoredState | string {
  if (bytes.length === 0) return 'is empty';
  if (bytes.length < FORMAT_OFFSET + 4) return `ends after ${bytes.length} bytes`;
  if (!equal(bytes.subarray(0, MAGIC.length), MAGIC)) return 'is no state of a Shoal coordinator';
  if (!equal(digestOf(bytes), bytes.subarray(DIGEST_OFFSET, FORMAT_OFFSET))) {
    return 'is damaged: its checksum is wrong';
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const format = view.getUint32(FORMAT_OFFSET);
  if (format > FORMAT) {
    return `was written by a newer version of Shoal (format ${format}; this version knows ${FORMAT})`;
  }
  if (format !== FORMAT || bytes.length < VALUE_OFFSET) return `is damaged: it has format ${format}`;
  const revision = view.getBigUint64(REVISION_OFFSET);
  const length = view.getUint32(LENGTH_OFFSET);
  if (length !== bytes.length - VALUE_OFFSET || length > STATE_BYTES_MAX)
    return `is damaged: it states ${length} bytes`;
  if (revision < 1n || revision >= BigInt(Number.MAX_SAFE_INTEGER)) return `is damaged: it has revision ${revision}`;
  return { revision: Number(revision), value: bytes.slice(VALUE_OFFSET) };
}

function digestOf(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes.subarray(FORMAT_OFFSET)).digest();
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** The file in its folder. One process uses it at a time, and makes one call at a time. */
export class StateFile {
  readonly path: string;
  private readonly folder: string;
  private readonly files: StateFileSystem;
  /** What the name leads to; null where that is not known, or not known to last. */
  private current: StoredState | null = null;

  constructor(folder: string, files: StateFileSystem) {
    this.folder = folder;
    this.path = join(folder, STATE_FILE_NAME);
    this.files = files;
  }

  /** What is stored, and lasts. Rejects `StateStoreFailed` on a file that cannot be read or used; it stays as it is. */
  async open(): Promise<StoredState> {
    try {
      const state = await this.read();
      await this.files.remove(join(this.folder, ASIDE_NAME));
      await this.files.syncFolder(this.folder);
      this.current = state;
      return state;
    } catch (error) {
      throw asFailure(error, `cannot use ${this.path}`);
    }
  }

  /** What is stored, and lasts, after a replacement of unknown outcome too. Rejects as `replace` does. */
  async latest(): Promise<StoredState> {
    if (this.current !== null) return this.current;
    const state = await this.read();
    // Written anew where there is something: a sync that failed once may succeed later without having done anything.
    if (state.revision > 0) await this.put(state);
    else await this.syncNames();
    this.current = state;
    return state;
  }

  /**
   * Replaces the value, whose bytes are kept, and resolves with the new revision. Rejects `StateStoreFailed` where the old value is still there
   * (disk full, read-only), `StateStoreUnavailable` where either may be.
   */
  async replace(value: Uint8Array): Promise<number> {
    const revision = (await this.latest()).revision + 1;
    const state = { revision, value };
    await this.put(state);
    this.current = state;
    return revision;
  }

  private async read(): Promise<StoredState> {
    let bytes: Uint8Array | null;
    try {
      bytes = await this.files.read(this.path, VALUE_OFFSET + STATE_BYTES_MAX + 1);
    } catch (error) {
      throw new ShoalError('StateStoreFailed', `cannot read ${this.path}: ${reasonOf(error)}`, { cause: error });
    }
    if (bytes === null) return { revision: 0, value: new Uint8Array(0) };
    const state = decodeStateFile(bytes);
    if (typeof state !== 'string') return state;
    throw new ShoalError(
      'StateStoreFailed',
      `${this.path} ${state}. It was left as it is; put a good copy in its place, or move it away to start with an empty state`,
    );
  }

  private async put(state: StoredState): Promise<void> {
    const aside = join(this.folder, ASIDE_NAME);
    try {
      const file = await this.files.create(aside);
      try {
        await writeAll(file, encodeStateFile(state));
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (error) {
      // On a full disk the half-written file takes space that the system needs.
      await this.files.remove(aside).catch(() => undefined);
      throw asFailure(error, `cannot write ${aside}; the state is as before`);
    }
    this.current = null;
    try {
      await this.files.rename(aside, this.path);
    } catch (error) {
      await this.files.remove(aside).catch(() => undefined);
      throw new ShoalError(
        'StateStoreUnavailable',
        `cannot put ${aside} in the place of ${this.path}: ${reasonOf(error)}`,
        { cause: error },
      );
    }
    await this.syncNames();
  }

  private async syncNames(): Promise<void> {
    try {
      await this.files.syncFolder(this.folder);
    } catch (error) {
      throw new ShoalError('StateStoreUnavailable', `cannot make the new ${this.path} last: ${reasonOf(error)}`, {
        cause: error,
      });
    }
  }
}

/** What went wrong, as a fault for people; one that is that already stays as it is. */
export function asFailure(error: unknown, what: string): ShoalError {
  if (error instanceof ShoalError) return error;
  const reason = codeOf(error) === 'ENOENT' ? 'its folder is not there any more' : reasonOf(error);
  return new ShoalError('StateStoreFailed', `${what}: ${reason}`, { cause: error });
}
