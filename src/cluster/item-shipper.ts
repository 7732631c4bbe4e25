/**
 * Fills the frames of a move or a stream with items as they are when it is their turn: looks a key up and writes its value, or that it is gone. A long value goes in
 * pieces, a few in a step, and keeps its copy meanwhile; nothing else may be written before its last piece.
 */
import type { Store } from '../store/store.ts';
import { ItemSnapshot, Key } from '../store/types.ts';
import { databaseOf } from '../store/namespaces.ts';
import type { FrameWindow } from './frame-window.ts';
import {
  type MovedItem,
  type RecordWriter,
  type SlotsKind,
  slotRangeBytes,
  VALUE_PIECE_BYTES,
} from './item-records.ts';

/** A copy of a value longer than this is not kept for the next one. */
const SNAPSHOT_BYTES_KEPT: number = 1024 * 1024;

/** What to do with a key that is not there: say so, or leave it, because nothing was ever sent of it. */
export type WhenGone = 'tell' | 'leave';

/** Makes frames of one kind. */
export interface FrameMaker {
  /** A frame without records, that is to be number `number`. */
  open(number: number): RecordWriter;
  /** Its bytes, when nothing is added to it any more and it goes to the window. */
  seal(frame: RecordWriter): Uint8Array;
}

interface LongValue {
  readonly namespace: number;
  readonly keyBytes: Buffer;
  readonly item: MovedItem;
  /** Bytes of the value that are sent. */
  offset: number;
}

export class ItemShipper {
  /** Items sent, those that were sent again included; and bytes of frames. */
  items = 0;
  bytes = 0;
  private readonly store: Store;
  private readonly window: FrameWindow;
  private readonly maker: FrameMaker;
  private frame: RecordWriter | null = null;
  private readonly key = new Key();
  private snapshot = new ItemSnapshot();
  /** The value being sent in pieces: its key and how far it is sent; null where none is. */
  private long: LongValue | null = null;

  /** `store`: this thread's access, which does not count uses. */
  constructor(store: Store, window: FrameWindow, maker: FrameMaker) {
    this.store = store;
    this.window = window;
    this.maker = maker;
  }

  /** Whether pieces of a value are still to be sent, by `sendPiece`, before anything else. */
  get isInPieces(): boolean {
    return this.long !== null;
  }

  /** Bytes that an item took on average. */
  get itemBytesMean(): number {
    return this.items === 0 ? 0 : this.bytes / this.items;
  }

  /** Begins again with `first`, the frame with number 0; what was in the window is forgotten. */
  begin(first: Uint8Array): void {
    this.long = null;
    this.frame = null;
    this.window.reset();
    this.window.add(first);
  }

  /** Writes the item of a key, at `wallMs` ms since 1970. Inside a batch of the store. Returns the bytes that it took, or begins to take. */
  ship(
    namespace: number,
    bytes: Uint8Array,
    start: number,
    length: number,
    whenGone: WhenGone,
    wallMs: number,
  ): number {
    const { snapshot } = this;
    const database = databaseOf(this.store.parts.memory, namespace);
    this.key.assign(bytes, start, length, database);
    const found = this.store.read(this.key, snapshot, wallMs);
    if (!found && whenGone === 'leave') return 0;
    this.items += 1;
    const item: MovedItem = {
      database,
      keyBytes: bytes,
      keyStart: start,
      keyLength: length,
      valueBytes: snapshot.bytes,
      valueLength: found ? snapshot.length : 0,
      expiresAtMs: found ? snapshot.expiresAtMs : 0,
      raw: found && snapshot.raw,
      used: found && snapshot.frequency > 0,
    };
    if (!found) {
      this.room(length, 0).removed(item);
      return length;
    }
    if (snapshot.length <= VALUE_PIECE_BYTES) {
      this.room(length, snapshot.length).item(item);
      return length + snapshot.length;
    }
    // The caller's bytes are not the key's for long.
    const keyBytes = Buffer.from(bytes.subarray(start, start + length));
    this.long = { namespace, keyBytes, item: { ...item, keyBytes, keyStart: 0 }, offset: 0 };
    return this.sendPiece();
  }

  /** Writes the next piece of the long value; returns its bytes. */
  sendPiece(): number {
    const { long } = this;
    if (long === null) return 0;
    const length = Math.min(VALUE_PIECE_BYTES, long.item.valueLength - long.offset);
    this.room(long.item.keyLength, length).piece(long.item, long.offset, length);
    long.offset += length;
    if (long.offset === long.item.valueLength) this.dropLong();
    return length;
  }

  /** Gives up the value of which pieces were sent, and returns its key: the target forgets it when something else comes. Null where there is none. */
  interrupt(): { readonly namespace: number; readonly keyBytes: Buffer } | null {
    if (this.long === null) return null;
    const { namespace, keyBytes } = this.long;
    this.dropLong();
    return { namespace, keyBytes };
  }

  /** All keys of a database, or of all for EVERY_DATABASE, are gone. */
  flushed(database: number): void {
    this.room(0, 0).flushed(database);
  }

  /** Says something of `slots`, ascending, behind what was written so far. Returns the number of the frame that says it. */
  tell(kind: SlotsKind, slots: Iterable<number>): number {
    const ranges = slotRangeBytes(slots);
    const frame = this.room(ranges.length, 0);
    frame.slots(kind, ranges);
    return frame.number;
  }

  /** Sends a frame without records behind all others: its reply says how far the other side is. */
  checkpoint(): void {
    this.finishFrame();
    this.window.add(this.maker.seal(this.maker.open(this.window.next)));
  }

  /** Gives the frame that is being filled to the window. */
  finishFrame(): void {
    const { frame } = this;
    if (frame === null || frame.isEmpty) return;
    const bytes = this.maker.seal(frame);
    this.bytes += bytes.length;
    this.window.add(bytes);
    this.frame = null;
  }

  /** The frame in which there is room for a record. */
  private room(keyLength: number, valueLength: number): RecordWriter {
    if (this.frame !== null && !this.frame.fits(keyLength, valueLength)) this.finishFrame();
    this.frame ??= this.maker.open(this.window.next);
    return this.frame;
  }

  private dropLong(): void {
    this.long = null;
    if (this.snapshot.bytes.length > SNAPSHOT_BYTES_KEPT) this.snapshot = new ItemSnapshot();
  }
}
