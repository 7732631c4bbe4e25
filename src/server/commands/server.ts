/** The server as a whole: INFO, TIME, MONITOR, ROLE, and the short answers of what has nothing to tell: SLOWLOG, LATENCY. */
import type { Command } from '../../protocol/command.ts';
import type { Reply } from '../../protocol/reply.ts';
import type { CommandFlag, CommandSpec } from '../command-spec.ts';
import type { ExecutionContext } from '../execution-context.ts';
import { replicasOfNode } from '../cluster/replica-lists.ts';
import { infoText } from '../info.ts';
import { changesConnection, commandRow, containerRow, helpRow, shortRows } from './row.ts';

function infoCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const sections: string[] = [];
  for (let index = 1; index < command.count; index += 1) sections.push(command.text(index).toLowerCase());
  reply.verbatim(infoText(context, sections));
}

function timeCommand(context: ExecutionContext, _command: Command, reply: Reply): void {
  const nowMs = context.node.clock.nowMs();
  const seconds = Math.floor(nowMs / 1000);
  reply.array(2);
  reply.bulkText(String(seconds));
  reply.bulkText(String(Math.floor((nowMs - seconds * 1000) * 1000)));
}

function monitorCommand(context: ExecutionContext, _command: Command, reply: Reply): void {
  context.node.monitors.add(context.session);
  reply.ok();
}

/** Every node serves slots of its own; those that copy them are its replicas. */
function roleCommand({ node }: ExecutionContext, _command: Command, reply: Reply): void {
  const { cluster } = node;
  const replicas = cluster === null ? [] : replicasOfNode(cluster, cluster.nodeId);
  reply.array(3);
  reply.bulkText('master');
  reply.integer(0);
  reply.array(replicas.length);
  for (const { host, port } of replicas) {
    reply.array(3);
    reply.bulkText(host);
    reply.bulkText(String(port));
    reply.bulkText('0');
  }
}

function emptyArrayCommand(_context: ExecutionContext, _command: Command, reply: Reply): void {
  reply.array(0);
}

function emptyMapCommand(_context: ExecutionContext, _command: Command, reply: Reply): void {
  reply.map(0);
}

function zeroCommand(_context: ExecutionContext, _command: Command, reply: Reply): void {
  reply.integer(0);
}

function okCommand(_context: ExecutionContext, _command: Command, reply: Reply): void {
  reply.ok();
}

const ADMIN: readonly CommandFlag[] = ['admin', 'loading', 'stale'];

const row = shortRows({ group: 'server' });

export const SERVER_COMMANDS: readonly CommandSpec[] = [
  commandRow({
    name: 'info',
    arity: -1,
    flags: ['loading', 'stale'],
    group: 'server',
    since: '1.0.0',
    syntax: '[section [section ...]]',
    summary: 'Tells about the server, in sections of name:value lines.',
    categories: ['dangerous'],
    handler: infoCommand,
  }),
  row(
    'time',
    1,
    ['loading', 'stale', 'fast'],
    '2.6.0',
    '',
    'Answers the time: seconds since 1970, and microseconds.',
    timeCommand,
  ),
  changesConnection(
    row(
      'monitor',
      1,
      ['admin', 'noscript', 'loading', 'stale'],
      '1.0.0',
      '',
      'Shows all commands as they run.',
      monitorCommand,
    ),
  ),
  row(
    'role',
    1,
    ['noscript', 'loading', 'stale', 'fast'],
    '2.8.12',
    '',
    'Tells that this node is a primary, and its replicas.',
    roleCommand,
  ),
  containerRow({
    name: 'slowlog',
    group: 'server',
    since: '2.2.12',
    summary: 'Tells about slow commands: no log of them is kept.',
    subcommands: [
      row('get', -2, ADMIN, '2.2.12', '[count]', 'Lists slow commands: none is kept.', emptyArrayCommand),
      row('len', 2, ADMIN, '2.2.12', '', 'Counts the entries: none.', zeroCommand),
      row('reset', 2, ADMIN, '2.2.12', '', 'Empties the log.', okCommand),
      helpRow('server', '6.2.0'),
    ],
  }),
  containerRow({
    name: 'latency',
    group: 'server',
    since: '2.8.13',
    summary: 'Tells about latency spikes: none are recorded.',
    subcommands: [
      row('latest', 2, ADMIN, '2.8.13', '', 'Lists the latest spikes: none are recorded.', emptyArrayCommand),
      row(
        'history',
        3,
        ADMIN,
        '2.8.13',
        'event',
        'Lists the spikes of an event: none are recorded.',
        emptyArrayCommand,
      ),
      row(
        'histogram',
        -2,
        ADMIN,
        '7.0.0',
        '[command [command ...]]',
        'Answers latencies by command: none are recorded.',
        emptyMapCommand,
      ),
      row('reset', -2, ADMIN, '2.8.13', '[event [event ...]]', 'Forgets the spikes of events.', zeroCommand),
      helpRow('server', '2.8.13'),
    ],
  }),
  containerRow({
    name: 'module',
    group: 'server',
    since: '4.0.0',
    summary: 'Tells that there are no modules.',
    subcommands: [
      row('list', 2, ['admin', 'noscript'], '4.0.0', '', 'Lists the modules: there are none.', emptyArrayCommand),
    ],
  }),
];
