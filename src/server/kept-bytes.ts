/** Bytes that wait for something: a buffer that grows, and is used again where it stayed small. */
import { copyBytes } from '../base/bytes.ts';

const INITIAL_BYTES = 256;
const KEPT_BYTES_MAX = 4096;
const NOTHING: Buffer = Buffer.alloc(0);

export class KeptBytes {
  bytes: Buffer = NOTHING;
  length = 0;

  append(source: Uint8Array, start: number, end: number): void {
    const needed = this.length + end - start;
    if (needed > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(INITIAL_BYTES, needed, this.bytes.length * 2));
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
    }
    copyBytes(source, start, this.bytes, this.length, end - start);
    this.length = needed;
  }

  reset(): void {
    this.length = 0;
    if (this.bytes.length > KEPT_BYTES_MAX) this.bytes = NOTHING;
  }
}
