/**
 * What a node says of its copies, made so that a slot can be looked up. Whole copies of slots whose owner goes on, each with its source; and kept ones, with
 * the position that their source had when it ended.
 */
import type { ReplicationTold } from '../protocol/cluster/messages.ts';
import { SLOT_COUNT } from '../topology/slots.ts';

/** Of a node that has said nothing. */
const NOTHING: ReplicationTold = { epoch: 0, copies: [], vacant: [], streams: [] };

/** By what was told: heartbeats that say the same thing often are read once each, and most never. */
const read = new WeakMap<ReplicationTold, HeardCopies>();

export class HeardCopies {
  /** Kept copies and vacant slots are as they stand in this epoch or a later one. */
  readonly epoch: number;
  private readonly sources: string[] = [];
  /** By slot 1 + the place of its source; 0: no whole copy. */
  private readonly sourceOf: Uint16Array | null;
  /** How far each group of kept copies goes. */
  private readonly throughs: (number | null)[] = [];
  /** By slot 1 + the place of its group; 0: no kept copy. */
  private readonly keptOf: Uint16Array | null;
  private readonly vacant: Uint8Array | null;

  private constructor({ epoch, copies, vacant }: ReplicationTold) {
    this.epoch = epoch;
    this.sourceOf = copies.some(({ kept }) => !kept) ? new Uint16Array(SLOT_COUNT) : null;
    this.keptOf = copies.some(({ kept }) => kept) ? new Uint16Array(SLOT_COUNT) : null;
    for (const { source, through, kept, slots } of copies) {
      if (kept) fillRanges(this.keptOf!, slots, this.throughs.push(through));
      else fillRanges(this.sourceOf!, slots, this.sources.push(source));
    }
    this.vacant = vacant.length === 0 ? null : new Uint8Array(SLOT_COUNT);
    if (this.vacant !== null) fillRanges(this.vacant, vacant, 1);
  }

  static of(told: ReplicationTold | undefined): HeardCopies {
    const message = told ?? NOTHING;
    let found = read.get(message);
    if (found === undefined) read.set(message, (found = new HeardCopies(message)));
    return found;
  }

  /** Whether it has a whole copy of `slot` that follows `source`. */
  isSynced(slot: number, source: string): boolean {
    const place = this.sourceOf?.[slot] ?? 0;
    return place > 0 && this.sources[place - 1] === source;
  }

  /** How far its kept copy of `slot` goes; null: as far as can be; undefined: it has none. */
  keptThrough(slot: number): number | null | undefined {
    const place = this.keptOf?.[slot] ?? 0;
    return place === 0 ? undefined : this.throughs[place - 1];
  }

  /** Whether it got `slot` and has nothing of it. */
  isVacant(slot: number): boolean {
    return this.vacant !== null && this.vacant[slot] === 1;
  }
}

/** Positions of one change log: whether `left` is later. Null is later than all. They come round after 2³². */
export function isLater(left: number | null, right: number | null): boolean {
  if (left === null || right === null) return left === null && right !== null;
  return ((left - right) | 0) > 0;
}

/** Whether both say the same but for how far copies are. */
export function isSameCopies(left: ReplicationTold | undefined, right: ReplicationTold | undefined): boolean {
  if (left === right) return true;
  const [one, other] = [left ?? NOTHING, right ?? NOTHING];
  return (
    one.epoch === other.epoch &&
    isSameList(one.vacant, other.vacant) &&
    one.copies.length === other.copies.length &&
    one.copies.every((copy, index) => {
      const { source, kept, slots } = other.copies[index]!;
      return copy.source === source && copy.kept === kept && isSameList(copy.slots, slots);
    })
  );
}

function isSameList(left: readonly number[], right: readonly number[]): boolean {
  if (left.length !== right.length) return false;
  for (let at = 0; at < left.length; at += 1) if (left[at] !== right[at]) return false;
  return true;
}

/** `ranges`: first and last of one after the other. */
function fillRanges(bySlot: Uint16Array | Uint8Array, ranges: readonly number[], value: number): void {
  for (let at = 0; at < ranges.length; at += 2) bySlot.fill(value, ranges[at], ranges[at + 1]! + 1);
}
