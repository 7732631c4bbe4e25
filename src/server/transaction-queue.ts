/**
 * The commands of one MULTI, copied: their arguments outlive the receive buffer. All in four flat arrays, so a queue
 * of many small commands costs little more than its bytes, and its size is known for the limit.
 */
import type { Command } from '../protocol/command.ts';
import type { CommandEntry } from './command-table.ts';

export class TransactionQueue {
  private readonly entries: CommandEntry[] = [];
  /** Index of each command's first argument in `starts` and `lengths`. */
  private readonly firstArguments: number[] = [];
  private readonly starts: number[] = [];
  private readonly lengths: number[] = [];
  private bytes: Uint8Array = Buffer.alloc(256);
  private used = 0;
  /** Traits of all queued commands together: whether EXEC will write. */
  traits = 0;

  get count(): number {
    return this.entries.length;
  }

  /** What the queue costs, for the limit: argument bytes plus a fixed sum for each argument and command. */
  get memoryBytes(): number {
    return this.used + this.starts.length * ARGUMENT_OVERHEAD_BYTES + this.entries.length * COMMAND_OVERHEAD_BYTES;
  }

  /** What the queue would cost with `command` added. */
  memoryBytesWith(command: Command): number {
    let bytes = this.memoryBytes + COMMAND_OVERHEAD_BYTES + command.count * ARGUMENT_OVERHEAD_BYTES;
    for (let index = 0; index < command.count; index += 1) bytes += command.length(index);
    return bytes;
  }

  push(entry: CommandEntry, command: Command): void {
    this.entries.push(entry);
    this.firstArguments.push(this.starts.length);
    this.traits |= entry.traits;
    for (let index = 0; index < command.count; index += 1) {
      const length = command.length(index);
      this.reserve(length);
      const start = command.start(index);
      this.bytes.set(command.bytes.subarray(start, start + length), this.used);
      this.starts.push(this.used);
      this.lengths.push(length);
      this.used += length;
    }
  }

  entry(index: number): CommandEntry {
    return this.entries[index]!;
  }

  /** Makes `command` the queued command `index`; a view of this queue's bytes. */
  load(index: number, command: Command): void {
    command.reset(this.bytes);
    const first = this.firstArguments[index]!;
    const last = index + 1 < this.firstArguments.length ? this.firstArguments[index + 1]! : this.starts.length;
    for (let argument = first; argument < last; argument += 1) {
      command.push(this.starts[argument]!, this.lengths[argument]!);
    }
  }

  private reserve(length: number): void {
    if (this.bytes.length - this.used >= length) return;
    const grown = Buffer.alloc(Math.max(this.bytes.length * 2, this.used + length));
    grown.set(this.bytes.subarray(0, this.used));
    this.bytes = grown;
  }
}

const ARGUMENT_OVERHEAD_BYTES = 16;
const COMMAND_OVERHEAD_BYTES = 16;
