/**
 * Walking the keys. The index only grows, and a split moves keys to a bucket of a higher number: so who visits the buckets in order meets
 * every key that is there throughout, whatever happens meanwhile (some twice).
 */
import { keySlot } from '../base/key-slot.ts';
import { copyBytes, type ItemView } from './item.ts';
import type { KeyBatch } from './key-batch.ts';
import type { SlotFilter } from './slot-set.ts';
import type { StoreParts } from './store-parts.ts';

/** Buckets tried at random before a random key is looked for in all of them. */
const RANDOM_PROBES = 64;
/** Buckets that such a search visits in a row: memory is read far faster in order, and more in one block would favour the keys of sparse ones. */
const RANDOM_BLOCK_BUCKETS = 16;
const NO_BUCKET = -1;

/** In place of a name space: all of them. */
export const ANY_NAMESPACE = -1;

/** Which keys are meant. */
export interface KeySelection {
  /** Or ANY_NAMESPACE. */
  readonly namespace: number;
  /** Null: the keys of all hash slots. */
  readonly slots: SlotFilter | null;
}

/** Fills `batch` with the live keys of `selection` in bucket `cursor`; returns the next bucket, 0 at the end. */
export function scanBucket(
  parts: StoreParts,
  cursor: number,
  selection: KeySelection,
  batch: KeyBatch,
  nowMs: number,
): number {
  batch.clear();
  if (cursor < 0 || cursor >= parts.index.bucketCount) return 0;
  if (!parts.index.looksEmpty(cursor)) collect(parts, cursor, selection, batch, nowMs);
  return cursor + 1 < parts.index.bucketCount ? cursor + 1 : 0;
}

/** Fills `batch` with one live key of `selection`; false where there is none. */
export function randomKey(
  parts: StoreParts,
  selection: KeySelection,
  random01: () => number,
  batch: KeyBatch,
  nowMs: number,
): boolean {
  const count = parts.index.bucketCount;
  for (let probe = 0; probe < RANDOM_PROBES; probe += 1) {
    if (collectOne(parts, Math.floor(random01() * count), selection, batch, random01, nowMs)) return true;
  }
  // All blocks once, from a random one in random strides: where few buckets are in use, going to the next one would favour
  // the keys behind long gaps. An odd stride meets every number below a power of two.
  const span = 2 ** Math.ceil(Math.log2(Math.ceil(count / RANDOM_BLOCK_BUCKETS)));
  const stride = 2 * Math.floor((random01() * span) / 2) + 1;
  let block = Math.floor(random01() * span);
  for (let step = 0; step < span; step += 1) {
    block = (block + stride) % span;
    const bucket = chooseBucket(parts, block * RANDOM_BLOCK_BUCKETS, selection, batch, random01, nowMs);
    if (bucket !== NO_BUCKET && collectOne(parts, bucket, selection, batch, random01, nowMs)) return true;
  }
  return false;
}

/** One bucket of the block that begins at `first`, each as likely as it has keys; NO_BUCKET where none has. */
function chooseBucket(
  parts: StoreParts,
  first: number,
  selection: KeySelection,
  batch: KeyBatch,
  random01: () => number,
  nowMs: number,
): number {
  const end = Math.min(first + RANDOM_BLOCK_BUCKETS, parts.index.bucketCount);
  let chosen = NO_BUCKET;
  let keys = 0;
  for (let bucket = first; bucket < end; bucket += 1) {
    if (parts.index.looksEmpty(bucket)) continue;
    batch.clear();
    collect(parts, bucket, selection, batch, nowMs);
    keys += batch.count;
    if (random01() * keys < batch.count) chosen = bucket;
  }
  return chosen;
}

function collectOne(
  parts: StoreParts,
  bucket: number,
  selection: KeySelection,
  batch: KeyBatch,
  random01: () => number,
  nowMs: number,
): boolean {
  batch.clear();
  if (parts.index.looksEmpty(bucket)) return false;
  collect(parts, bucket, selection, batch, nowMs);
  if (batch.count === 0) return false;
  const chosen = Math.floor(random01() * batch.count);
  batch.starts[0] = batch.starts[chosen]!;
  batch.lengths[0] = batch.lengths[chosen]!;
  batch.namespaces[0] = batch.namespaces[chosen]!;
  batch.count = 1;
  return true;
}

function collect(parts: StoreParts, bucket: number, selection: KeySelection, batch: KeyBatch, nowMs: number): void {
  const { index } = parts;
  for (;;) {
    index.lockBucket(bucket);
    let lacking = 0;
    for (index.startSlots(); lacking === 0 && index.nextSlot(); ) {
      index.viewSlot();
      const item = index.item;
      if (!isSelected(item, selection) || item.isExpired(nowMs)) continue;
      if (batch.fits(item.keyLength)) {
        const start = batch.add(item.keyLength, item.namespace);
        copyBytes(item.bytes, item.keyStart, batch.bytes, start, item.keyLength);
      } else lacking = item.keyLength;
    }
    index.unlock();
    if (lacking === 0) return;
    batch.clear();
    batch.grow(lacking);
  }
}

/** Whether `item` is one of those meant. */
export function isSelected(item: ItemView, { namespace, slots }: KeySelection): boolean {
  if (namespace !== ANY_NAMESPACE && item.namespace !== namespace) return false;
  return slots === null || slots.has(keySlot(item.bytes, item.keyStart, item.keyLength));
}
