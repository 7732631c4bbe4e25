/**
 * What a node knows of each slot, in shared memory: made once per node by the control thread, attached by each data
 * thread. A data thread looks here before it runs a command, so reading is a couple of loads.
 *
 *     Int32 words
 *     0        version      grows by 2 with each change of words, and waiters are notified; odd while words are being changed
 *     1        epoch        of the topology that the words come from (u32)
 *     2        self         index of this node among that topology's nodes, NO_NODE where it is none of them
 *     3        right        what the right to serve rests on, see ServingRight
 *     4–5      serve-until  Float64: monotonic ms; before it, this node may answer for the slots that it owns
 *     6        owned        slots with OWNED
 *     7        assigned     slots with an owner in the topology
 *     8        paused       slots with PAUSED
 *     9–15     unused
 *     16 …     one word per slot: bits 0–15 the owner's index among the topology's nodes (NO_NODE: nobody), then flags
 *
 * One thread writes, the control thread, by the agent's word alone; so there is no lock. A word is read and written whole, and its flags alone
 * say what to do here. The owner's index means something only together with the epoch: `readOwner` reads the two as one.
 * Serve-until is plain memory, an aligned double, which 64-bit machines read and write whole; the atomic load of a word
 * before it keeps the compiler from using an old one. Its clock is one that all threads of the machine share.
 *
 * The meaning of a word, in the order in which to ask (after the right to serve, without which all are refused):
 *
 *     PAUSED     wait: hold the command and look again when the version has changed. A move is about to be handed over, or
 *                (without OWNED) slots of a dead node are ours but another may still serve them for the rest of a promise.
 *     OWNED      serve. With MOVING, what is written here is also recorded for the move.
 *     otherwise  the owner that the index names serves, NO_NODE: nobody. With HANDED it is the target of a move that the
 *                topology does not know to be over. With IMPORTING the source still serves, we are being filled. With REPLICA we copy it.
 */
import { assert } from '../base/assert.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import { NO_NODE } from '../topology/topology.ts';

/** Bits of a slot's word that hold the owner's index. */
export const OWNER_MASK = 0xffff;
/** This node serves the slot. */
export const OWNED: number = 1 << 16;
/** Source of a move: writes are recorded for the target. Only with OWNED. */
export const MOVING: number = 1 << 17;
/** Commands wait until the word changes. */
export const PAUSED: number = 1 << 18;
/** Target of a move, before the handover: the source still serves. */
export const IMPORTING: number = 1 << 19;
/** Source of a move, after the handover: the owner's index says the target, which serves. */
export const HANDED: number = 1 << 20;

/** This node copies the slot, whose owner serves. Never with OWNED. */
export const REPLICA: number = 1 << 21;
/** With REPLICA: the copy is whole, and every change follows. */
export const SYNCED: number = 1 << 22;

/** What lets this node serve: nothing, the coordinator's lease, or the promises of all other nodes while it cannot be reached. */
export const ServingRight = { none: 0, lease: 1, promises: 2 } as const;
export type ServingRight = (typeof ServingRight)[keyof typeof ServingRight];

const HEADER_WORDS = 16;
const AT_VERSION = 0;
const AT_EPOCH = 1;
const AT_SELF = 2;
const AT_RIGHT = 3;
/** In doubles. */
const AT_SERVE_UNTIL = 2;
const AT_OWNED_COUNT = 6;
const AT_ASSIGNED_COUNT = 7;
const AT_PAUSED_COUNT = 8;
const TABLE_BYTES = (HEADER_WORDS + SLOT_COUNT) * Int32Array.BYTES_PER_ELEMENT;

assert(AT_SERVE_UNTIL * 2 > AT_RIGHT && AT_SERVE_UNTIL * 2 + 1 < AT_OWNED_COUNT, 'serve-until has words of its own');

/** All words of a table at one moment, as `slotImage` makes them. */
export interface SlotImage {
  readonly epoch: number;
  /** Index of this node, NO_NODE where the topology does not have it. */
  readonly selfIndex: number;
  /** A word per slot. */
  readonly words: Int32Array;
}

/** What `readOwner` fills; a caller keeps one and uses it again. */
export interface OwnerReading {
  /** The topology in which `ownerIndex` is an index. */
  epoch: number;
  /** NO_NODE: nobody. */
  ownerIndex: number;
  /** The whole word. */
  word: number;
}

export class SlotTable {
  /** What other threads attach to. */
  readonly memory: SharedArrayBuffer;
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;

