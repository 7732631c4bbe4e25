/**
 * The version of an item: a keyed hash of its value's bytes, computed when somebody asks. Nothing is kept with the item, and two
 * items of the same value have the same version. See docs/adr/0007-item-versions.md.
 */
import { HalfSipHash } from '../base/half-sip-hash.ts';

export class ItemVersions {
  /** The halves of the version that was computed last, as signed numbers of 32 bits; never both 0. */
  low = 0;
  high = 0;
  private readonly hash: HalfSipHash;

  /** The seed is secret, and not that of the store's index: clients see what comes of it. */
  constructor(seedLow: number, seedHigh: number) {
    this.hash = new HalfSipHash(seedLow, seedHigh);
  }

  /** Computes the version of the value `bytes[start..start+length)`. */
  compute(bytes: Uint8Array, start: number, length: number): void {
    const { hash } = this;
    hash.update(bytes, start, length);
    this.low = hash.low;
    this.high = hash.high;
    if (this.low === 0 && this.high === 0) this.low = 1;
  }
}
