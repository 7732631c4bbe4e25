/**
 * Steps through the bytes that a server sends and tells where each reply begins, what it is, and where its value's bytes are. One scanner
 * per protocol and connection; bytes may be split anywhere; nothing is allocated for a good reply, because the generator must
 * cost less than the server that it measures.
 */

export const ReplyKind = {
  /** It was done: `+OK`, STORED, status ok without a value. */
  done: 0,
  /** A value, whose bytes were handed over before. */
  value: 1,
  /** No such key. */
  miss: 2,
  /** The server refused; `errorKind` and `text` say why. */
  error: 3,
  /** Well formed, but none of these; `text` begins with what it was. */
  other: 4,
} as const;
export type ReplyKind = (typeof ReplyKind)[keyof typeof ReplyKind];

/** The request id of a protocol whose replies come in order and carry none. */
export const NO_REQUEST_ID = -1;

/** Is told what is found, in the order of the bytes. */
export interface ReplySink {
  onReplyStart(requestId: number): void;
  /** `bytes[start..end)` stand at `offset` of the value; valid during this call. */
  onValueBytes(bytes: Buffer, start: number, end: number, offset: number): void;
  /** The reply is whole; `valueBytes` is 0 where it has no value. */
  onReply(kind: ReplyKind, valueBytes: number): void;
}

export interface ReplyScanner {
  /** Takes `bytes[0..length)`. False: that is not the protocol, and nothing more can be read from this connection. */
  scan(bytes: Buffer, length: number): boolean;
  /** One word for the error that `onReply` is just told of. Allocates. */
  errorKind(): string;
  /** The beginning of the text that the reply of which `onReply` is just told has: an error's, or a line that is no value. Allocates. */
  text(): string;
}

/** Bytes kept of a text: enough for any key of memcached, and to see what is wrong. */
const TEXT_BYTES_MAX = 512;

/** The beginning of a line or an error's text, gathered byte by byte in a buffer of fixed size. */
export class TextPrefix {
  readonly bytes: Buffer = Buffer.allocUnsafe(TEXT_BYTES_MAX);
  /** Bytes kept. */
  kept = 0;
  /** Bytes seen, kept or not. */
  seen = 0;

  clear(): void {
    this.kept = 0;
    this.seen = 0;
  }

  push(byte: number): void {
    this.seen += 1;
    if (this.kept < TEXT_BYTES_MAX) this.bytes[this.kept++] = byte;
  }

  append(source: Buffer, start: number, end: number): void {
    this.seen += end - start;
    this.kept += source.copy(this.bytes, this.kept, start, end);
  }

  /** Whether what was seen is `text`, in ASCII. */
  is(text: string): boolean {
    return this.seen === text.length && this.startsWith(text);
  }

  startsWith(text: string): boolean {
    if (this.kept < text.length) return false;
    for (let i = 0; i < text.length; i += 1) if (this.bytes[i] !== text.charCodeAt(i)) return false;
    return true;
  }

  /** The first word, where it is written in capitals as codes of errors are; else `otherwise`. */
  firstCode(otherwise: string): string {
    return /^[A-Z][A-Z_]*(?=$|[ \r\n])/.exec(this.toString())?.[0] ?? otherwise;
  }

  toString(): string {
    return this.bytes.toString('utf8', 0, this.kept);
  }
}
