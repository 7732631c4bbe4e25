/**
 * MurmurHash3, the 32-bit one for x86 (Austin Appleton, public domain): how keys and nodes are placed on the ring. Many languages have it, so
 * that other clients can agree with this one. Not for tables that strangers fill: they can find keys that collide.
 */

/** The hash of `length` bytes from `start`, in 0 to 2^32 - 1. Allocates nothing. */
export function murmur3(bytes: Uint8Array, start: number, length: number, seed: number): number {
  const end = start + length;
  const tail = end - (length & 3);
  let hash = seed;
  let at = start;
  for (; at < tail; at += 4) {
    const block = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    hash ^= scramble(block);
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  if (at < end) {
    let rest = bytes[at]!;
    if (at + 1 < end) rest |= bytes[at + 1]! << 8;
    if (at + 2 < end) rest |= bytes[at + 2]! << 16;
    hash ^= scramble(rest);
  }
  return mix32(hash ^ length);
}

/** The hash's last step by itself (`fmix32`): a bijection of 32-bit numbers in which each bit of the result depends on all. */
export function mix32(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

function scramble(block: number): number {
  const product = Math.imul(block, 0xcc9e2d51);
  return Math.imul((product << 15) | (product >>> 17), 0x1b873593);
}
