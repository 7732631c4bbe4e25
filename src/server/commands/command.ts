/** COMMAND: what commands there are and where their keys stand, all from the table. */
import { bytesOf } from '../../base/bytes.ts';
import { globMatches } from '../../base/glob.ts';
import type { Command } from '../../protocol/command.ts';
import type { Reply } from '../../protocol/reply.ts';
import type { CommandFlag, CommandHandler, CommandSpec } from '../command-spec.ts';
import type { CommandEntry } from '../command-table.ts';
import type { ExecutionContext } from '../execution-context.ts';
import { categoriesOf, keyFlagsOf, writeCommandDocs, writeCommandInfo, writeWords } from './command-info.ts';
import { ErrorText } from './error-text.ts';
import { commandRow, helpRow } from './row.ts';

function commandCommand(context: ExecutionContext, _command: Command, reply: Reply): void {
  const { commands } = context.node.table;
  reply.array(commands.length);
  for (const entry of commands) writeCommandInfo(entry, reply);
}

function countCommand(context: ExecutionContext, _command: Command, reply: Reply): void {
  reply.integer(context.node.table.commands.length);
}

function infoCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  if (command.count === 2) {
    commandCommand(context, command, reply);
    return;
  }
  reply.array(command.count - 2);
  for (let index = 2; index < command.count; index += 1) {
    const entry = context.node.table.named(command.text(index).toLowerCase());
    if (entry === null) reply.nil();
    else writeCommandInfo(entry, reply);
  }
}

function docsCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const { table } = context.node;
  let entries = table.commands;
  if (command.count > 2) {
    const asked: CommandEntry[] = [];
    for (let index = 2; index < command.count; index += 1) {
      const entry = table.named(command.text(index).toLowerCase());
      if (entry !== null) asked.push(entry);
    }
    entries = asked;
  }
  reply.map(entries.length);
  for (const entry of entries) {
    reply.bulkText(entry.name);
    writeCommandDocs(entry, reply);
  }
}

/** COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern] */
function listCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const { commands, entries } = context.node.table;
  let names: readonly string[];
  if (command.count === 2) {
    names = commands.map(({ name }) => name);
  } else if (command.count === 5 && command.is(2, 'FILTERBY')) {
    const argument = command.text(4);
    if (command.is(3, 'MODULE')) {
      names = [];
    } else if (command.is(3, 'ACLCAT')) {
      const category = argument.toLowerCase();
      names = entries.filter(({ spec }) => categoriesOf(spec).includes(category)).map(({ name }) => name);
    } else if (command.is(3, 'PATTERN')) {
      const pattern = bytesOf(argument.toLowerCase());
      names = entries.map(({ name }) => name).filter((name) => matches(pattern, name));
    } else {
      reply.error(ErrorText.syntax);
      return;
    }
  } else {
    reply.error(ErrorText.syntax);
    return;
  }
  reply.array(names.length);
  for (const name of names) reply.bulkText(name);
}

function getkeysCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const found = findKeys(context, command, reply);
  if (found === null) return;
  reply.array(found.positions.length);
  for (const position of found.positions) reply.bulk(command.bytes, command.start(position), command.length(position));
}

function getkeysandflagsCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const found = findKeys(context, command, reply);
  if (found === null) return;
  reply.array(found.positions.length);
  for (const position of found.positions) {
    reply.array(2);
    reply.bulk(command.bytes, command.start(position), command.length(position));
    writeWords(keyFlagsOf(found.entry.spec), reply);
  }
}

interface FoundKeys {
  readonly entry: CommandEntry;
  /** Which arguments of the COMMAND GETKEYS itself are keys. */
  readonly positions: readonly number[];
}

/** The keys of the command that stands from argument 2 on; null where the error was answered. */
function findKeys(context: ExecutionContext, command: Command, reply: Reply): FoundKeys | null {
  let entry = context.node.table.find(command, 2);
  if (entry !== null && entry.subcommands.length > 0 && command.count > 3) entry = entry.subcommand(command, 3);
  const count = command.count - 2;
  if (entry === null) reply.error('ERR Invalid command specified');
  else if (entry.spec.firstKey === 0) reply.error('ERR The command has no key arguments');
  else if (!entry.accepts(count)) reply.error('ERR Invalid number of arguments specified for command');
  else return { entry, positions: keyPositions(entry.spec, count).map((position) => position + 2) };
  return null;
}

/** Which of a command's `count` arguments are keys. */
export function keyPositions(spec: CommandSpec, count: number): readonly number[] {
  const last = spec.lastKey < 0 ? count + spec.lastKey : spec.lastKey;
  const positions: number[] = [];
  for (let position = spec.firstKey; position <= last && position < count; position += spec.keyStep)
    positions.push(position);
  return positions;
}

function matches(pattern: Uint8Array, name: string): boolean {
  const bytes = bytesOf(name);
  return globMatches(pattern, 0, pattern.length, bytes, 0, bytes.length);
}

const FLAGS: readonly CommandFlag[] = ['loading', 'stale'];

function row(
  name: string,
  arity: number,
  since: string,
  syntax: string,
  summary: string,
  handler: CommandHandler,
): CommandSpec {
  return commandRow({
    name,
    arity,
    flags: FLAGS,
    group: 'server',
    since,
    syntax,
    summary,
    complexity: 'O(N) with N commands',
    categories: ['connection'],
    handler,
  });
}

export const COMMAND_COMMANDS: readonly CommandSpec[] = [
  commandRow({
    name: 'command',
    arity: -1,
    flags: FLAGS,
    group: 'server',
    since: '2.8.13',
    syntax: '',
    summary: 'Tells about all commands.',
    complexity: 'O(N) with N commands',
    categories: ['connection'],
    handler: commandCommand,
    subcommands: [
      row('count', 2, '2.8.13', '', 'Counts the commands.', countCommand),
      row('info', -2, '2.8.13', '[command-name [command-name ...]]', 'Tells about some commands, or all.', infoCommand),
      row('docs', -2, '7.0.0', '[command-name [command-name ...]]', 'Answers documentation of commands.', docsCommand),
      row(
        'list',
        -2,
        '7.0.0',
        '[FILTERBY MODULE module-name | ACLCAT category | PATTERN pattern]',
        'Lists the names of commands.',
        listCommand,
      ),
      row('getkeys', -3, '2.8.13', 'command [arg [arg ...]]', 'Picks the keys out of a whole command.', getkeysCommand),
      row(
        'getkeysandflags',
        -3,
        '7.0.0',
        'command [arg [arg ...]]',
        'Picks the keys out of a whole command, with how it uses them.',
        getkeysandflagsCommand,
      ),
      helpRow('server', '5.0.0'),
    ],
  }),
];
