/**
 * What a data thread knows of this node's replicas: how many have what was done in a slot, up to a position of the change log. The control thread
 * publishes how far they are (`ReplicaPositions`), and is told when somebody waits.
 */
import { OWNED, type SlotTable } from '../../cluster/slot-table.ts';
import type { ChangeRing } from '../../store/change-ring.ts';
import { SLOT_COUNT } from '../../topology/slots.ts';
import { EVERY_SLOT } from '../cluster/slot-gate.ts';

/** A replica that lacks what was done longer ago is none to rely on (Redis's min-replicas-max-lag). */
const GOOD_MS = 10_000;
const SAMPLE_MS = 1000;

/** How far the replicas of this node are; shared, and read by any thread. */
export interface ReplicaPositions {
  /** Replicas that have every change of `slot` before `position` of the change log. */
  confirmedCount(slot: number, position: number): number;
  /** Replicas that have a synced copy of `slot`, however far they are. */
  copyCount(slot: number): number;
  /** No replica has more than what is before this position. */
  readonly furthest: number;
}

export class ThreadReplicas {
  private readonly positions: ReplicaPositions;
  private readonly slots: SlotTable;
  private readonly changes: ChangeRing;
  private readonly askForProgress: () => void;
  /** Where the log was, the oldest GOOD_MS ago or more. */
  private readonly past: { readonly atMs: number; readonly position: number }[];
  /** Of all slots, the one that too few replicas had when it was last looked. */
  private weakest = 0;

  /** `askForProgress`: has what was written so far sent to replicas at once, and their confirmations be waited for. */
  constructor(positions: ReplicaPositions, slots: SlotTable, changes: ChangeRing, askForProgress: () => void) {
    this.positions = positions;
    this.slots = slots;
    this.changes = changes;
    this.askForProgress = askForProgress;
    this.past = [{ atMs: Number.NEGATIVE_INFINITY, position: changes.end }];
  }

  /** The position behind everything that was done on this node so far. */
  get position(): number {
    return this.changes.end;
  }

  /** Somebody waits for replicas from now on. */
  ask(): void {
    this.askForProgress();
  }

  /** Whether `count` replicas have what was done in `slot`, or EVERY_SLOT, before `position`. */
  areAt(slot: number, position: number, count: number): boolean {
    if (slot !== EVERY_SLOT) return this.positions.confirmedCount(slot, position) >= count;
    if (this.isBehind(this.weakest, position, count)) return false;
    for (let each = 0; each < SLOT_COUNT; each += 1) {
      if (!this.isBehind(each, position, count)) continue;
      this.weakest = each;
      return false;
    }
    return true;
  }

  /** Whether no replica at all has what is right before `position`. */
  areAllBefore(position: number): boolean {
    return ((this.positions.furthest - position) | 0) < 0;
  }

  /**
   * How many replicas have what was done in `slot` before `position`; for EVERY_SLOT, of the slot that the fewest have, and 0 where the node has none. `known`: so
   * many had it before, whatever has become of them.
   */
  countOf(slot: number, position: number, known = 0): number {
    return Math.max(
      known,
      this.fewest(slot, (each) => this.positions.confirmedCount(each, position)),
    );
  }

  /** As `countOf`, of synced copies. */
  copyCount(slot: number): number {
    return this.fewest(slot, (each) => this.positions.copyCount(each));
  }

  /** Replicas with a synced copy of `slot` that have what was done until GOOD_MS ago: as Redis counts good ones. */
  goodCount(slot: number): number {
    return this.countOf(slot, this.past[0]!.position);
  }

  /** To be called now and then: notes where the log is, for `goodCount`. */
  sample(monotonicMs: number): void {
    const { past } = this;
    if (monotonicMs - past.at(-1)!.atMs < SAMPLE_MS) return;
    past.push({ atMs: monotonicMs, position: this.position });
    while (past.length > 1 && monotonicMs - past[1]!.atMs >= GOOD_MS) past.shift();
  }

  /** Whether this node serves `slot`; some slot, for EVERY_SLOT. */
  isServed(slot: number): boolean {
    return slot === EVERY_SLOT ? this.slots.ownedCount > 0 : (this.slots.wordOf(slot) & OWNED) !== 0;
  }

  private isBehind(slot: number, position: number, count: number): boolean {
    return (this.slots.wordOf(slot) & OWNED) !== 0 && this.positions.confirmedCount(slot, position) < count;
  }

  private fewest(slot: number, countOf: (slot: number) => number): number {
    if (slot !== EVERY_SLOT) return countOf(slot);
    let fewest = Number.POSITIVE_INFINITY;
    for (let each = 0; each < SLOT_COUNT && fewest > 0; each += 1) {
      if ((this.slots.wordOf(each) & OWNED) !== 0) fewest = Math.min(fewest, countOf(each));
    }
    return fewest === Number.POSITIVE_INFINITY ? 0 : fewest;
  }
}
