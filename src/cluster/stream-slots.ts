/**
 * How the slots of a stream stand, at the primary.
 *
 *     none ─► queued ─(begun)─► begun ─(deleted at the replica)─► copying ─(scan over)─► told ─(confirmed)─► synced
 *               ▲───────────────────── begun again ────────────────────────────────────────────┘
 *
 * Slots are copied in one batch at a time: those from `begun` to `told` are its. Of slots from `copying` on, changes are sent.
 */
import type { SlotFilter } from '../store/slot-set.ts';
import { SLOT_COUNT } from '../topology/slots.ts';

export const CopyState = { none: 0, queued: 1, begun: 2, copying: 3, told: 4, synced: 5 } as const;
export type CopyState = (typeof CopyState)[keyof typeof CopyState];
const STATE_COUNT = 6;

export class StreamSlots implements SlotFilter {
  /** Another number than before: other slots are synced. */
  version = 0;
  private readonly states = new Uint8Array(SLOT_COUNT);
  private readonly counts = new Int32Array(STATE_COUNT);
  /** Those that a replica may have a whole copy of, and whose changes are sent no more. */
  private readonly left = new Set<number>();
  /** As of a version. */
  private known: { readonly version: number; readonly synced: readonly number[] } = { version: 0, synced: [] };

  constructor() {
    this.counts[CopyState.none] = SLOT_COUNT;
  }

  /** Whether keys of `slot` are to be scanned. */
  has(slot: number): boolean {
    return this.states[slot] === CopyState.copying;
  }

  /** Whether changes of `slot` are sent. */
  follows(slot: number): boolean {
    return this.states[slot]! >= CopyState.copying;
  }

  stateOf(slot: number): CopyState {
    return this.states[slot] as CopyState;
  }

  /** Whether the replica has a whole copy of all these. */
  hasSynced(slots: readonly number[]): boolean {
    return slots.every((slot) => this.states[slot] === CopyState.synced);
  }

  countOf(state: CopyState): number {
    return this.counts[state]!;
  }

  /** Those that are synced, ascending. */
  get synced(): readonly number[] {
    if (this.known.version !== this.version)
      this.known = { version: this.version, synced: this.slotsIn(CopyState.synced) };
    return this.known.synced;
  }

  /** Ascending. */
  slotsIn(state: CopyState): number[] {
    const slots: number[] = [];
    if (this.counts[state] === 0) return slots;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) if (this.states[slot] === state) slots.push(slot);
    return slots;
  }

  /** These are the stream's, and no others. New ones are queued. */
  assign(slots: readonly number[]): void {
    const assigned = new Uint8Array(SLOT_COUNT);
    for (const slot of slots) assigned[slot] = 1;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (assigned[slot] === 0) this.set(slot, CopyState.none);
      else if (this.states[slot] === CopyState.none) this.set(slot, CopyState.queued);
    }
  }

  /** Begins again with `slot`, if it is the stream's. */
  requeue(slot: number): void {
    if (this.states[slot] !== CopyState.none) this.set(slot, CopyState.queued);
  }

  /**
   * The replica has no copy of these, which it is believed to have: begins again with them. `knowsBatch`: it had heard of the present batch when it said so.
   * Returns those that are not the stream's any more.
   */
  takeLacking(slots: readonly number[], knowsBatch: boolean): number[] {
    for (const slot of slots) if (knowsBatch || this.states[slot] === CopyState.synced) this.requeue(slot);
    return slots.filter((slot) => this.states[slot] === CopyState.none);
  }

  /** As if the replica had never heard of any. */
  requeueAll(): void {
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) this.requeue(slot);
    this.left.clear();
  }

  /** Whether there are slots for `takeLeft`. */
  get hasLeft(): boolean {
    return this.left.size > 0;
  }

  /** The slots whose changes were sent, to a replica that has a whole copy, and are so no more; each once. */
  takeLeft(): number[] {
    const slots = [...this.left].toSorted((one, other) => one - other);
    this.left.clear();
    return slots;
  }

  /** Those in state `from` go to the next; returns them, ascending. `mayGo`: those of which that is not so stay. */
  advance(from: CopyState, to: CopyState, mayGo: (slot: number) => boolean = () => true): number[] {
    const slots = this.slotsIn(from).filter(mayGo);
    for (const slot of slots) this.set(slot, to);
    return slots;
  }

  private set(slot: number, state: CopyState): void {
    const before = this.states[slot]!;
    if (before === state) return;
    this.states[slot] = state;
    if (before >= CopyState.told && state < CopyState.begun) this.left.add(slot);
    this.counts[before]! -= 1;
    this.counts[state]! += 1;
    if (before === CopyState.synced || state === CopyState.synced) this.version += 1;
  }
}
