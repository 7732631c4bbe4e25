/**
 * Replays a sequence of accesses through the store: GET, and on a miss SET; and finds the store's size at which it holds
 * as many items as a policy with a capacity counted in items may.
 *
 * All items have one size, two to the smallest segment, so that the policy is measured and not the segment.
 */
import { writeNumber } from '../../src/load/item-pattern.ts';
import { Store } from '../../src/store/store.ts';
import { SEGMENT_BYTES_MIN, SEGMENT_PREFIX_BYTES } from '../../src/store/layout.ts';
import { itemBytes, layoutFlags } from '../../src/store/item.ts';
import { Key, WriteOptions, WriteResult } from '../../src/store/types.ts';
import type { ValueSink } from '../../src/base/value-sink.ts';
import type { PolicySimulator } from './policy-simulator.ts';

/** Objects by number, in order of access. */
export type AccessSequence = Uint32Array;

export interface ReplayFigures {
  readonly hits: number;
  /** The most items that the store held at once. */
  readonly itemsMax: number;
  readonly segmentCount: number;
}

const KEY_BYTES = 10;
const ITEMS_PER_SEGMENT = 2;
const NOW_MS = 1_700_000_000_000;
/** Fixed, so that a run can be repeated to the digit. */
const HASH_SEED = [0x9e37, 0x79b9] as const;
/** Runs in search of the right size: it is found in two or three. */
const SIZE_TRIES_MAX = 8;
/** Segments that hold index, ghosts and the drain's reserve, at first guess. */
const EXTRA_SEGMENTS = 8;
const STORE_SEGMENTS_MIN = 16;

/** Hits of the largest store that never holds more than `capacity` items. */
export function replayThroughStore(sequence: AccessSequence, capacity: number): ReplayFigures {
  let segmentCount = Math.max(STORE_SEGMENTS_MIN, Math.ceil(capacity / ITEMS_PER_SEGMENT) + EXTRA_SEGMENTS);
  let best: ReplayFigures | null = null;
  for (let attempt = 0; attempt < SIZE_TRIES_MAX; attempt += 1) {
    const figures = replayOnce(sequence, segmentCount);
    const spare = capacity - figures.itemsMax;
    if (spare >= 0 && (best === null || figures.segmentCount > best.segmentCount)) best = figures;
    if (spare >= 0 && spare < ITEMS_PER_SEGMENT) break;
    const step = Math.floor(spare / ITEMS_PER_SEGMENT);
    const next = Math.max(STORE_SEGMENTS_MIN, segmentCount + step);
    if (best !== null && next <= best.segmentCount) break;
    segmentCount = next;
  }
  if (best === null) throw new Error(`no store holds ${capacity} items at most`);
  return best;
}

/** Hits of an exact policy on the same accesses. */
export function replayThroughPolicy(sequence: AccessSequence, policy: PolicySimulator<number>): number {
  let hits = 0;
  for (const object of sequence) if (policy.access(object)) hits += 1;
  return hits;
}

function replayOnce(sequence: AccessSequence, segmentCount: number): ReplayFigures {
  const store = Store.create({
    memoryBytes: segmentCount * SEGMENT_BYTES_MIN,
    segmentBytes: SEGMENT_BYTES_MIN,
    eviction: 's3fifo',
    threadCount: 1,
    hashSeed: HASH_SEED,
  });
  const value = Buffer.alloc(valueBytesFor(ITEMS_PER_SEGMENT));
  const keyBytes = Buffer.alloc(KEY_BYTES);
  const key = new Key().assign(keyBytes, 0, KEY_BYTES, 0);
  const sink = new DiscardingSink(value.length);
  const options = new WriteOptions();
  let hits = 0;
  let itemsMax = 0;
  for (const object of sequence) {
    writeNumber(keyBytes, 0, KEY_BYTES, object);
    store.enter();
    if (store.get(key, sink, NOW_MS)) hits += 1;
    else {
      const result = store.set(key, value, 0, value.length, options.reset(), NOW_MS);
      if (result !== WriteResult.stored) throw new Error(`the store refused a write: ${result}`);
      itemsMax = Math.max(itemsMax, store.count(0));
    }
    store.leave();
  }
  return { hits, itemsMax, segmentCount };
}

/** The longest value of which `count` items fill a segment. */
function valueBytesFor(count: number): number {
  const room = Math.floor((SEGMENT_BYTES_MIN - SEGMENT_PREFIX_BYTES) / count);
  let length = room;
  while (itemBytes(layoutFlags(KEY_BYTES, length, 0, false), KEY_BYTES, length) > room) length -= 1;
  return length;
}

/** Takes values and forgets them. */
class DiscardingSink implements ValueSink {
  readonly bytes: Uint8Array;

  constructor(valueBytesMax: number) {
    this.bytes = Buffer.alloc(valueBytesMax);
  }

  begin(): number {
    return 0;
  }

  makeRoom(length: number): void {
    throw new Error(`a value of ${length} bytes, longer than any that was written`);
  }
}
