/**
 * The part of a key that decides where it goes, by the rule of Redis Cluster: what stands between the first `{` and the first `}` after it, if
 * anything does; else the whole key. So `{user:1}:name` and `{user:1}:cart` share a node and a slot.
 *
 * Two functions instead of one that returns a range, so that nothing is allocated; the few keys with a tag are looked at a little longer.
 */

/** `tagStart`: the whole key decides. */
export const NO_TAG = -1;

/** Where the tag of the key in `bytes` begins, behind its brace; NO_TAG where it has none. */
export function tagStart(bytes: Uint8Array, start: number, length: number): number {
  const end = start + length;
  for (let open = skipWithoutOpen(bytes, start, end); open < end; open += 1) {
    if (bytes[open] !== OPEN) continue;
    const tagBytes = tagLength(bytes, open + 1, end);
    // An empty tag is none, and no later one counts.
    return tagBytes === 0 || open + 1 + tagBytes === end ? NO_TAG : open + 1;
  }
  return NO_TAG;
}

/** Bytes of the tag that begins at `tag`, as `tagStart` found it, in a key that ends before `end`. */
export function tagLength(bytes: Uint8Array, tag: number, end: number): number {
  let close = tag;
  while (close < end && bytes[close] !== CLOSE) close += 1;
  return close - tag;
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
