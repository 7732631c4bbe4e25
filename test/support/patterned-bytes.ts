/**
 * Bytes that tell their own position, so that a lost, doubled or overwritten stretch changes the checksum.
 */
import { createHash } from 'node:crypto';

/** `length` pseudo-random bytes; the same for the same seed. */
export function patternedBytes(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed | 1;
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

/** The SHA-256 of all parts joined, as hex. */
export function checksum(...parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
