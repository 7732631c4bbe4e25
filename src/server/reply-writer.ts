/**
 * A reply whose bytes can be taken back, and whose errors can be told: what dispatch and published messages need beyond
 * writing. The writers of the protocols fit by their shape.
 */
import type { Reply } from '../protocol/reply.ts';

/** What dispatch does by itself, in whatever protocol the reply goes out. */
export interface AnswerWriter {
  /** Bytes written so far. */
  readonly length: number;
  /** Forgets all that was written after the first `length` bytes. */
  rewind(length: number): void;
  /** The code of the error that was answered behind the first `mark` bytes (`ERR`, `OOM`, …); null where there is none. */
  errorCode(mark: number): string | null;
  /** See `Reply`. */
  error(line: string): void;
  simple(text: string): void;
}

export interface ReplyWriter extends Reply, AnswerWriter {
  protocol: 2 | 3;
  /** Forgets everything. */
  reset(): void;
}
