/**
 * Numbers and texts as bytes, for the encoding of topologies. Numbers are LEB128: seven bits a byte, the lowest first, the top bit set on all
 * bytes but the last, and no byte more than needed. Texts are UTF-8 behind their length.
 */
import { invalid, TEXT_BYTES_MAX } from './topology-checks.ts';

/** Takes as much as it is given. */
export class ByteWriter {
  private bytes: Uint8Array;
  private length = 0;

  constructor(roomBytes: number) {
    this.bytes = new Uint8Array(roomBytes);
  }

  /** `value` is 0 to 2^32 - 1. */
  number(value: number): void {
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) this.byte((rest & 0x7f) | 0x80);
    this.byte(rest);
  }

  byte(value: number): void {
    if (this.length === this.bytes.length) {
      const larger = new Uint8Array(this.bytes.length * 2);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes[this.length] = value;
    this.length += 1;
  }

  raw(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += 1) this.byte(bytes[at]!);
  }

  text(text: string): void {
    const bytes = ENCODER.encode(text);
    this.number(bytes.length);
    this.raw(bytes);
  }

  /** What was written. It shares its memory with the writer. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}

/** Throws `InvalidTopology` where bytes are missing or no number or text, and takes memory only for bytes that are there. */
export class ByteReader {
  private readonly bytes: Uint8Array;
  private at: number;

  constructor(bytes: Uint8Array, start: number) {
    this.bytes = bytes;
    this.at = start;
  }

  get isAtEnd(): boolean {
    return this.at === this.bytes.length;
  }

  byte(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw invalid('its bytes end too early');
    this.at += 1;
    return byte;
  }

  /** `what` names the number in errors; more than `max` is one. */
  number(what: string, max: number): number {
    const { bytes, at } = this;
    const first = bytes[at] ?? 0x80;
    const second = bytes[at + 1] ?? 0x80;
    // Nearly all have one byte or two; what is wrong with others is found in `anyNumber`.
    const isShort = first < 0x80;
    const value = isShort ? first : (first & 0x7f) | (second << 7);
    if (value > max || (!isShort && (second === 0 || second >= 0x80))) return this.anyNumber(what, max);
    this.at = at + (isShort ? 1 : 2);
    return value;
  }

  /** A number of any length. */
  private anyNumber(what: string, max: number): number {
    let value = 0;
    for (let scale = 1; scale <= SCALE_MAX; scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte >= 0x80) continue;
      if (byte === 0 && scale > 1) throw invalid(`${what} has more bytes than it needs`);
      if (value > max) throw invalid(`${what} is ${value}, more than ${max}`);
      return value;
    }
    throw invalid(`${what} is too long a number`);
  }

  /** The next `length` bytes, which are still the reader's. */
  raw(length: number): Uint8Array {
    const end = this.at + length;
    if (end > this.bytes.length) throw invalid('its bytes end too early');
    const bytes = this.bytes.subarray(this.at, end);
    this.at = end;
    return bytes;
  }

  text(what: string): string {
    const bytes = this.raw(this.number(`the length of ${what}`, TEXT_BYTES_MAX));
    try {
      return DECODER.decode(bytes);
    } catch (error) {
      throw invalid(`${what} is no UTF-8`, error);
    }
  }
}

/** Of the fifth byte, which 32 bits need. */
const SCALE_MAX = 0x80 ** 4;
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
