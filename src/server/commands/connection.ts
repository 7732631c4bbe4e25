/** Who is connected and how: PING, ECHO, HELLO, AUTH, SELECT, QUIT, RESET. */
import type { Command } from '../../protocol/command.ts';
import { isNotInteger } from '../../protocol/numbers.ts';
import type { Reply } from '../../protocol/reply.ts';
import { Opcode } from '../../protocol/shoal/frame.ts';
import { DATABASE_COUNT } from '../../store/types.ts';
import type { CommandSpec } from '../command-spec.ts';
import { REDIS_SERVER_NAME, REDIS_VERSION, serverMode } from '../compatibility.ts';
import type { ExecutionContext } from '../execution-context.ts';
import { Gate } from '../session.ts';
import { integerArgument } from './arguments.ts';
import { BAD_CLIENT_NAME, isClientWord } from './client-words.ts';
import { ErrorText, WRONG_PASSWORD, wrongArity } from './error-text.ts';
import { acceptsLogin } from './login.ts';
import { helloOperation } from './operation-hello.ts';
import { pingOperation } from './operations.ts';
import { commandRow } from './row.ts';

export function pingCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  if (command.count > 2) {
    reply.error(wrongArity('ping'));
    return;
  }
  const { session } = context;
  if ((session.gates & Gate.subscribed) !== 0 && session.protocol === 2) {
    reply.array(2);
    reply.bulkText('pong');
    if (command.count === 1) reply.bulkText('');
    else reply.bulk(command.bytes, command.start(1), command.length(1));
    return;
  }
  if (command.count === 1) reply.simple('PONG');
  else reply.bulk(command.bytes, command.start(1), command.length(1));
}

export function echoCommand(_context: ExecutionContext, command: Command, reply: Reply): void {
  reply.bulk(command.bytes, command.start(1), command.length(1));
}

export function selectCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const index = integerArgument(command, 1);
  if (isNotInteger(index)) {
    reply.error(ErrorText.notAnInteger);
    return;
  }
  if (index > INT32_MAX || index < -INT32_MAX - 1) {
    reply.error(ErrorText.notAnIntegerInRange);
    return;
  }
  if (index < 0 || index >= DATABASE_COUNT) {
    reply.error(ErrorText.databaseOutOfRange);
    return;
  }
  context.session.database = index;
  context.database = index;
  reply.ok();
}

export function quitCommand(context: ExecutionContext, _command: Command, reply: Reply): void {
  reply.ok();
  context.control.closeAfterReply(context.session);
}

export function resetCommand(context: ExecutionContext, _command: Command, reply: Reply): void {
  context.control.resetSession(context.session);
  context.database = 0;
  reply.simple('RESET');
}

export function authCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  if (command.count > 3) {
    reply.error(ErrorText.syntax);
    return;
  }
  if (command.count === 2 && context.node.settings.password === '') {
    reply.error(
      'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
    );
    return;
  }
  const userIndex = command.count === 3 ? 1 : null;
  if (authenticate(context, command, userIndex, command.count - 1)) reply.ok();
  else reply.error(WRONG_PASSWORD);
}

/** Authenticates the session with user and password given as arguments; without a user it is `default`. */
function authenticate(
  context: ExecutionContext,
  command: Command,
  userIndex: number | null,
  passwordIndex: number,
): boolean {
  const user = userIndex === null ? NO_USER : command.copy(userIndex);
  // HELLO's and AUTH's empty user is not the default one, as no user at all is.
  const named = userIndex === null || user.length > 0;
  const accepted = named && acceptsLogin(context.node.settings, user, command.copy(passwordIndex));
  if (accepted) context.session.setAuthenticated(true);
  return accepted;
}

