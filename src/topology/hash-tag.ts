/**
 * The part of a key that decides where it goes, by the rule of Redis Cluster: what stands between the first `{` and the first `}` after it, if
 * anything does; else the whole key. So `{user:1}:name` and `{user:1}:cart` share a node.
 */
import { murmur3 } from './murmur3.ts';

/** The MurmurHash3, seed 0, of what decides where the key in `bytes` goes. Allocates nothing. */
export function placementHash(bytes: Uint8Array, start: number, length: number): number {
  const end = start + length;
  for (let open = skipWithoutOpen(bytes, start, end); open < end; open += 1) {
    if (bytes[open] !== OPEN) continue;
    for (let close = open + 1; close < end; close += 1) {
      if (bytes[close] !== CLOSE) continue;
      // An empty tag is none, and no later one counts.
      return close === open + 1
        ? murmur3(bytes, start, length, SEED)
        : murmur3(bytes, open + 1, close - open - 1, SEED);
    }
    break;
  }
  return murmur3(bytes, start, length, SEED);
}

/** Four bytes at a time: where, at the earliest, a brace may open. Most keys have none. */
function skipWithoutOpen(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  for (; at + 3 < end; at += 4) {
    // A byte that equals OPEN is 0 here, and only a 0 makes its highest bit stay in the last step.
    const word = (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) ^ OPEN_WORD;
    if (((word - 0x01010101) & ~word & 0x80808080) !== 0) return at;
  }
  return at;
}

const OPEN_WORD = 0x7b7b7b7b;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const SEED = 0;