  private constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.words = new Int32Array(memory);
    this.doubles = new Float64Array(memory, 0, HEADER_WORDS / 2);
  }

  /** A table of a node that knows no topology and may serve nothing. */
  static create(): SlotTable {
    const table = new SlotTable(new SharedArrayBuffer(TABLE_BYTES));
    table.doubles[AT_SERVE_UNTIL] = Number.NEGATIVE_INFINITY;
    table.words[AT_SELF] = NO_NODE;
    table.words.fill(NO_NODE, HEADER_WORDS);
    return table;
  }

  /** The table of another thread's `memory`. */
  static attach(memory: SharedArrayBuffer): SlotTable {
    assert(memory.byteLength === TABLE_BYTES, `a slot table has ${TABLE_BYTES} bytes, not ${memory.byteLength}`);
    return new SlotTable(memory);
  }

  // Reading, by any thread.

  /** Owner's index and flags of `slot`, 0 to SLOT_COUNT − 1. */
  wordOf(slot: number): number {
    return Atomics.load(this.words, HEADER_WORDS + slot);
  }

  /** Whether a command on `slot` may run at `monotonicMs`: the slot is ours, not paused, and the right to serve lasts. */
  mayServe(slot: number, monotonicMs: number): boolean {
    return (
      (Atomics.load(this.words, HEADER_WORDS + slot) & (OWNED | PAUSED)) === OWNED &&
      monotonicMs < this.doubles[AT_SERVE_UNTIL]!
    );
  }

  /** Whether this node may answer for any slot at `monotonicMs`: before a command, and again at the end of its batch. */
  mayAnswer(monotonicMs: number): boolean {
    return Atomics.load(this.words, AT_RIGHT) !== ServingRight.none && monotonicMs < this.doubles[AT_SERVE_UNTIL]!;
  }

  /** Monotonic ms at which the right to serve ends; −Infinity where there never was one. */
  get serveUntilMs(): number {
    Atomics.load(this.words, AT_RIGHT);
    return this.doubles[AT_SERVE_UNTIL]!;
  }

  /** What the right to serve rests on, or rested on when it ended. */
  get right(): ServingRight {
    return Atomics.load(this.words, AT_RIGHT) as ServingRight;
  }

  get epoch(): number {
    return Atomics.load(this.words, AT_EPOCH) >>> 0;
  }

  /** Another number than before: words have changed since, so what is held is to be looked at again. */
  get version(): number {
    return Atomics.load(this.words, AT_VERSION);
  }

  /** Index of this node among the topology's nodes; NO_NODE where it is none of them. */
  get selfIndex(): number {
    return Atomics.load(this.words, AT_SELF);
  }

  /** Slots that this node serves while it has the right to. */
  get ownedCount(): number {
    return Atomics.load(this.words, AT_OWNED_COUNT);
  }

  /** Slots that some node has. */
  get assignedCount(): number {
    return Atomics.load(this.words, AT_ASSIGNED_COUNT);
  }

  /** Slots on which commands wait. */
  get pausedCount(): number {
    return Atomics.load(this.words, AT_PAUSED_COUNT);
  }

  /**
   * Reads the owner of `slot` and the epoch in which its index counts, of one moment. False, rarely, where the words are being changed
   * right now: look again, or later.
   */
  readOwner(slot: number, reading: OwnerReading): boolean {
    const version = Atomics.load(this.words, AT_VERSION);
    const word = this.wordOf(slot);
    reading.word = word;
    reading.ownerIndex = word & OWNER_MASK;
    reading.epoch = this.epoch;
    return (version & 1) === 0 && Atomics.load(this.words, AT_VERSION) === version;
  }

  // Writing, by the control thread alone.

  /** Puts all words in place; those that stay the same are left alone. */
  apply(image: SlotImage): void {
    assert(image.words.length === SLOT_COUNT, `an image has ${SLOT_COUNT} words, not ${image.words.length}`);
    Atomics.add(this.words, AT_VERSION, 1);
    Atomics.store(this.words, AT_EPOCH, image.epoch | 0);
    Atomics.store(this.words, AT_SELF, image.selfIndex);
    let ownedCount = 0;
    let assignedCount = 0;
    let pausedCount = 0;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      const word = image.words[slot]!;
      if ((word & OWNED) !== 0) ownedCount += 1;
      if ((word & OWNER_MASK) !== NO_NODE) assignedCount += 1;
      if ((word & PAUSED) !== 0) pausedCount += 1;
      if (this.words[HEADER_WORDS + slot] !== word) Atomics.store(this.words, HEADER_WORDS + slot, word);
    }
    Atomics.store(this.words, AT_OWNED_COUNT, ownedCount);
    Atomics.store(this.words, AT_ASSIGNED_COUNT, assignedCount);
    Atomics.store(this.words, AT_PAUSED_COUNT, pausedCount);
    this.changed();
  }

  /**
   * From now on this node may serve until `untilMs` of the monotonic clock, by `right`; `none` takes the right away at
   * once. Another right than before counts as a change of the words, because what is held may have to be refused.
   */
  setServeUntil(untilMs: number, right: ServingRight): void {
    const before = this.right;
    if (right === ServingRight.none) Atomics.store(this.words, AT_RIGHT, right);
    this.doubles[AT_SERVE_UNTIL] = right === ServingRight.none ? Number.NEGATIVE_INFINITY : untilMs;
    Atomics.store(this.words, AT_RIGHT, right);
    if (right === before) return;
    Atomics.add(this.words, AT_VERSION, 1);
    this.changed();
  }

  private changed(): void {
    Atomics.add(this.words, AT_VERSION, 1);
    Atomics.notify(this.words, AT_VERSION);
  }
}
