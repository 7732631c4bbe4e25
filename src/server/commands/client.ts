/** CLIENT: names, lists and modes of connections. CLIENT KILL is in `client-kill.ts`, tracking in `client-tracking.ts`. */
import type { Command } from '../../protocol/command.ts';
import { BEYOND_SAFE, isNotInteger } from '../../protocol/numbers.ts';
import type { Reply } from '../../protocol/reply.ts';
import { clientTypeNamed, describeSession } from '../client-registry.ts';
import type { CommandFlag, CommandSpec } from '../command-spec.ts';
import type { ExecutionContext } from '../execution-context.ts';
import { Gate } from '../session.ts';
import type { ClientLine } from '../threads/questions.ts';
import { integerArgument, saturatedArgument } from './arguments.ts';
import { clientKillCommand } from './client-kill.ts';
import { CLIENT_TRACKING_ROWS } from './client-tracking.ts';
import { BAD_CLIENT_NAME, isClientWord } from './client-words.ts';
import { ErrorText } from './error-text.ts';
import { changesConnection, containerRow, helpRow, shortRows, subcommandSyntax } from './row.ts';

function idCommand(context: ExecutionContext, _command: Command, reply: Reply): void {
  reply.integer(context.session.id);
}

function infoCommand(context: ExecutionContext, _command: Command, reply: Reply): void {
  reply.verbatim(`${describeSession(context.session, context.node.threads.own, context.nowMs)}\n`);
}

function listCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  let wanted: (client: ClientLine) => boolean = () => true;
  if (command.count === 4 && command.is(2, 'TYPE')) {
    const word = command.text(3);
    const type = clientTypeNamed(word);
    if (type === null) {
      reply.error(`ERR Unknown client type '${word}'`);
      return;
    }
    wanted = (client) => client.type === type;
  } else if (command.count > 3 && command.is(2, 'ID')) {
    const ids: number[] = [];
    for (let index = 3; index < command.count; index += 1) {
      const id = integerArgument(command, index);
      if (isNotInteger(id)) {
        reply.error('ERR Invalid client ID');
        return;
      }
      ids.push(id);
    }
    const byId = new Map(allClients(context).map((client) => [client.id, client]));
    writeClients(
      reply,
      ids.map((id) => byId.get(id)).filter((client) => client !== undefined),
    );
    return;
  } else if (command.count !== 2) {
    reply.error(ErrorText.syntax);
    return;
  }
  writeClients(reply, allClients(context).filter(wanted));
}

/** The clients of all threads, in the order they came. */
function allClients({ node, nowMs }: ExecutionContext): readonly ClientLine[] {
  const clients = node.threads.everywhere('clients', { nowMs }).flat();
  return clients.toSorted((left, right) => left.id - right.id);
}

function writeClients(reply: Reply, clients: readonly ClientLine[]): void {
  reply.verbatim(clients.map(({ line }) => `${line}\n`).join(''));
}

function getnameCommand(context: ExecutionContext, _command: Command, reply: Reply): void {
  if (context.session.name === '') reply.nil();
  else reply.bulkText(context.session.name);
}

function setnameCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  if (!isClientWord(command, 2)) {
    reply.error(`ERR ${BAD_CLIENT_NAME}`);
    return;
  }
  if (command.length(2) > WORD_BYTES_MAX) {
    reply.error(`ERR Client names cannot be longer than ${WORD_BYTES_MAX} bytes`);
    return;
  }
  context.session.name = command.text(2);
  reply.ok();
}

function setinfoCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const attribute = command.text(2);
  const isName = command.is(2, 'LIB-NAME');
  if (!isName && !command.is(2, 'LIB-VER')) {
    reply.error(`ERR Unrecognized option '${attribute}'`);
    return;
  }
  if (!isClientWord(command, 3)) {
    reply.error(`ERR ${attribute} cannot contain spaces, newlines or special characters.`);
    return;
  }
  if (command.length(3) > WORD_BYTES_MAX) {
    reply.error(`ERR ${attribute} cannot be longer than ${WORD_BYTES_MAX} bytes`);
    return;
  }
  if (isName) context.session.libName = command.text(3);
  else context.session.libVersion = command.text(3);
  reply.ok();
}

function replyCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const { session } = context;
  if (command.is(2, 'ON')) {
    session.setGate(Gate.replyOff | Gate.replySkip, false);
    reply.ok();
  } else if (command.is(2, 'OFF')) {
    session.setGate(Gate.replyOff, true);
  } else if (command.is(2, 'SKIP')) {
    if ((session.gates & Gate.replyOff) === 0) session.setGate(Gate.replySkipNext, true);
  } else {
    reply.error(ErrorText.syntax);
  }
}

function pauseCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  if (command.count > 4) {
    reply.error(subcommandSyntax(command));
    return;
  }
  const all = command.count === 3 || command.is(3, 'ALL');
  if (!all && !command.is(3, 'WRITE')) {
    reply.error('ERR CLIENT PAUSE mode must be WRITE or ALL');
    return;
  }
  const timeoutMs = saturatedArgument(command, 2);
  if (isNotInteger(timeoutMs)) {
    reply.error('ERR timeout is not an integer or out of range');
    return;
  }
  if (timeoutMs < 0) {
    reply.error('ERR timeout is negative');
    return;
  }
  if (timeoutMs === BEYOND_SAFE) {
    reply.error('ERR timeout is out of range');
    return;
  }
  const mode = all ? 'all' : 'write';
  context.node.threads.everywhereAtOnce('pause', { mode, untilMs: context.nowMs + timeoutMs });
  reply.ok();
}

function unpauseCommand(context: ExecutionContext, _command: Command, reply: Reply): void {
  context.node.threads.everywhereAtOnce('unpause', null);
  reply.ok();
}

function unblockCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const id = integerArgument(command, 2);
  if (command.count > 4) reply.error(subcommandSyntax(command));
  else if (command.count === 4 && !command.is(3, 'TIMEOUT') && !command.is(3, 'ERROR')) {
    reply.error('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR');
  } else if (isNotInteger(id)) reply.error(ErrorText.notAnInteger);
  else {
    const reason = command.count === 4 && command.is(3, 'ERROR') ? 'error' : 'timeout';
    const isUnblocked = context.node.threads.everywhere('unblock', { id, reason }).includes(true);
    reply.integer(isUnblocked ? 1 : 0);
  }
}

/** Connections are not evicted here; the flag is kept for CLIENT LIST. */
function noEvictCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const on = onOrOff(command, reply);
  if (on !== null) context.session.noEvict = on;
}

function noTouchCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const on = onOrOff(command, reply);
  if (on === null) return;
  context.session.noTouch = on;
  context.store.countsUse = !on;
}

/** ON or OFF in the argument after the subcommand, answered OK; null where it is neither, and the error is answered. */
function onOrOff(command: Command, reply: Reply): boolean | null {
  const on = command.is(2, 'ON');
  if (!on && !command.is(2, 'OFF')) {
    reply.error(ErrorText.syntax);
    return null;
  }
  reply.ok();
  return on;
}

/** Names are kept for as long as the connection, outside any other limit. */
const WORD_BYTES_MAX = 1024;

const COMMON: readonly CommandFlag[] = ['noscript', 'loading', 'stale'];
const ADMIN: readonly CommandFlag[] = ['admin', 'noscript', 'loading', 'stale'];

const row = shortRows({ group: 'connection', categories: ['connection'] });

const KILL_SYNTAX =
  'ip:port | [ID client-id] [TYPE NORMAL | MASTER | REPLICA | PUBSUB] [USER username] [ADDR ip:port] [LADDR ip:port] [SKIPME YES | NO]';

export const CLIENT_COMMANDS: readonly CommandSpec[] = [
  containerRow({
    name: 'client',
    group: 'connection',
    since: '2.4.0',
    summary: 'Looks at and steers client connections.',
    subcommands: [
      row('id', 2, COMMON, '5.0.0', '', 'Answers the id of this connection.', idCommand),
      row('info', 2, COMMON, '6.2.0', '', 'Describes this connection.', infoCommand),
      row(
        'list',
        -2,
        ADMIN,
        '2.4.0',
        '[TYPE NORMAL | MASTER | REPLICA | PUBSUB] [ID client-id [client-id ...]]',
        'Describes all connections, a line each.',
        listCommand,
      ),
      row('getname', 2, COMMON, '2.6.9', '', 'Answers the name of this connection.', getnameCommand),
      row('setname', 3, COMMON, '2.6.9', 'connection-name', 'Names this connection.', setnameCommand),
      row(
        'setinfo',
        4,
        COMMON,
        '7.2.0',
        'LIB-NAME libname | LIB-VER libver',
        'Tells the client library and its version.',
        setinfoCommand,
      ),
      row('kill', -3, ADMIN, '2.4.0', KILL_SYNTAX, 'Closes connections.', clientKillCommand),
      row(
        'pause',
        -3,
        ADMIN,
        '3.0.0',
        'timeout [WRITE | ALL]',
        'Holds commands back for some milliseconds.',
        pauseCommand,
      ),
      row('unpause', 2, ADMIN, '6.2.0', '', 'Ends a pause.', unpauseCommand),
      changesConnection(
        row(
          'reply',
          3,
          COMMON,
          '3.2.0',
          'ON | OFF | SKIP',
          'Turns the replies to this connection on or off.',
          replyCommand,
        ),
      ),
      row('unblock', -3, ADMIN, '5.0.0', 'client-id [TIMEOUT | ERROR]', 'Wakes a blocked connection.', unblockCommand),
      row('no-evict', 3, ADMIN, '7.0.0', 'ON | OFF', 'Marks this connection as not to be evicted.', noEvictCommand),
      row(
        'no-touch',
        3,
        COMMON,
        '7.2.0',
        'ON | OFF',
        'Marks this connection as not counting as a use of keys.',
        noTouchCommand,
      ),
      ...CLIENT_TRACKING_ROWS,
      helpRow('connection', '5.0.0'),
    ],
  }),
];
