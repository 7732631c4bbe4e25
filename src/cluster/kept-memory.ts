/** How much of its memory a node gives to copies of other nodes' slots, which are never evicted. Part of the replicator. */
import { COUNTER_LIVE_BYTES } from '../store/layout.ts';
import type { Store } from '../store/store.ts';
import type { StreamTarget } from './stream-target.ts';

/** With more, this node could hardly keep anything of its own. */
const KEPT_SHARE_MAX = 0.8;

/** Where kept items take too much of the memory, the copy that has the most is given up. */
export function limitKept(store: Store, targets: Iterable<StreamTarget>, nowMs: number): void {
  const { slotCounters, memory } = store.parts;
  const bytesMax = KEPT_SHARE_MAX * memory.segmentCount * memory.segmentBytes;
  // As a rule all items of the store together are fewer, which is one number.
  if (memory.total(COUNTER_LIVE_BYTES) <= bytesMax) return;
  let bytes = 0;
  let largest: StreamTarget | null = null;
  let largestBytes = 0;
  for (const target of targets) {
    const targetBytes = target.slots.reduce((sum, slot) => sum + slotCounters.byteCount(slot), 0);
    bytes += targetBytes;
    if (targetBytes <= largestBytes || target.error !== null) continue;
    largest = target;
    largestBytes = targetBytes;
  }
  if (bytes > bytesMax) largest?.fail('copies for other nodes take too much of the memory: give the nodes more', nowMs);
}
