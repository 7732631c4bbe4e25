/**
 * Checks a store's invariants while nobody works in it: for tests and for DEBUG. Walks everything.
 */
import { KEY_SLOT_COUNT, keySlot } from '../base/key-slot.ts';
import { ItemView } from './item.ts';
import {
  CONTROL_FREE_HEAD,
  CONTROL_FRESH_END,
  CONTROL_FRESH_FIRST,
  CONTROL_QUEUE_HEAD,
  COUNTER_NAMESPACE_EXPIRING,
  COUNTER_NAMESPACE_ITEMS,
  COUNTER_DEAD_BYTES,
  COUNTER_ITEMS,
  COUNTER_LIVE_BYTES,
  ITEM_DEAD,
  Queue,
  SEGMENT_CONTINUED,
  SEGMENT_DEAD,
  SEGMENT_NEXT,
  SEGMENT_PREFIX_BYTES,
  SEGMENT_QUEUE,
  SEGMENT_STATE,
  SEGMENT_USED,
  SegmentState,
  THREAD_OPEN_BYTES,
  THREAD_OPEN_SEGMENT,
  THREAD_WORDS,
  WORD_SHIFT,
} from './layout.ts';
import { KeyHash } from './hash.ts';
import { CONTROL_HASH_SEED } from './layout.ts';
import { bucketOf } from './bucket-index.ts';
import { NO_SEGMENT } from './segment-pool.ts';
import type { StoreParts } from './store-parts.ts';
import { DATABASE_COUNT } from './types.ts';

/** What an audit finds wrong, a sentence each; empty where all is well. */
export function auditStore(parts: StoreParts): string[] {
  const problems: string[] = [];
  const expect = (what: string, found: number, wanted: number): void => {
    if (found !== wanted) problems.push(`${what}: ${found}, expected ${wanted}`);
  };
  const index = auditIndex(parts, problems);
  const log = auditSegments(parts, problems);
  const { memory } = parts;
  expect('items counted', memory.total(COUNTER_ITEMS), index.items);
  expect('live bytes counted', memory.total(COUNTER_LIVE_BYTES), index.bytes);
  expect('live bytes in segments', log.liveBytes, index.bytes);
  expect('dead bytes counted', memory.total(COUNTER_DEAD_BYTES), log.deadBytes);
  for (let namespace = 0; namespace < DATABASE_COUNT; namespace += 1) {
    expect(
      `items of name space ${namespace}`,
      memory.total(COUNTER_NAMESPACE_ITEMS + namespace),
      index.byNamespace[namespace]!,
    );
    expect(
      `expiring of name space ${namespace}`,
      memory.total(COUNTER_NAMESPACE_EXPIRING + namespace),
      index.expiring[namespace]!,
    );
  }
  if (parts.slotCounters.isOn) auditSlots(parts, index, problems);
  return problems;
}

function auditSlots({ slotCounters }: StoreParts, index: IndexSums, problems: string[]): void {
  for (let slot = 0; slot < KEY_SLOT_COUNT; slot += 1) {
    const items = slotCounters.itemCount(slot);
    const bytes = slotCounters.byteCount(slot);
    if (items !== index.itemsBySlot[slot] || bytes !== index.bytesBySlot[slot]) {
      const found = `${index.itemsBySlot[slot]} items and ${index.bytesBySlot[slot]} bytes`;
      problems.push(`hash slot ${slot} counts ${items} items and ${bytes} bytes and has ${found}`);
    }
  }
}

interface IndexSums {
  items: number;
  bytes: number;
  readonly byNamespace: number[];
  readonly expiring: number[];
  readonly itemsBySlot: Int32Array;
  readonly bytesBySlot: Float64Array;
}

function auditIndex(parts: StoreParts, problems: string[]): IndexSums {
  const { index, memory } = parts;
  const hash = new KeyHash(memory.control[CONTROL_HASH_SEED]!, memory.control[CONTROL_HASH_SEED + 1]!);
  const sums: IndexSums = {
    items: 0,
    bytes: 0,
    byNamespace: new Array<number>(DATABASE_COUNT).fill(0),
    expiring: new Array<number>(DATABASE_COUNT).fill(0),
    itemsBySlot: new Int32Array(KEY_SLOT_COUNT),
    bytesBySlot: new Float64Array(KEY_SLOT_COUNT),
  };
  const locations = new Set<number>();
  for (let bucket = 0; bucket < index.bucketCount; bucket += 1) {
    index.lockBucket(bucket);
    for (index.startSlots(); index.nextSlot(); ) {
      index.viewSlot();
      const { item } = index;
      const location = item.arena * 2 ** 28 + item.word;
      if (locations.has(location)) problems.push(`two slots point at ${location}`);
      locations.add(location);
      if ((item.flags & ITEM_DEAD) !== 0) problems.push(`the index points at a dead item at ${location}`);
      hash.update(item.bytes, item.keyStart, item.keyLength, item.namespace);
      if (bucketOf(hash.low, index.bucketCount) !== bucket)
        problems.push(`an item stands in bucket ${bucket}, not its own`);
      sums.items += 1;
      sums.bytes += item.size;
      sums.byNamespace[item.namespace]! += 1;
      if (item.expiresAtMs !== 0) sums.expiring[item.namespace]! += 1;
      const slot = keySlot(item.bytes, item.keyStart, item.keyLength);
      sums.itemsBySlot[slot]! += 1;
      sums.bytesBySlot[slot]! += item.size;
    }
    index.unlock();
  }
  return sums;
}

