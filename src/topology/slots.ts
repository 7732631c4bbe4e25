/** The slots of a topology: which one a key is in is decided in src/base/key-slot.ts, for topology and store alike. */
import { KEY_SLOT_COUNT, keySlot as slotOfKey } from '../base/key-slot.ts';

export const SLOT_COUNT: number = KEY_SLOT_COUNT;

/** The slot of the key of `length` bytes from `start`, 0 to SLOT_COUNT - 1. Allocates nothing. */
export const keySlot: (bytes: Uint8Array, start: number, length: number) => number = slotOfKey;
