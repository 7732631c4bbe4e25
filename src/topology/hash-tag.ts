/** The hash by which the client's ring places a key: of its hash tag, so that keys with one tag share a node, or of all of it. */
import { NO_TAG, tagLength, tagStart } from '../base/key-tag.ts';
import { murmur3 } from './murmur3.ts';

/** The MurmurHash3, seed 0, of what decides where the key in `bytes` goes. Allocates nothing. */
export function placementHash(bytes: Uint8Array, start: number, length: number): number {
  const tag = tagStart(bytes, start, length);
  return tag === NO_TAG
    ? murmur3(bytes, start, length, SEED)
    : murmur3(bytes, tag, tagLength(bytes, tag, start + length), SEED);
}

const SEED = 0;
