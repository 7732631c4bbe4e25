/** The commands of a transaction that another node passes on, as that node has queued them. */
import type { Limits } from '../../config/node-options.ts';
import { Command } from '../../protocol/command.ts';
import { readCommands } from '../../protocol/shoal/forward.ts';
import { type CommandEntry, type CommandTable, Trait } from '../command-table.ts';
import { TransactionQueue } from '../transaction-queue.ts';

/** Traits of commands that no transaction has, or none that is passed on. */
const NEVER_QUEUED: number = Trait.changesConnection | Trait.noMulti | Trait.neverQueued | Trait.guarded;

/** Reads `bytes[start..end)`, or says what is wrong with it. */
export function readTransaction(
  bytes: Uint8Array,
  start: number,
  end: number,
  table: CommandTable,
  limits: Limits,
): TransactionQueue | string {
  const queue = new TransactionQueue();
  const command = new Command();
  const problem = readCommands(bytes, start, end, limits.argumentCountMax, command, () => {
    const entry = queueable(table, command);
    if (entry === null) return 'a command that cannot be queued';
    if (queue.memoryBytesWith(command) > limits.transactionBytesMax) return 'more than a transaction may hold';
    queue.push(entry, command);
    return null;
  });
  return problem ?? queue;
}

function queueable(table: CommandTable, command: Command): CommandEntry | null {
  let entry = table.find(command, 0);
  if (entry !== null && entry.subcommands.length !== 0 && command.count > 1) entry = entry.subcommand(command, 1);
  return entry !== null && entry.accepts(command.count) && (entry.traits & NEVER_QUEUED) === 0 ? entry : null;
}
