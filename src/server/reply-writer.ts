/**
 * A `Reply` whose bytes can be taken and taken back: what dispatch, the data thread and published messages need
 * beyond writing. A protocol's writer fits by its shape.
 */
import type { Reply } from '../protocol/reply.ts';

export interface ReplyWriter extends Reply {
  protocol: 2 | 3;
  /** Bytes written to `bytes` so far. */
  readonly length: number;
  /** Forgets all that was written after the first `length` bytes. */
  rewind(length: number): void;
  /** Forgets everything. */
  reset(): void;
}

/** The first word of the error reply that begins at `mark`: `ERR`, `WRONGTYPE`, … */
export function replyErrorCode(writer: ReplyWriter, mark: number): string {
  const end = Math.min(writer.length, mark + CODE_BYTES_MAX);
  let code = '';
  for (let offset = mark + 1; offset < end; offset += 1) {
    const byte = writer.bytes[offset]!;
    if (byte <= SPACE) break;
    code += String.fromCharCode(byte);
  }
  return code;
}

const SPACE = 0x20;
const CODE_BYTES_MAX = 32;
