/**
 * Emptying the store. All of it is a reset of the tables, at a cost per segment and not per item; one database among several, or some hash
 * slots, are a walk over the index. Both run while no other thread is inside a batch and nobody reclaims.
 */
import { keySlot } from '../base/key-slot.ts';
import { EVERY_NAMESPACE } from './change-ring.ts';
import {
  CONTROL_DRAIN_LOCK,
  COUNTER_NAMESPACE_EXPIRING,
  COUNTER_NAMESPACE_ITEMS,
  COUNTER_DEAD_BYTES,
  COUNTER_ITEMS,
  COUNTER_LIVE_BYTES,
  COUNTER_ROW,
  THREAD_OPEN_BYTES,
  THREAD_OPEN_SEGMENT,
  THREAD_WORDS,
} from './layout.ts';
import type { SlotFilter } from './slot-set.ts';
import { lock, unlock } from './spin-lock.ts';
import type { StoreParts } from './store-parts.ts';
import { DATABASE_COUNT } from './types.ts';

/** Empties the store. Inside an exclusive section. */
export function flushStore(parts: StoreParts): void {
  const { memory } = parts;
  lock(memory.control, CONTROL_DRAIN_LOCK);
  parts.slotCounters.reset((namespace) => memory.total(COUNTER_NAMESPACE_ITEMS + namespace) !== 0);
  for (let thread = memory.map.threads; thread < memory.map.segments; thread += THREAD_WORDS) {
    memory.control.fill(0, thread + THREAD_OPEN_SEGMENT, thread + THREAD_OPEN_BYTES);
  }
  for (let row = 0; row < memory.counters.length; row += COUNTER_ROW) {
    for (const counter of [COUNTER_ITEMS, COUNTER_LIVE_BYTES, COUNTER_DEAD_BYTES]) memory.counters[row + counter] = 0;
    memory.counters.fill(0, row + COUNTER_NAMESPACE_ITEMS, row + COUNTER_NAMESPACE_ITEMS + DATABASE_COUNT);
    memory.counters.fill(0, row + COUNTER_NAMESPACE_EXPIRING, row + COUNTER_NAMESPACE_EXPIRING + DATABASE_COUNT);
  }
  parts.growth.reset();
  unlock(memory.control, CONTROL_DRAIN_LOCK);
}

/**
 * Removes the keys of one name space, or of all for EVERY_NAMESPACE, where `slots` is given only those in its hash slots. Inside an exclusive
 * section.
 */
export function flushKeys(parts: StoreParts, namespace: number, slots: SlotFilter | null, nowMs: number): void {
  const { index, accounts } = parts;
  for (let bucket = 0; bucket < index.bucketCount; bucket += 1) {
    if (index.looksEmpty(bucket)) continue;
    index.lockBucket(bucket);
    for (index.startSlots(); index.nextSlot(); ) {
      index.viewSlot();
      const { item } = index;
      if (namespace !== EVERY_NAMESPACE && item.namespace !== namespace) continue;
      if (slots !== null && !slots.has(keySlot(item.bytes, item.keyStart, item.keyLength))) continue;
      if (item.isExpired(nowMs)) {
        accounts.expired(index);
      } else {
        accounts.removed(index);
        index.bumpVersion();
      }
    }
    index.unlock();
  }
}