/** HELLO [protover [AUTH username password] [SETNAME clientname]] */
export function helloCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const { session } = context;
  let version = 0;
  if (command.count >= 2) {
    const asked = integerArgument(command, 1);
    if (isNotInteger(asked)) {
      reply.error('ERR Protocol version is not an integer or out of range');
      return;
    }
    if (asked !== 2 && asked !== 3) {
      reply.error('NOPROTO unsupported protocol version');
      return;
    }
    version = asked;
  }
  let authIndex = 0;
  let nameIndex = 0;
  for (let index = 2; index < command.count; index += 1) {
    const after = command.count - 1 - index;
    if (command.is(index, 'AUTH') && after >= 2) {
      authIndex = index + 1;
      index += 2;
    } else if (command.is(index, 'SETNAME') && after >= 1) {
      nameIndex = index + 1;
      if (!isClientWord(command, nameIndex)) {
        reply.error(`ERR ${BAD_CLIENT_NAME}`);
        return;
      }
      index += 1;
    } else {
      reply.error(`ERR Syntax error in HELLO option '${command.text(index)}'`);
      return;
    }
  }
  if (authIndex > 0 && !authenticate(context, command, authIndex, authIndex + 1)) {
    reply.error(WRONG_PASSWORD);
    return;
  }
  if ((session.gates & Gate.unauthenticated) !== 0) {
    reply.error(
      'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
    );
    return;
  }
  if (nameIndex > 0) session.name = command.text(nameIndex);
  if (version === 2 || version === 3) {
    session.protocol = version;
    context.control.protocolChanged(session);
  }
  writeGreeting(context, reply);
}

function writeGreeting(context: ExecutionContext, reply: Reply): void {
  reply.map(7);
  reply.bulkText('server');
  reply.bulkText(REDIS_SERVER_NAME);
  reply.bulkText('version');
  reply.bulkText(REDIS_VERSION);
  reply.bulkText('proto');
  reply.integer(context.session.protocol);
  reply.bulkText('id');
  reply.integer(context.session.id);
  reply.bulkText('mode');
  reply.bulkText(serverMode(context.node));
  reply.bulkText('role');
  reply.bulkText('master');
  reply.bulkText('modules');
  reply.array(0);
}

const INT32_MAX = 0x7fff_ffff;
const NO_USER = new Uint8Array(0);

export const CONNECTION_COMMANDS: readonly CommandSpec[] = [
  commandRow({
    name: 'ping',
    arity: -1,
    flags: ['fast'],
    group: 'connection',
    since: '1.0.0',
    syntax: '[message]',
    summary: 'Answers PONG, or the message: tells that the connection is alive.',
    categories: ['connection'],
    handler: pingCommand,
    operation: { opcode: Opcode.ping, handler: pingOperation },
  }),
  commandRow({
    name: 'echo',
    arity: 2,
    flags: ['loading', 'stale', 'fast'],
    group: 'connection',
    since: '1.0.0',
    syntax: 'message',
    summary: 'Answers the message.',
    categories: ['connection'],
    handler: echoCommand,
  }),
  commandRow({
    name: 'hello',
    changesConnection: true,
    arity: -1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy'],
    group: 'connection',
    since: '6.0.0',
    syntax: '[protover [AUTH username password] [SETNAME clientname]]',
    summary: 'Chooses the protocol version, optionally authenticates, and tells about the server.',
    categories: ['connection'],
    handler: helloCommand,
    operation: { opcode: Opcode.hello, handler: helloOperation },
  }),
  commandRow({
    name: 'auth',
    changesConnection: true,
    arity: -2,
    flags: ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy'],
    group: 'connection',
    since: '1.0.0',
    syntax: '[username] password',
    summary: 'Authenticates the connection.',
    categories: ['connection'],
    handler: authCommand,
  }),
  commandRow({
    name: 'select',
    changesConnection: true,
    arity: 2,
    flags: ['loading', 'stale', 'fast'],
    group: 'connection',
    since: '1.0.0',
    syntax: 'index',
    summary: 'Chooses the database of this connection.',
    categories: ['connection'],
    handler: selectCommand,
  }),
  commandRow({
    name: 'quit',
    changesConnection: true,
    arity: -1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy'],
    group: 'connection',
    since: '1.0.0',
    syntax: '',
    summary: 'Closes the connection after its replies.',
    categories: ['connection'],
    handler: quitCommand,
  }),
  commandRow({
    name: 'reset',
    changesConnection: true,
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy'],
    group: 'connection',
    since: '6.2.0',
    syntax: '',
    summary: 'Puts the connection back into the state of a new one.',
    categories: ['connection'],
    handler: resetCommand,
  }),
];
