/** A row of the command table with what most rows have in common left out. */
import type { CommandFlag, CommandGroup, CommandHandler, CommandSpec, OperationSpec } from '../command-spec.ts';
import type { ExecutionContext } from '../execution-context.ts';
import type { Command } from '../../protocol/command.ts';
import type { Reply } from '../../protocol/reply.ts';

export interface RowFields {
  readonly name: string;
  readonly arity: number;
  readonly flags: readonly CommandFlag[];
  readonly group: CommandGroup;
  readonly since: string;
  readonly syntax: string;
  readonly summary: string;
  readonly handler: CommandHandler;
  readonly operation?: OperationSpec;
  readonly changesConnection?: boolean;
  readonly mayBlock?: boolean;
  /** Position of first key, of last key, and step. Left out: no keys. */
  readonly keys?: readonly [number, number, number];
  readonly categories?: readonly string[];
  /** Left out: O(1). */
  readonly complexity?: string;
  readonly subcommands?: readonly CommandSpec[];
}

export function commandRow(fields: RowFields): CommandSpec {
  const [firstKey, lastKey, keyStep] = fields.keys ?? [0, 0, 0];
  return {
    name: fields.name,
    arity: fields.arity,
    flags: fields.flags,
    firstKey,
    lastKey,
    keyStep,
    categories: fields.categories ?? [],
    group: fields.group,
    since: fields.since,
    summary: fields.summary,
    complexity: fields.complexity ?? 'O(1)',
    syntax: fields.syntax,
    handler: fields.handler,
    changesConnection: fields.changesConnection ?? false,
    mayBlock: fields.mayBlock ?? false,
    ...(fields.operation === undefined ? {} : { operation: fields.operation }),
    ...(fields.subcommands === undefined ? {} : { subcommands: fields.subcommands }),
  };
}

/** A row by position, for tables whose commands fit a line each. */
type ShortRow = (
  name: string,
  arity: number,
  flags: readonly CommandFlag[],
  since: string,
  syntax: string,
  summary: string,
  handler: CommandHandler,
) => CommandSpec;

/** Makes rows by position that share the fields of `common`. */
export function shortRows(common: Pick<RowFields, 'group' | 'categories' | 'complexity'>): ShortRow {
  return (name, arity, flags, since, syntax, summary, handler) =>
    commandRow({ ...common, name, arity, flags, since, syntax, summary, handler });
}

/** The row of a command that changes what the connection is. */
export function changesConnection(row: CommandSpec): CommandSpec {
  return { ...row, changesConnection: true };
}

/** A command that only holds subcommands: alone it has too few arguments, so its handler is never reached. */
export function containerRow(fields: Omit<RowFields, 'arity' | 'handler' | 'syntax' | 'flags'>): CommandSpec {
  return commandRow({ ...fields, arity: -2, flags: [], syntax: '', handler: unreachableContainer });
}

/** The HELP subcommand of a container: its answer is made from the container's rows. */
export function helpRow(group: CommandGroup, since: string): CommandSpec {
  return commandRow({
    name: 'help',
    arity: 2,
    flags: ['loading', 'stale'],
    group,
    since,
    syntax: '',
    summary: 'Lists the subcommands.',
    handler: helpCommand,
  });
}

export function helpCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const container = context.node.table.find(command, 0);
  if (container === null) return;
  const lines = [`${container.upperName} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`];
  for (const { upperName, spec } of container.subcommands) {
    if (spec.name === 'help') continue;
    lines.push(`${upperName} ${spec.syntax}`.trimEnd(), `    ${spec.summary}`);
  }
  lines.push('HELP', '    Prints this help.');
  reply.array(lines.length);
  for (const line of lines) reply.simple(line);
}

function unreachableContainer(_context: ExecutionContext, command: Command, reply: Reply): void {
  reply.error(`ERR ${command.text(0)} needs a subcommand`);
}

/** The answer to a subcommand whose arguments do not fit any of its forms. */
export function subcommandSyntax(command: Command): string {
  const container = command.text(0).toUpperCase();
  return `ERR unknown subcommand or wrong number of arguments for '${command.text(1).slice(0, 128)}'. Try ${container} HELP.`;
}
