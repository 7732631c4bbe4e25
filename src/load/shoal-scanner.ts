/** Replies of the Shoal protocol: a header of fixed length, then fields, then the value. Every reply may be stepped over without knowing it. */
import {
  AT_FIELDS_BYTES,
  AT_KEY_LENGTH,
  AT_MAGIC,
  AT_REQUEST_ID,
  AT_STATUS,
  AT_VALUE_LENGTH,
  FIRST_ERROR_STATUS,
  HEADER_BYTES,
  REPLY_MAGIC,
  Status,
} from '../protocol/shoal/frame.ts';
import { ReplyKind, type ReplyScanner, type ReplySink, TextPrefix } from './reply-scanner.ts';

export class ShoalScanner implements ReplyScanner {
  private readonly sink: ReplySink;
  private readonly header = Buffer.allocUnsafe(HEADER_BYTES);
  private headerBytes = 0;
  private status = 0;
  /** Bytes of fields and key still to step over. */
  private skipBytes = 0;
  private valueBytes = 0;
  private valueTaken = 0;
  private readonly errorText = new TextPrefix();

  constructor(sink: ReplySink) {
    this.sink = sink;
  }

  scan(bytes: Buffer, length: number): boolean {
    let at = 0;
    while (at < length) {
      if (this.headerBytes < HEADER_BYTES) {
        if (this.headerBytes === 0 && length - at >= HEADER_BYTES) {
          if (!this.readHeader(bytes, at)) return false;
          this.headerBytes = HEADER_BYTES;
          at += HEADER_BYTES;
        } else {
          const taken = bytes.copy(this.header, this.headerBytes, at, length);
          this.headerBytes += taken;
          at += taken;
          if (this.header[AT_MAGIC] !== REPLY_MAGIC) return false;
          if (this.headerBytes < HEADER_BYTES) return true;
          if (!this.readHeader(this.header, 0)) return false;
        }
      } else if (this.skipBytes > 0) {
        const skipped = Math.min(this.skipBytes, length - at);
        this.skipBytes -= skipped;
        at += skipped;
      } else at = this.takeValue(bytes, at, length);
      if (this.headerBytes === HEADER_BYTES && this.skipBytes === 0 && this.valueTaken === this.valueBytes) this.end();
    }
    return true;
  }

  errorKind(): string {
    for (const [name, status] of Object.entries(Status)) if (status === this.status) return name;
    return `status${this.status}`;
  }

  text(): string {
    return this.errorText.toString();
  }

  private readHeader(bytes: Buffer, at: number): boolean {
    if (bytes[at + AT_MAGIC] !== REPLY_MAGIC) return false;
    this.status = bytes[at + AT_STATUS]!;
    this.skipBytes = u16(bytes, at + AT_FIELDS_BYTES) + u16(bytes, at + AT_KEY_LENGTH);
    this.valueBytes = u32(bytes, at + AT_VALUE_LENGTH);
    this.valueTaken = 0;
    this.errorText.clear();
    this.sink.onReplyStart(u32(bytes, at + AT_REQUEST_ID));
    return true;
  }

  private takeValue(bytes: Buffer, at: number, length: number): number {
    const end = Math.min(length, at + this.valueBytes - this.valueTaken);
    if (this.status >= FIRST_ERROR_STATUS) this.errorText.append(bytes, at, end);
    else this.sink.onValueBytes(bytes, at, end, this.valueTaken);
    this.valueTaken += end - at;
    return end;
  }

  private end(): void {
    this.headerBytes = 0;
    const { status, valueBytes } = this;
    if (status === Status.ok) this.sink.onReply(valueBytes === 0 ? ReplyKind.done : ReplyKind.value, valueBytes);
    else if (status === Status.miss) this.sink.onReply(ReplyKind.miss, 0);
    else this.sink.onReply(status >= FIRST_ERROR_STATUS ? ReplyKind.error : ReplyKind.other, 0);
  }
}

function u16(bytes: Buffer, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

function u32(bytes: Buffer, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
