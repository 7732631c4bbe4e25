/**
 * The hash slots whose items this node keeps for another one, which serves them: a replica's. That node alone says when such an item goes. So it is neither evicted
 * here nor removed when its time is over; who reads it then finds nothing all the same.
 *
 * A bit per slot, in shared memory. One thread writes, the control thread; every other looks before it removes an item unasked. While no slot is
 * kept, that is one load.
 */
import { keySlot } from '../base/key-slot.ts';
import type { ItemView } from './item.ts';
import { CONTROL_KEPT_COUNT, KEPT_BIT_MASK, KEPT_WORD_SHIFT, KEPT_WORDS } from './layout.ts';
import type { StoreMemory } from './memory.ts';

export class KeptSlots {
  private readonly control: Int32Array;
  private readonly first: number;

  constructor(memory: StoreMemory) {
    this.control = memory.control;
    this.first = memory.map.keptSlots;
  }

  /** How many slots are kept. */
  get count(): number {
    return Atomics.load(this.control, CONTROL_KEPT_COUNT);
  }

  has(slot: number): boolean {
    return (Atomics.load(this.control, this.first + (slot >> KEPT_WORD_SHIFT)) & (1 << (slot & KEPT_BIT_MASK))) !== 0;
  }

  /** Whether `item` is one of a slot that is kept. */
  hasItem(item: ItemView): boolean {
    return this.count !== 0 && this.has(keySlot(item.bytes, item.keyStart, item.keyLength));
  }

  /** From now on these are kept and no others. By the control thread alone. */
  set(slots: readonly number[]): void {
    const words = new Int32Array(KEPT_WORDS);
    for (const slot of slots) words[slot >> KEPT_WORD_SHIFT]! |= 1 << (slot & KEPT_BIT_MASK);
    for (let word = 0; word < KEPT_WORDS; word += 1) Atomics.store(this.control, this.first + word, words[word]!);
    Atomics.store(this.control, CONTROL_KEPT_COUNT, slots.length);
  }
}
