/** DEBUG, for tests: answered only as the `debugCommand` option says. */
import type { Command } from '../../protocol/command.ts';
import type { Reply } from '../../protocol/reply.ts';
import type { CommandFlag, CommandSpec } from '../command-spec.ts';
import type { ExecutionContext } from '../execution-context.ts';
import { DEBUG_PROTOCOL_SYNTAX, debugProtocolCommand } from './debug-protocol.ts';
import { commandRow, containerRow, helpRow } from './row.ts';

/** Stops the whole thread, as it does in Redis. */
function sleepCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const seconds = Number(command.text(2));
  if (!Number.isFinite(seconds) || seconds < 0 || seconds > SLEEP_SECONDS_MAX) {
    reply.error(`ERR DEBUG SLEEP takes a number of seconds from 0 to ${SLEEP_SECONDS_MAX}`);
    return;
  }
  Atomics.wait(SLEEPER, 0, 0, seconds * 1000);
  // The commands behind this one in the batch see the time that it is now.
  context.nowMs = context.node.clock.nowMs();
  reply.ok();
}

function setActiveExpireCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  context.store.setActiveExpiry(command.text(2) !== '0');
  reply.ok();
}

const SLEEP_SECONDS_MAX = 60;
const SLEEPER = new Int32Array(new SharedArrayBuffer(4));
const FLAGS: readonly CommandFlag[] = ['admin', 'noscript', 'loading', 'stale'];

export const DEBUG_COMMANDS: readonly CommandSpec[] = [
  containerRow({
    name: 'debug',
    group: 'server',
    since: '1.0.0',
    summary: 'Helps with tests.',
    subcommands: [
      commandRow({
        name: 'sleep',
        arity: 3,
        flags: FLAGS,
        group: 'server',
        since: '1.0.0',
        syntax: 'seconds',
        summary: 'Answers nobody for this long.',
        handler: sleepCommand,
      }),
      commandRow({
        name: 'set-active-expire',
        arity: 3,
        flags: FLAGS,
        group: 'server',
        since: '1.0.0',
        syntax: '0 | 1',
        summary: 'Whether expired keys are removed before somebody asks for them.',
        handler: setActiveExpireCommand,
      }),
      commandRow({
        name: 'protocol',
        arity: 3,
        flags: FLAGS,
        group: 'server',
        since: '6.0.0',
        syntax: DEBUG_PROTOCOL_SYNTAX,
        summary: 'Answers a value of this kind.',
        handler: debugProtocolCommand,
      }),
      helpRow('server', '1.0.0'),
    ],
  }),
];
