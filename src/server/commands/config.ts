/** CONFIG: reads and changes settings by Redis's parameter names (`config-parameters.ts`). */
import { bytesOf } from '../../base/bytes.ts';
import { globMatches } from '../../base/glob.ts';
import type { Command } from '../../protocol/command.ts';
import type { Reply } from '../../protocol/reply.ts';
import type { CommandFlag, CommandSpec } from '../command-spec.ts';
import type { ConfigParameter } from '../config-parameters.ts';
import type { ExecutionContext } from '../execution-context.ts';
import { ErrorText } from './error-text.ts';
import { commandRow, containerRow, helpRow } from './row.ts';

function getCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const { parameters } = context.node;
  // Under the name as it was asked for, like Redis: a client looks its own spelling up.
  const found = new Map<string, ConfigParameter>();
  for (let index = 2; index < command.count; index += 1) {
    const asked = command.text(index);
    const lower = asked.toLowerCase();
    if (!/[*?[]/.test(asked)) {
      const parameter = parameters.get(lower);
      if (parameter !== undefined) found.set(asked, parameter);
      continue;
    }
    const pattern = bytesOf(lower);
    for (const [name, parameter] of parameters) {
      const bytes = bytesOf(name);
      if (globMatches(pattern, 0, pattern.length, bytes, 0, bytes.length)) found.set(name, parameter);
    }
  }
  reply.map(found.size);
  for (const [name, parameter] of found) {
    reply.bulkText(name);
    reply.bulkText(parameter.get());
  }
}

/** All pairs or none: names first, then values one by one, and back to the old values if one is refused. */
function setCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  if (command.count % 2 !== 0) {
    reply.error(ErrorText.syntax);
    return;
  }
  const changes: { readonly parameter: ConfigParameter; readonly text: string }[] = [];
  for (let index = 2; index < command.count; index += 2) {
    const name = command.text(index);
    const parameter = context.node.parameters.get(name.toLowerCase());
    if (parameter === undefined) {
      reply.error(`ERR Unknown option or number of arguments for CONFIG SET - '${name}'`);
      return;
    }
    if (parameter.set === null) {
      reply.error(setFailed(name, "can't set immutable config"));
      return;
    }
    if (changes.some((change) => change.parameter === parameter)) {
      reply.error(setFailed(name, 'duplicate parameter'));
      return;
    }
    changes.push({ parameter, text: command.text(index + 1) });
  }
  const undo: (() => void)[] = [];
  for (const { parameter, text } of changes) {
    const before = parameter.get();
    const problem = parameter.set!(text);
    if (problem !== null) {
      for (const restore of undo.toReversed()) restore();
      reply.error(setFailed(parameter.name, problem));
      return;
    }
    undo.push(() => parameter.set!(before));
  }
  // For all threads, this one too; it is the values that were taken, so two threads that set the same parameter agree in the end.
  const values = changes.map(({ parameter, text }) => [parameter.name, text] as const);
  context.node.threads.everywhereAtOnce('configure', values);
  reply.ok();
}

function setFailed(name: string, reason: string): string {
  return `ERR CONFIG SET failed (possibly related to argument '${name}') - ${reason}`;
}

function resetstatCommand(context: ExecutionContext, _command: Command, reply: Reply): void {
  context.node.threads.everywhereAtOnce('resetFigures', null);
  context.store.resetStats();
  reply.ok();
}

function rewriteCommand(_context: ExecutionContext, _command: Command, reply: Reply): void {
  reply.error('ERR The server is running without a config file');
}

const ADMIN: readonly CommandFlag[] = ['admin', 'noscript', 'loading', 'stale'];

export const CONFIG_COMMANDS: readonly CommandSpec[] = [
  containerRow({
    name: 'config',
    group: 'server',
    since: '2.0.0',
    summary: 'Reads and changes settings.',
    subcommands: [
      commandRow({
        name: 'get',
        arity: -3,
        flags: ADMIN,
        group: 'server',
        since: '2.0.0',
        syntax: 'parameter [parameter ...]',
        summary: 'Answers the settings whose names match.',
        complexity: 'O(N) with N settings',
        handler: getCommand,
      }),
      commandRow({
        name: 'set',
        arity: -4,
        flags: ADMIN,
        group: 'server',
        since: '2.0.0',
        syntax: 'parameter value [parameter value ...]',
        summary: 'Changes settings, all or none.',
        complexity: 'O(N) with N settings',
        handler: setCommand,
      }),
      commandRow({
        name: 'resetstat',
        arity: 2,
        flags: ADMIN,
        group: 'server',
        since: '2.0.0',
        syntax: '',
        summary: 'Sets the statistics of INFO back to zero.',
        handler: resetstatCommand,
      }),
      commandRow({
        name: 'rewrite',
        arity: 2,
        flags: ADMIN,
        group: 'server',
        since: '2.8.0',
        syntax: '',
        summary: 'Would write the settings to a file; not supported.',
        handler: rewriteCommand,
      }),
      helpRow('server', '5.0.0'),
    ],
  }),
];
