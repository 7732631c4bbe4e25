/**
 * Notes in the change log about whole hash slots, for who keeps the store on disk: what happened to them is too much to be said key by key, and must stand in its
 * place among the changes of keys. A note's body is in the place of a record's key, little-endian:
 *
 *     0  time    u32   of a claim: the epoch in which this node became the slots' owner (CLAIM_TAKEN: that of who handed them over); else 0
 *     4  flags   u32   CLAIM_TAKEN, or 0
 *     8  ranges  u16 first, u16 last of each, ascending
 *
 * The files of a data set hold the same bytes.
 */
import { assert } from '../base/assert.ts';
import { KEY_SLOT_COUNT } from '../base/key-slot.ts';

/** The slots were taken over from the owner of that time, by a move: what followed has no number of its own yet. */
export const CLAIM_TAKEN = 1;

const FLAGS_OFFSET = 4;
const RANGES_OFFSET = 8;
const RANGE_BYTES = 4;

export interface SlotNote {
  readonly time: number;
  readonly flags: number;
  /** Ascending. */
  readonly slots: readonly number[];
}

/** Collects what is to be noted of slots, which are added in ascending order, in as few notes as can be. */
export class SlotNoteList {
  private readonly byContent = new Map<number, { time: number; flags: number; slots: number[] }>();

  add(slot: number, time: number, flags: number): void {
    const content = time * (CLAIM_TAKEN + 1) + flags;
    const note = this.byContent.get(content);
    if (note === undefined) this.byContent.set(content, { time, flags, slots: [slot] });
    else note.slots.push(slot);
  }

  get notes(): readonly SlotNote[] {
    return [...this.byContent.values()];
  }
}

/** The body of a note. `slots`: in any order, each once. */
export function encodeSlotNote({ time, flags, slots }: SlotNote): Buffer {
  const ranges: number[] = [];
  for (const slot of slots.toSorted((left, right) => left - right)) {
    assert(slot >= 0 && slot < KEY_SLOT_COUNT, `there is no slot ${slot}`);
    if (ranges.at(-1) === slot - 1) ranges[ranges.length - 1] = slot;
    else ranges.push(slot, slot);
  }
  const body = Buffer.alloc(RANGES_OFFSET + ranges.length * 2);
  body.writeUInt32LE(time, 0);
  body.writeUInt32LE(flags, FLAGS_OFFSET);
  for (const [index, slot] of ranges.entries()) body.writeUInt16LE(slot, RANGES_OFFSET + index * 2);
  return body;
}

/** The note with the body `bytes[start..start+length)`, or what is wrong with it, for people. */
export function decodeSlotNote(bytes: Buffer, start: number, length: number): SlotNote | string {
  if (length < RANGES_OFFSET || (length - RANGES_OFFSET) % RANGE_BYTES !== 0)
    return `a note of slots has ${length} bytes`;
  const slots: number[] = [];
  for (let at = start + RANGES_OFFSET, next = 0; at < start + length; at += RANGE_BYTES) {
    const first = bytes.readUInt16LE(at);
    const last = bytes.readUInt16LE(at + 2);
    if (first < next || last < first || last >= KEY_SLOT_COUNT) return `a note of slots names ${first} to ${last}`;
    for (let slot = first; slot <= last; slot += 1) slots.push(slot);
    next = last + 1;
  }
  const flags = bytes.readUInt32LE(start + FLAGS_OFFSET);
  if ((flags & ~CLAIM_TAKEN) !== 0) return `a note of slots has flags ${flags}`;
  return { time: bytes.readUInt32LE(start), flags, slots };
}