function auditSegments(parts: StoreParts, problems: string[]): { liveBytes: number; deadBytes: number } {
  const { memory, pool } = parts;
  const { control } = memory;
  const item = new ItemView(memory);
  let liveBytes = 0;
  let deadBytes = 0;
  const open = new Map<number, number>();
  for (let thread = memory.map.threads; thread < memory.map.segments; thread += THREAD_WORDS) {
    for (const queue of [Queue.small, Queue.main]) {
      const segment = control[thread + THREAD_OPEN_SEGMENT + queue]!;
      if (segment !== NO_SEGMENT) open.set(segment, control[thread + THREAD_OPEN_BYTES + queue]!);
    }
  }
  for (let segment = 1; segment < memory.segmentCount; segment += 1) {
    const record = memory.record(segment);
    const state = control[record + SEGMENT_STATE]!;
    if (state !== SegmentState.sealed && state !== SegmentState.large && state !== SegmentState.open) continue;
    const used =
      state === SegmentState.open ? (open.get(segment) ?? SEGMENT_PREFIX_BYTES) : control[record + SEGMENT_USED]!;
    const dead = control[record + SEGMENT_DEAD]!;
    deadBytes += dead;
    liveBytes += used - SEGMENT_PREFIX_BYTES - dead;
    let deadFound = 0;
    const start = memory.segmentStart(segment);
    for (let position = SEGMENT_PREFIX_BYTES; position < used; position += item.size) {
      item.at(memory.arenaOf(segment), (start + position) >> WORD_SHIFT);
      if ((item.flags & ITEM_DEAD) !== 0) deadFound += item.size;
    }
    if (deadFound !== dead) problems.push(`segment ${segment} says ${dead} dead bytes and has ${deadFound}`);
  }
  auditLists(parts, problems, open.size);
  if (pool.freeCount < 0) problems.push('fewer than no free segments');
  return { liveBytes, deadBytes };
}

/** Every segment is in exactly one place: free, in a queue, open, or the index's. */
function auditLists({ memory, pool }: StoreParts, problems: string[], openCount: number): void {
  const { control } = memory;
  const listed = (head: number): number => {
    let count = 0;
    for (let segment = head; segment !== NO_SEGMENT && count <= memory.segmentCount; count += 1) {
      segment = control[memory.record(segment) + SEGMENT_NEXT]!;
    }
    return count;
  };
  const byState = new Array<number>(8).fill(0);
  for (let segment = 0; segment < memory.segmentCount; segment += 1)
    byState[control[memory.record(segment) + SEGMENT_STATE]!]! += 1;
  const free = listed(control[CONTROL_FREE_HEAD]!) + control[CONTROL_FRESH_END]! - control[CONTROL_FRESH_FIRST]!;
  if (free !== pool.freeCount || free !== byState[SegmentState.free]) {
    problems.push(`${free} segments free, ${pool.freeCount} counted, ${byState[SegmentState.free]} marked`);
  }
  if (openCount !== byState[SegmentState.open])
    problems.push(`${openCount} open segments, ${byState[SegmentState.open]} marked`);
  let continued = 0;
  let queued = 0;
  const owned = [0, 0, 0];
  for (const queue of [Queue.small, Queue.main]) {
    for (
      let segment = control[CONTROL_QUEUE_HEAD + queue]!;
      segment !== NO_SEGMENT;
      segment = control[memory.record(segment) + SEGMENT_NEXT]!
    ) {
      queued += 1;
      for (let part = control[memory.record(segment) + SEGMENT_CONTINUED]!; part !== NO_SEGMENT; ) {
        continued += 1;
        part = control[memory.record(part) + SEGMENT_CONTINUED]!;
      }
    }
  }
  if (queued !== byState[SegmentState.sealed]! + byState[SegmentState.large]!)
    problems.push(`${queued} segments queued, others marked`);
  if (continued !== byState[SegmentState.continuation])
    problems.push(`${continued} continuations linked, others marked`);
  for (let segment = 1; segment < memory.segmentCount; segment += 1)
    owned[control[memory.record(segment) + SEGMENT_QUEUE]!]! += 1;
  for (const queue of [Queue.small, Queue.main]) {
    if (pool.queueCount(queue) !== owned[queue])
      problems.push(`queue ${queue} says it owns ${pool.queueCount(queue)} segments, ${owned[queue]} are marked`);
  }
}
