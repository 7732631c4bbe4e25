/**
 * What a log or snapshot holds: records, one behind the other in the payload of a block, little-endian and not aligned.
 *
 *     record   kind u8 | flags u8 | name space u8 | key length u16 | rest by kind
 *       item     value length u32 | expiry, ms since 1970, f64, by flag EXPIRY | key | value
 *       removed  key
 *       flushed  nothing: all keys of the name space, or of all for EVERY_NAMESPACE, are gone
 *       mapping  16 × u8: the name space of each database
 *       end      item records in the snapshot, f64: the last record of one
 *       cluster  in place of a key the name of the cluster that the node is in: the first record of each file of such a node, but for a mapping
 *       cleared  in place of a key a note (src/store/slot-notes.ts) of slots: all their items were given up, and what was claimed of them
 *       emptied  a note of slots: all their items in the name space, or in all, are gone
 *       claimed  a note of slots: what the files hold of them up to here is all that they had
 *
 * A later record about a key is right, an earlier one forgotten. Items bear the number of their name space (src/store/namespaces.ts), so SWAPDB is one
 * record. Key and expiry of a removed item need no record: it was removed whatever it was.
 */
import { EVERY_NAMESPACE } from '../store/change-ring.ts';
import { decodeSlotNote, type SlotNote } from '../store/slot-notes.ts';
import { DATABASE_COUNT, type ItemSnapshot, KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../store/types.ts';

export const RecordKind = {
  item: 1,
  removed: 2,
  flushed: 3,
  mapping: 4,
  end: 5,
  cluster: 6,
  cleared: 7,
  emptied: 8,
  claimed: 9,
} as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

/** The value was built by APPEND or SETRANGE. */
export const RECORD_IS_RAW = 0x01;
export const RECORD_HAS_EXPIRY = 0x02;
/** The item was read since it came or since the evictor last passed it over. */
export const RECORD_IS_USED = 0x04;
const ITEM_FLAGS: number = RECORD_IS_RAW | RECORD_HAS_EXPIRY | RECORD_IS_USED;

const KEY_LENGTH_OFFSET = 3;
const RECORD_HEADER_BYTES = 5;
const LENGTH_BYTES = 4;
const DOUBLE_BYTES = 8;
/** The longest record: an item of the longest key and value. */
export const RECORD_BYTES_MAX: number =
  RECORD_HEADER_BYTES + LENGTH_BYTES + DOUBLE_BYTES + KEY_BYTES_MAX + VALUE_BYTES_MAX;
/** A record without a key has at most so many bytes. */
export const RECORD_FIXED_BYTES_MAX: number = RECORD_HEADER_BYTES + DATABASE_COUNT;
/** A point in time that a double holds exactly. */
const EXPIRY_MS_MAX: number = 2 ** 53;

/** Bytes of an item's record, or a few more. */
export function itemRecordBytes(keyLength: number, valueLength: number): number {
  return RECORD_HEADER_BYTES + LENGTH_BYTES + DOUBLE_BYTES + keyLength + valueLength;
}

/** Writes the record of an item at `at` of `to`, where there is room; returns where it ends. `item` is what was read under the key. */
export function writeItem(
  to: Buffer,
  at: number,
  namespace: number,
  key: Uint8Array,
  keyStart: number,
  keyLength: number,
  item: ItemSnapshot,
): number {
  const hasExpiry = item.expiresAtMs !== 0;
  const flags =
    (item.raw ? RECORD_IS_RAW : 0) | (hasExpiry ? RECORD_HAS_EXPIRY : 0) | (item.frequency > 0 ? RECORD_IS_USED : 0);
  let end = writeHeader(to, at, RecordKind.item, flags, namespace, keyLength);
  end = to.writeUInt32LE(item.length, end);
  if (hasExpiry) end = to.writeDoubleLE(item.expiresAtMs, end);
  end = copyTo(to, end, key, keyStart, keyLength);
  return copyTo(to, end, item.bytes, 0, item.length);
}

export function writeRemoved(
  to: Buffer,
  at: number,
  namespace: number,
  key: Uint8Array,
  keyStart: number,
  keyLength: number,
): number {
  return copyTo(to, writeHeader(to, at, RecordKind.removed, 0, namespace, keyLength), key, keyStart, keyLength);
}

/** `namespace`: or EVERY_NAMESPACE. */
export function writeFlushed(to: Buffer, at: number, namespace: number): number {
  return writeHeader(to, at, RecordKind.flushed, 0, namespace, 0);
}

/** `namespaces`: of each database. */
export function writeMapping(to: Buffer, at: number, namespaces: ArrayLike<number>): number {
  const end = writeHeader(to, at, RecordKind.mapping, 0, 0, 0);
  for (let database = 0; database < DATABASE_COUNT; database += 1) to[end + database] = namespaces[database]!;
  return end + DATABASE_COUNT;
}

export function writeEnd(to: Buffer, at: number, itemCount: number): number {
  return to.writeDoubleLE(itemCount, writeHeader(to, at, RecordKind.end, 0, 0, 0));
}

/** A record of a kind that has a text or a note in place of a key; `namespace`: or EVERY_NAMESPACE. */
export function writeNote(to: Buffer, at: number, kind: NoteKind, namespace: number, body: Uint8Array): number {
  return copyTo(to, writeHeader(to, at, kind, 0, namespace, body.length), body, 0, body.length);
}

/** Kinds of records that only nodes in a cluster write. */
export type NoteKind =
  | typeof RecordKind.cluster
  | typeof RecordKind.cleared
  | typeof RecordKind.emptied
  | typeof RecordKind.claimed;

function writeHeader(
  to: Buffer,
  at: number,
  kind: RecordKind,
  flags: number,
  namespace: number,
  keyLength: number,
): number {
  to[at] = kind;
  to[at + 1] = flags;
  to[at + 2] = namespace;
  to[at + KEY_LENGTH_OFFSET] = keyLength & 0xff;
  to[at + KEY_LENGTH_OFFSET + 1] = keyLength >>> 8;
  return at + RECORD_HEADER_BYTES;
}

function copyTo(to: Buffer, at: number, from: Uint8Array, start: number, length: number): number {
  nativeCopy.call(from, to, at, start, start + length);
  return at + length;
}

const nativeCopy = Buffer.prototype.copy;

/** Reads records one by one; the fields are those of the record that `next` came to, and mean something for the kinds that have them. */
export class RecordReader {
  kind: RecordKind = RecordKind.item;
  namespace = 0;
  bytes: Buffer = Buffer.alloc(0);
  /** Where the record begins. */
  start = 0;
  keyStart = 0;
  keyLength = 0;
  valueStart = 0;
  valueLength = 0;
  /** 0: none. */
  expiresAtMs = 0;
  raw = false;
  used = false;
  /** Of `end`. */
  itemCount = 0;
  /** Of `cleared`, `emptied` and `claimed`. */
  note: SlotNote = { time: 0, flags: 0, slots: [] };
  /** Why `next` ended before the bytes did; null: it did not. A block whose checksum is right has no such place, unless another version wrote it. */
  problem: string | null = null;
  private view: DataView = new DataView(new ArrayBuffer(0));
  private at = 0;
  private end = 0;

  /** Begins with the records in `bytes[start..end)`, which stay as they are meanwhile. */
  begin(bytes: Buffer, start: number, end: number): void {
    if (this.bytes !== bytes) {
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    this.at = start;
    this.end = end;
    this.problem = null;
  }

  /** Begins where `other` stands: its next record will be the first. */
  beginAt(other: RecordReader): void {
    this.begin(other.bytes, other.at, other.end);
  }

  /** Whether the record is about one key. */
  get hasKey(): boolean {
    return this.kind === RecordKind.item || this.kind === RecordKind.removed;
  }

  /** Goes to the next record; false at the end, or where there is a `problem`. */
  next(): boolean {
    const { view, at } = this;
    if (at === this.end) return false;
    if (at + RECORD_HEADER_BYTES > this.end) return this.fail('it ends within a record');
    this.start = at;
    this.kind = view.getUint8(at) as RecordKind;
    const flags = view.getUint8(at + 1);
    this.namespace = view.getUint8(at + 2);
    this.keyLength = view.getUint16(at + KEY_LENGTH_OFFSET, true);
    this.at = at + RECORD_HEADER_BYTES;
    if ((flags & ~(this.kind === RecordKind.item ? ITEM_FLAGS : 0)) !== 0)
      return this.fail(`a record of kind ${this.kind} has flags ${flags}`);
    switch (this.kind) {
      case RecordKind.item:
        return this.readItem(flags) && this.checkNamespace();
      case RecordKind.removed:
        return this.readKey() && this.checkNamespace();
      case RecordKind.flushed:
        return this.keyLength === 0 && (this.namespace === EVERY_NAMESPACE || this.checkNamespace())
          ? true
          : this.fail('a flush has a key');
      case RecordKind.cluster:
        return this.readKey();
      case RecordKind.cleared:
      case RecordKind.emptied:
      case RecordKind.claimed:
        return this.readKey() && this.readNote();
      case RecordKind.mapping:
        return this.readMapping();
      case RecordKind.end:
        if (this.at + DOUBLE_BYTES > this.end) return this.fail('it ends within a record');
        this.itemCount = view.getFloat64(this.at, true);
        this.at += DOUBLE_BYTES;
        return true;
      default:
        return this.fail(`there is no kind ${String(this.kind)} of records`);
    }
  }

  /** Where the record ends. */
  get recordEnd(): number {
    return this.at;
  }

  /** Of a mapping: the name space of `database`. */
  namespaceOf(database: number): number {
    return this.bytes[this.valueStart + database]!;
  }

  private readItem(flags: number): boolean {
    const { view } = this;
    const hasExpiry = (flags & RECORD_HAS_EXPIRY) !== 0;
    this.raw = (flags & RECORD_IS_RAW) !== 0;
    this.used = (flags & RECORD_IS_USED) !== 0;
    if (this.at + LENGTH_BYTES + (hasExpiry ? DOUBLE_BYTES : 0) > this.end) return this.fail('it ends within a record');
    this.valueLength = view.getUint32(this.at, true);
    this.at += LENGTH_BYTES;
    this.expiresAtMs = 0;
    if (hasExpiry) {
      this.expiresAtMs = view.getFloat64(this.at, true);
      this.at += DOUBLE_BYTES;
      if (!Number.isInteger(this.expiresAtMs) || this.expiresAtMs <= 0 || this.expiresAtMs > EXPIRY_MS_MAX)
        return this.fail(`an item has the expiry ${this.expiresAtMs}`);
    }
    if (this.valueLength > VALUE_BYTES_MAX) return this.fail(`a value has ${this.valueLength} bytes`);
    if (!this.readKey()) return false;
    this.valueStart = this.at;
    this.at += this.valueLength;
    return this.at <= this.end || this.fail('it ends within a value');
  }

  private readKey(): boolean {
    this.keyStart = this.at;
    this.at += this.keyLength;
    return this.at <= this.end || this.fail('it ends within a key');
  }

  private readNote(): boolean {
    const note = decodeSlotNote(this.bytes, this.keyStart, this.keyLength);
    if (typeof note === 'string') return this.fail(note);
    this.note = note;
    return this.namespace === EVERY_NAMESPACE || this.checkNamespace();
  }

  private readMapping(): boolean {
    if (this.keyLength !== 0 || this.at + DATABASE_COUNT > this.end) return this.fail('it ends within a record');
    this.valueStart = this.at;
    this.valueLength = DATABASE_COUNT;
    this.at += DATABASE_COUNT;
    let seen = 0;
    for (let database = 0; database < DATABASE_COUNT; database += 1) seen |= 1 << this.namespaceOf(database);
    const isWhole =
      seen === (1 << DATABASE_COUNT) - 1 && this.bytes.subarray(this.valueStart, this.at).every(isNamespace);
    return isWhole || this.fail('two databases have one name space');
  }

  private checkNamespace(): boolean {
    return isNamespace(this.namespace) || this.fail(`there is no name space ${this.namespace}`);
  }

  private fail(problem: string): false {
    this.problem = problem;
    return false;
  }
}

function isNamespace(namespace: number): boolean {
  return namespace < DATABASE_COUNT;
}
