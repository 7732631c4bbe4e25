/** What is counted while a load runs. Every operation that was sent ends up in exactly one of: hit, miss, stored, error. */
import { Histogram } from './histogram.ts';

/** Kinds of errors that the generator itself finds; those of the server come under the server's own words. */
export const ErrorKind = {
  /** The connection ended before the reply came. */
  connectionLost: 'connectionLost',
  /** Nothing came for longer than the timeout. */
  timeout: 'timeout',
  /** A value that is not the one of its key. */
  wrongValue: 'wrongValue',
  /** A reply that does not belong to the request, or is not the protocol. */
  unexpectedReply: 'unexpectedReply',
} as const;

/** A server that makes up words cannot fill the memory: what comes after so many kinds counts as `other`. */
const KINDS_MAX = 32;
const EXAMPLE_CHARACTERS_MAX = 200;
const OTHER_KIND = 'other';

export interface ErrorRow {
  readonly kind: string;
  readonly count: number;
  /** The first one's text. */
  readonly example: string;
}

export class ErrorCounts {
  private readonly byKind = new Map<string, { count: number; readonly example: string }>();
  private sum = 0;

  get total(): number {
    return this.sum;
  }

  add(kind: string, count: number, example: string): void {
    if (count === 0) return;
    this.sum += count;
    const shown = this.byKind.has(kind) || this.byKind.size < KINDS_MAX ? kind : OTHER_KIND;
    const counted = this.byKind.get(shown);
    if (counted !== undefined) counted.count += count;
    else this.byKind.set(shown, { count, example: example.slice(0, EXAMPLE_CHARACTERS_MAX) });
  }

  /** The most frequent first. */
  rows(): readonly ErrorRow[] {
    const rows = Array.from(this.byKind, ([kind, { count, example }]) => ({ kind, count, example }));
    return rows.toSorted((a, b) => b.count - a.count);
  }
}

export class LoadFigures {
  /** From when a request was sent, or should have been, to the last byte of its good reply. */
  readonly readLatencyNs: Histogram = new Histogram();
  readonly writeLatencyNs: Histogram = new Histogram();
  /** How much later than intended requests were sent; open loop only. */
  readonly sendDelayNs: Histogram = new Histogram();
  readonly errors: ErrorCounts = new ErrorCounts();
  hitCount = 0;
  missCount = 0;
  storedCount = 0;
  readErrorCount = 0;
  writeErrorCount = 0;
  /** Values that were compared byte by byte. The head of every value is checked. */
  comparedCount = 0;
  /** Bytes as they are on the wire. */
  sentBytes = 0;
  receivedBytes = 0;
  connectionsLost = 0;
  reconnectCount = 0;
  connectFailures = 0;

  get readCount(): number {
    return this.hitCount + this.missCount + this.readErrorCount;
  }

  get writeCount(): number {
    return this.storedCount + this.writeErrorCount;
  }

  /** Operations that have ended, well or not. */
  get operationCount(): number {
    return this.readCount + this.writeCount;
  }

  /** Whether anything went wrong. */
  get hasErrors(): boolean {
    return this.errors.total + this.connectionsLost + this.connectFailures > 0;
  }
}
