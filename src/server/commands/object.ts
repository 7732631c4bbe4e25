/**
 * OBJECT and MEMORY USAGE: how an item is kept. OBJECT ENCODING names what Redis would call the value, because libraries and
 * people look at it; here all values are kept alike.
 */
import type { Command } from '../../protocol/command.ts';
import { isNotInteger, parseInteger } from '../../protocol/numbers.ts';
import type { Reply } from '../../protocol/reply.ts';
import type { CommandFlag, CommandSpec } from '../command-spec.ts';
import type { KeyspaceContext } from '../execution-context.ts';
import { existingKey, saturatedArgument } from './arguments.ts';
import { ErrorText } from './error-text.ts';
import { commandRow, containerRow, helpRow, type RowFields } from './row.ts';

/** Longest value that Redis keeps in one piece with its object. */
const EMBEDDED_BYTES_MAX = 44;
/** Longest text that Redis tries to keep as an integer. */
const INTEGER_TEXT_BYTES_MAX = 20;

export function objectEncodingCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  if (inspectItem(context, command, reply)) reply.bulkText(encodingOf(context));
}

/** Only a text short enough to be an integer is read, which counts as a use of it. */
function encodingOf(context: KeyspaceContext): 'int' | 'embstr' | 'raw' {
  const { store, key, info, snapshot, nowMs } = context;
  if (info.raw || info.valueLength > EMBEDDED_BYTES_MAX) return 'raw';
  if (info.valueLength > INTEGER_TEXT_BYTES_MAX || !store.read(key, snapshot, nowMs)) return 'embstr';
  return isNotInteger(parseInteger(snapshot.bytes, 0, snapshot.length)) ? 'embstr' : 'int';
}

/** 0 to 3: reads since the item came or since the evictor last passed it over. */
export function objectFreqCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  if (inspectItem(context, command, reply)) reply.integer(context.info.frequency);
}

/** The eviction policy keeps how often an item is read, not when it last was: Redis's answer under such a policy. */
export function objectIdletimeCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  if (inspectItem(context, command, reply)) reply.error(ErrorText.idleTimeNotTracked);
}

/** Items are never shared. */
export function objectRefcountCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  if (inspectItem(context, command, reply)) reply.integer(1);
}

/** Fills `context.info` for the key in argument 2, or answers nil. Does not count as a use. */
function inspectItem(context: KeyspaceContext, command: Command, reply: Reply): boolean {
  if (existingKey(context, command, 2) && context.store.inspect(context.key, context.info, false, context.nowMs))
    return true;
  reply.nil();
  return false;
}

export function memoryUsageCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  for (let index = 3; index < command.count; index += 2) {
    const samples =
      command.is(index, 'SAMPLES') && index + 1 < command.count ? saturatedArgument(command, index + 1) : -1;
    if (isNotInteger(samples) || samples < 0) {
      reply.error(isNotInteger(samples) ? ErrorText.notAnInteger : ErrorText.syntax);
      return;
    }
  }
  if (inspectItem(context, command, reply)) reply.integer(context.info.itemBytes);
}

const READ: readonly CommandFlag[] = ['readonly'];
const SECOND_WORD = [2, 2, 1] as const;

export const OBJECT_COMMANDS: readonly CommandSpec[] = [
  containerRow({
    name: 'object',
    group: 'generic',
    since: '2.2.3',
    summary: 'Shows how a value is kept.',
    subcommands: [
      objectRow({
        name: 'encoding',
        since: '2.2.3',
        summary: 'Answers the encoding that Redis would choose for a value: int, embstr or raw.',
        handler: objectEncodingCommand,
      }),
      objectRow({
        name: 'freq',
        since: '4.0.0',
        summary: 'Answers how often a key was read lately, from 0 to 3.',
        handler: objectFreqCommand,
      }),
      objectRow({
        name: 'idletime',
        since: '2.2.3',
        summary: 'Answers an error: the eviction policy keeps no time of last use.',
        handler: objectIdletimeCommand,
      }),
      objectRow({
        name: 'refcount',
        since: '2.2.3',
        summary: 'Answers how many keys share a value: always 1.',
        handler: objectRefcountCommand,
      }),
      helpRow('generic', '6.2.0'),
    ],
  }),
  containerRow({
    name: 'memory',
    group: 'server',
    since: '4.0.0',
    summary: 'Shows how much memory a key takes.',
    subcommands: [
      commandRow({
        name: 'usage',
        arity: -3,
        flags: READ,
        group: 'server',
        keys: SECOND_WORD,
        since: '4.0.0',
        syntax: 'key [SAMPLES count]',
        summary: 'Answers how many bytes a key takes in memory; SAMPLES makes no difference.',
        handler: memoryUsageCommand,
      }),
      helpRow('server', '4.0.0'),
    ],
  }),
];

function objectRow(fields: Pick<RowFields, 'name' | 'since' | 'summary' | 'handler'>): CommandSpec {
  return commandRow({
    ...fields,
    arity: 3,
    flags: READ,
    group: 'generic',
    keys: SECOND_WORD,
    categories: ['keyspace'],
    syntax: 'key',
  });
}
