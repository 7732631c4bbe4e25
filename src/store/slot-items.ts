/**
 * The items of some hash slots: all of them are walks over the index that pick out what is meant, so they cost as much as the store has items. A walk
 * in steps, a bucket each, meets every key that is there throughout (see iteration.ts).
 */
import { keySlot } from '../base/key-slot.ts';
import { copyBytes } from './item.ts';
import { BUCKET_SLOTS, BUCKET_WORDS, COUNTER_NAMESPACE_ITEMS, SLOT_META, SLOT_WORDS } from './layout.ts';
import { slotArena, slotWord } from './memory.ts';
import { ANY_NAMESPACE, isSelected, type KeySelection, scanBucket } from './iteration.ts';
import type { KeyBatch } from './key-batch.ts';
import type { SlotFilter } from './slot-set.ts';
import type { StoreParts } from './store-parts.ts';
import { DATABASE_COUNT } from './types.ts';

/** Buckets whose items are asked for together before a walk comes to them. */
const AHEAD_BUCKETS = 16;

/**
 * Looks at the items of the next AHEAD_BUCKETS buckets where a walk comes to such a block, so that they are on their way from memory all at once, and not one
 * after the other. Changes and decides nothing, as keys-ahead.ts: no lock is taken, and what is read is thrown away. Returns what it has read, so that it is read.
 */
function lookAhead({ index, memory }: StoreParts, cursor: number): number {
  let seen = 0;
  if (cursor % AHEAD_BUCKETS !== 0) return seen;
  const end = Math.min(cursor + AHEAD_BUCKETS, index.bucketCount);
  for (let bucket = cursor; bucket < end; bucket += 1) {
    const words = index.wordsOf(bucket);
    const start = index.wordOf(bucket);
    for (let slot = start + BUCKET_SLOTS; slot < start + BUCKET_WORDS; slot += SLOT_WORDS) {
      const low = words[slot]!;
      const arena = slotArena(low, words[slot + SLOT_META]!);
      // Half of a slot that is being written may say anything.
      if (low !== 0 && arena < memory.words.length) seen ^= memory.words[arena]![slotWord(low)] ?? 0;
    }
  }
  return seen;
}

/** Takes what was read ahead. */
let lastSeen = 0;

/** Fills `batch` with the live keys of `slots`, or of all for null, of all name spaces, in bucket `cursor`; returns the next bucket, 0 at the end. */
export function scanSlots(
  parts: StoreParts,
  cursor: number,
  slots: SlotFilter | null,
  batch: KeyBatch,
  nowMs: number,
): number {
  lastSeen ^= lookAhead(parts, cursor);
  return scanBucket(parts, cursor, { namespace: ANY_NAMESPACE, slots }, batch, nowMs);
}

/**
 * Removes the items of `selection` in bucket `cursor`; returns the next bucket, 0 at the end. No record of it goes to the change log: these
 * items were given away, or were never ours. `received`: but one for who keeps the store on disk. Nobody may add such items meanwhile.
 */
export function removeSelected(
  parts: StoreParts,
  cursor: number,
  selection: KeySelection,
  note: 'silent' | 'received' = 'silent',
): number {
  const { index, accounts } = parts;
  if (cursor >= index.bucketCount) return 0;
  lastSeen ^= lookAhead(parts, cursor);
  if (!index.looksEmpty(cursor)) {
    index.lockBucket(cursor);
    for (index.startSlots(); index.nextSlot(); ) {
      index.viewSlot();
      if (!isSelected(index.item, selection)) continue;
      accounts.givenUp(index, note);
    }
    index.unlock();
  }
  return cursor + 1 < index.bucketCount ? cursor + 1 : 0;
}

/** Fills `batch` with up to `countMax` live keys of `slot`, of all name spaces. */
export function keysOfSlot(parts: StoreParts, slot: number, countMax: number, batch: KeyBatch, nowMs: number): void {
  batch.clear();
  const wanted = Math.min(countMax, parts.slotCounters.itemCount(slot));
  for (let bucket = 0; batch.count < wanted && bucket < parts.index.bucketCount; bucket += 1) {
    if (parts.index.looksEmpty(bucket)) continue;
    const countBefore = batch.count;
    for (;;) {
      const lacking = addKeysOfSlot(parts, bucket, slot, wanted, batch, nowMs);
      if (lacking === 0) break;
      batch.truncate(countBefore);
      batch.grow(lacking);
    }
  }
}

/** Items in slots that `visible` does not have. */
export function hiddenItemCount({ memory, slotCounters }: StoreParts, visible: SlotFilter): number {
  const hidden = { has: (slot: number): boolean => !visible.has(slot) };
  let count = 0;
  for (let namespace = 0; namespace < DATABASE_COUNT; namespace += 1) {
    if (memory.total(COUNTER_NAMESPACE_ITEMS + namespace) > 0)
      count += slotCounters.filteredItemCount(namespace, hidden);
  }
  return count;
}

/** Adds the keys of one bucket; returns the length of a key for which there was no room, or 0. */
function addKeysOfSlot(
  parts: StoreParts,
  bucket: number,
  slot: number,
  countMax: number,
  batch: KeyBatch,
  nowMs: number,
): number {
  const { index } = parts;
  let lacking = 0;
  index.lockBucket(bucket);
  for (index.startSlots(); lacking === 0 && batch.count < countMax && index.nextSlot(); ) {
    index.viewSlot();
    const { item } = index;
    if (keySlot(item.bytes, item.keyStart, item.keyLength) !== slot || item.isExpired(nowMs)) continue;
    if (batch.fits(item.keyLength)) {
      copyBytes(item.bytes, item.keyStart, batch.bytes, batch.add(item.keyLength, item.namespace), item.keyLength);
    } else lacking = item.keyLength;
  }
  index.unlock();
  return lacking;
}
