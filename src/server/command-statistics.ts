/**
 * Counts of commands and errors, for INFO. Recording a call adds one to one array element; the calls of a batch are
 * moved to the totals at its end, together with their share of the batch's time. The clock is so read once a batch
 * rather than twice a command, which would cost as much as a GET: `usec` is exact for a batch and an even
 * spread within it.
 */
import type { CommandEntry } from './command-table.ts';

export class CommandStatistics {
  readonly calls: Float64Array;
  readonly microseconds: Float64Array;
  /** Refused before they ran. */
  readonly rejected: Float64Array;
  /** Ran and answered an error. */
  readonly failed: Float64Array;
  /** Calls, refused ones left out. */
  totalCalls = 0;
  /** Error replies by their first word. Bounded: the words come from our own texts. */
  readonly errors = new Map<string, number>();
  totalErrors = 0;

  private readonly batchCalls: Float64Array;
  private readonly batchIndexes: Int32Array;
  private batchIndexCount = 0;
  private batchCallCount = 0;

  constructor(commandCount: number) {
    this.calls = new Float64Array(commandCount);
    this.microseconds = new Float64Array(commandCount);
    this.rejected = new Float64Array(commandCount);
    this.failed = new Float64Array(commandCount);
    this.batchCalls = new Float64Array(commandCount);
    this.batchIndexes = new Int32Array(commandCount);
  }

  /** One call of the command with this index in the table. */
  record(index: number): void {
    const before = this.batchCalls[index]!;
    this.batchCalls[index] = before + 1;
    this.batchCallCount += 1;
    if (before === 0) {
      this.batchIndexes[this.batchIndexCount] = index;
      this.batchIndexCount += 1;
    }
  }

  recordFailure(entry: CommandEntry, code: string): void {
    this.failed[entry.index]! += 1;
    this.recordError(code);
  }

  /** `entry` is null where there is no such command. */
  recordRejection(entry: CommandEntry | null, code: string): void {
    if (entry !== null) this.rejected[entry.index]! += 1;
    this.recordError(code);
  }

  recordError(code: string): void {
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
    this.totalErrors += 1;
  }

  /** Adds the calls recorded since the last settlement to the totals, with `elapsedMs` spread over them. */
  settle(elapsedMs: number): void {
    if (this.batchCallCount === 0) return;
    const shareUs = (elapsedMs * 1000) / this.batchCallCount;
    for (let position = 0; position < this.batchIndexCount; position += 1) {
      const index = this.batchIndexes[position]!;
      const count = this.batchCalls[index]!;
      this.calls[index]! += count;
      this.microseconds[index]! += count * shareUs;
      this.batchCalls[index] = 0;
    }
    this.totalCalls += this.batchCallCount;
    this.batchIndexCount = 0;
    this.batchCallCount = 0;
  }

  reset(): void {
    this.settle(0);
    this.calls.fill(0);
    this.microseconds.fill(0);
    this.rejected.fill(0);
    this.failed.fill(0);
    this.totalCalls = 0;
    this.errors.clear();
    this.totalErrors = 0;
  }
}
