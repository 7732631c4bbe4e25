/** Figures about a store, summed over its threads. */
import type { StoreStats } from './api.ts';
import {
  CONTROL_FREE_COUNT,
  CONTROL_FREE_COUNT_LEAST,
  CONTROL_GHOST_SEGMENTS,
  CONTROL_INDEX_SEGMENTS,
  COUNTER_DEAD_BYTES,
  COUNTER_EVICTED,
  COUNTER_EXPIRED,
  COUNTER_HITS,
  COUNTER_ITEMS,
  COUNTER_LIVE_BYTES,
  COUNTER_MISSES,
  COUNTER_ROW,
  SEGMENT_PREFIX_BYTES,
} from './layout.ts';
import type { StoreMemory } from './memory.ts';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from './types.ts';

/** Room that an item's header may take beside its key in one segment. */
const HEADER_BYTES_MAX = 64;
/** Share of the memory that one value may take. */
const VALUE_MEMORY_SHARE = 1 / 4;

/** The longest key: its header and all of it stand in one segment. */
export function storeKeyBytesMax(memory: StoreMemory): number {
  return Math.min(KEY_BYTES_MAX, memory.segmentBytes - SEGMENT_PREFIX_BYTES - HEADER_BYTES_MAX);
}

/** The longest value: 64 MiB, and a quarter of the memory where that is less. */
export function storeValueBytesMax(memory: StoreMemory): number {
  return Math.min(VALUE_BYTES_MAX, Math.floor(memory.segmentCount * memory.segmentBytes * VALUE_MEMORY_SHARE));
}

export function readStats(memory: StoreMemory): StoreStats {
  const { control, segmentBytes, segmentCount } = memory;
  const freeSegmentCount = Atomics.load(control, CONTROL_FREE_COUNT);
  return {
    itemCount: memory.total(COUNTER_ITEMS),
    hits: memory.total(COUNTER_HITS),
    misses: memory.total(COUNTER_MISSES),
    expired: memory.total(COUNTER_EXPIRED),
    evicted: memory.total(COUNTER_EVICTED),
    liveBytes: memory.total(COUNTER_LIVE_BYTES),
    deadBytes: memory.total(COUNTER_DEAD_BYTES),
    usedBytes: (segmentCount - freeSegmentCount) * segmentBytes,
    usedBytesPeak: (segmentCount - control[CONTROL_FREE_COUNT_LEAST]!) * segmentBytes,
    indexBytes: control[CONTROL_INDEX_SEGMENTS]! * segmentBytes,
    ghostBytes: control[CONTROL_GHOST_SEGMENTS]! * segmentBytes,
    memoryBytes: segmentCount * segmentBytes,
    segmentBytes,
    freeSegmentCount,
    valueBytesMax: storeValueBytesMax(memory),
  };
}

/** Zeroes what counts events. */
export function resetStats(memory: StoreMemory): void {
  for (let row = 0; row < memory.counters.length; row += COUNTER_ROW) {
    for (const counter of [COUNTER_HITS, COUNTER_MISSES, COUNTER_EXPIRED, COUNTER_EVICTED])
      memory.counters[row + counter] = 0;
  }
}
