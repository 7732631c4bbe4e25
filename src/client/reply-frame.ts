/**
 * One reply of the Shoal protocol, as a view of the bytes that were received: where its parts are. One object is used again for
 * every reply; what it says is valid until its reader is called again.
 */
import {
  AT_EPOCH,
  AT_FLAGS,
  AT_STATUS,
  FIELD_BYTES,
  FIRST_ERROR_STATUS,
  Flag,
  HEADER_BYTES,
} from '../protocol/shoal/frame.ts';

export class ReplyFrame {
  /** Must be copied from, not kept. */
  bytes: Buffer = NOTHING;
  /** Where the header begins. */
  start = 0;
  valueStart = 0;
  valueEnd = 0;

  get status(): number {
    return this.bytes[this.start + AT_STATUS]!;
  }

  get isError(): boolean {
    return this.status >= FIRST_ERROR_STATUS;
  }

  /** Of the topology that the node has; 0: none. */
  get epoch(): number {
    return this.bytes.readUInt32LE(this.start + AT_EPOCH);
  }

  get valueLength(): number {
    return this.valueEnd - this.valueStart;
  }

  /** The text of an error. */
  get errorText(): string {
    return this.bytes.toString(
      'utf8',
      this.valueStart,
      Math.min(this.valueEnd, this.valueStart + ERROR_TEXT_BYTES_MAX),
    );
  }

  /** The item's version, or null where the reply has none. */
  get version(): bigint | null {
    const at = this.fieldOffset(Flag.version);
    return at < 0 ? null : this.bytes.readBigUInt64LE(at);
  }

  /** What is left of the time to live in ms, or null where the item does not expire. */
  get ttlMs(): number | null {
    const at = this.fieldOffset(Flag.ttl);
    return at < 0 ? null : Number(this.bytes.readBigUInt64LE(at));
  }

  /** How many replicas have what it tells of, or null where the reply does not say. */
  get replicaCount(): number | null {
    const at = this.fieldOffset(Flag.ack);
    return at < 0 ? null : this.bytes[at]!;
  }

  private fieldOffset(flag: number): number {
    const flags = this.bytes[this.start + AT_FLAGS]!;
    if ((flags & flag) === 0) return -1;
    let at = this.start + HEADER_BYTES;
    // Fields stand in the order of their flags' bits.
    if (flag !== Flag.ttl && (flags & Flag.ttl) !== 0) at += FIELD_BYTES;
    if (flag === Flag.ack && (flags & Flag.version) !== 0) at += FIELD_BYTES;
    return at + FIELD_BYTES <= this.valueStart ? at : -1;
  }
}

const NOTHING: Buffer = Buffer.alloc(0);
/** A longer text is cut: it is for people. */
const ERROR_TEXT_BYTES_MAX = 4096;
