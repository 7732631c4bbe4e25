/**
 * What the keys and values of a load look like, so that any reply can be checked without having kept what was sent.
 *
 *     key     prefix, then the key's number in decimal, padded with zeros
 *     value   number of its key (12 digits) │ its own length (8 digits) │ a fixed pattern of letters
 *
 * A value shorter than its head holds what fits: of the number its last digits, and of the length nothing unless all of it fits. The
 * benchmarks whose values have one length leave the length out.
 */

/** Digits of its key's number that each value begins with. */
export const VALUE_TAG_BYTES = 12;
/** Digits of its own length that follow. */
export const VALUE_LENGTH_BYTES = 8;
const VALUE_HEAD_BYTES = VALUE_TAG_BYTES + VALUE_LENGTH_BYTES;

/** `number` in decimal, padded with zeros to `length` bytes. */
export function writeNumber(target: Uint8Array, offset: number, length: number, number: number): void {
  let rest = number;
  for (let i = offset + length - 1; i >= offset; i -= 1) {
    const quotient = Math.floor(rest / 10);
    target[i] = 48 + rest - quotient * 10;
    rest = quotient;
  }
}

/** Printable bytes without an obvious period; the tag's place holds zeros. */
export function valuePattern(length: number): Buffer {
  const pattern = Buffer.allocUnsafe(length);
  let state = 0x2545f491;
  for (let i = 0; i < length; i += 1) {
    state = Math.imul(state, 1_664_525) + 1_013_904_223;
    pattern[i] = i < VALUE_TAG_BYTES ? 48 : 97 + ((state >>> 24) % 26);
  }
  return pattern;
}

/** Writes the head of the value of `key` that lies at `offset` and is `length` bytes long. */
export function writeValueHead(target: Uint8Array, offset: number, length: number, key: number): void {
  writeNumber(target, offset, Math.min(length, VALUE_TAG_BYTES), key);
  if (length >= VALUE_HEAD_BYTES) writeNumber(target, offset + VALUE_TAG_BYTES, VALUE_LENGTH_BYTES, length);
}

/**
 * Checks values that arrive in parts. The head is checked always; the rest, which costs more, where it is asked for. One object
 * serves one value after the other.
 */
export class ValueCheck {
  private readonly pattern: Buffer;
  private key = 0;
  private whole = false;
  private tag = 0;
  private lengthTag = 0;
  private good = true;

  /** `pattern`: at least as long as the longest value whose rest is to be checked. */
  constructor(pattern: Buffer) {
    this.pattern = pattern;
  }

  begin(key: number, whole: boolean): void {
    this.key = key;
    this.whole = whole;
    this.tag = 0;
    this.lengthTag = 0;
    this.good = true;
  }

  /** `bytes[start..end)` stand at `offset` of the value. */
  take(bytes: Buffer, start: number, end: number, offset: number): void {
    let at = start;
    let place = offset;
    for (; at < end && place < VALUE_HEAD_BYTES; at += 1, place += 1) {
      const digit = bytes[at]! - 48;
      if (place < VALUE_TAG_BYTES) {
        if (digit < 0 || digit > 9) this.good = false;
        this.tag = this.tag * 10 + digit;
      } else this.lengthTag = this.lengthTag * 10 + digit;
    }
    if (!this.whole || at === end) return;
    const { pattern } = this;
    const comparable = Math.min(end - at, Math.max(0, pattern.length - place));
    if (comparable > 0 && pattern.compare(bytes, at, at + comparable, place, place + comparable) !== 0) {
      this.good = false;
    }
  }

  /** Whether the value, which had `length` bytes, is one of its key. */
  finish(length: number): boolean {
    const digits = Math.min(length, VALUE_TAG_BYTES);
    const expected = digits === VALUE_TAG_BYTES ? this.key : this.key % 10 ** digits;
    return this.good && length > 0 && this.tag === expected && (length < VALUE_HEAD_BYTES || this.lengthTag === length);
  }
}
