/**
 * Byte-level helpers that make no garbage. Text on every wire here is bytes; strings are made only for
 * messages and for people.
 */

/** The bytes of an ASCII or UTF-8 text. Allocates: for constants and cold paths. */
export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

/** The text whose characters are the bytes themselves (latin1): lossless, so fit for a `Map` key. */
export function binaryString(bytes: Uint8Array, start: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString('latin1');
}

/** Whether two byte ranges hold the same bytes. */
export function equalBytes(
  left: Uint8Array,
  leftStart: number,
  right: Uint8Array,
  rightStart: number,
  length: number,
): boolean {
  for (let offset = 0; offset < length; offset += 1) {
    if (left[leftStart + offset] !== right[rightStart + offset]) return false;
  }
  return true;
}

/** The lower-case form of an ASCII byte; any other byte unchanged. */
export function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

const copy = Buffer.prototype.copy;
const SHORT_COPY_BYTES = 32;

/** Copies `length` bytes. For a few a loop costs less than the call of `copy`. */
export function copyBytes(
  source: Uint8Array,
  sourceStart: number,
  target: Uint8Array,
  targetStart: number,
  length: number,
): void {
  if (length > SHORT_COPY_BYTES) {
    copy.call(source, target, targetStart, sourceStart, sourceStart + length);
    return;
  }
  for (let offset = 0; offset < length; offset += 1) target[targetStart + offset] = source[sourceStart + offset]!;
}
