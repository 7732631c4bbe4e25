/** In which slots of this node a session has written, for WAIT: a few, or all that the node has. */
import { EVERY_SLOT } from '../cluster/slot-gate.ts';

const SLOT_COUNT_MAX = 32;
const EVERY: readonly number[] = [EVERY_SLOT];

export class WrittenSlots {
  private readonly slots: number[] = [];
  private isEvery = false;
  /** The next write begins a new list: whoever asked was told that all before it is where it should be. */
  private isSettled = false;

  /** `slot`: one, or EVERY_SLOT. */
  add(slot: number): void {
    if (this.isSettled) {
      this.isSettled = false;
      this.isEvery = false;
      this.slots.length = 0;
    }
    if (this.isEvery || this.slots.includes(slot)) return;
    if (slot === EVERY_SLOT || this.slots.length === SLOT_COUNT_MAX) this.isEvery = true;
    else this.slots.push(slot);
  }

  settle(): void {
    this.isSettled = true;
  }

  /** Each is a slot, or EVERY_SLOT. */
  get list(): readonly number[] {
    return this.isEvery ? EVERY : this.slots.slice();
  }
}
