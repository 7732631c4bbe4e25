/** Hash slots chosen from all: those of a move, or those that this node serves. */
import { assert } from '../base/assert.ts';
import { KEY_SLOT_COUNT } from '../base/key-slot.ts';

/** Which hash slots are meant; asked once per key that a scan comes by. */
export interface SlotFilter {
  has(slot: number): boolean;
}

/** A set of slots that does not change. */
export class SlotSet implements SlotFilter {
  /** In the order given. */
  readonly slots: readonly number[];
  private readonly members = new Uint8Array(KEY_SLOT_COUNT);

  /** `slots`: each 0 to KEY_SLOT_COUNT − 1. */
  constructor(slots: readonly number[]) {
    this.slots = slots;
    for (const slot of slots) {
      // Its message takes far longer than the rest.
      if (this.members[slot] === undefined) assert(false, `there is no slot ${slot}`);
      this.members[slot] = 1;
    }
  }

  has(slot: number): boolean {
    return this.members[slot] === 1;
  }
}
