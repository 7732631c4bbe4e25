/** FUNCTION, for clients that clean up: there are no functions here, so flushing succeeds and the list is empty. */
import type { Command } from '../../protocol/command.ts';
import type { Reply } from '../../protocol/reply.ts';
import type { CommandSpec } from '../command-spec.ts';
import type { ExecutionContext } from '../execution-context.ts';
import { commandRow, containerRow, helpRow } from './row.ts';

function flushCommand(_context: ExecutionContext, command: Command, reply: Reply): void {
  if (command.count > 3 || (command.count === 3 && !command.is(2, 'SYNC') && !command.is(2, 'ASYNC'))) {
    reply.error('ERR FUNCTION FLUSH only supports SYNC|ASYNC option');
    return;
  }
  reply.ok();
}

function listCommand(_context: ExecutionContext, _command: Command, reply: Reply): void {
  reply.array(0);
}

export const FUNCTION_COMMANDS: readonly CommandSpec[] = [
  containerRow({
    name: 'function',
    group: 'server',
    since: '7.0.0',
    summary: 'Tells that there are no functions.',
    subcommands: [
      commandRow({
        name: 'flush',
        arity: -2,
        flags: ['noscript', 'write'],
        group: 'server',
        since: '7.0.0',
        syntax: '[ASYNC | SYNC]',
        summary: 'Removes all functions: there are none.',
        handler: flushCommand,
      }),
      commandRow({
        name: 'list',
        arity: -2,
        flags: ['noscript'],
        group: 'server',
        since: '7.0.0',
        syntax: '[LIBRARYNAME library-name-pattern] [WITHCODE]',
        summary: 'Lists the functions: there are none.',
        handler: listCommand,
      }),
      helpRow('server', '7.0.0'),
    ],
  }),
];
