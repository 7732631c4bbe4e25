/** CLIENT TRACKING and its relatives: clients that cache what they read, and are told when it changes. */
import type { Command } from '../../protocol/command.ts';
import { isNotInteger } from '../../protocol/numbers.ts';
import type { Reply } from '../../protocol/reply.ts';
import type { CommandFlag, CommandSpec } from '../command-spec.ts';
import type { ExecutionContext } from '../execution-context.ts';
import { SUBSCRIPTION_BYTES_MAX } from '../pubsub-hub.ts';
import type { Redirect, SessionTracking, TrackingChoice } from '../tracking/session-tracking.ts';
import { integerArgument } from './arguments.ts';
import { ErrorText } from './error-text.ts';
import { changesConnection, shortRows } from './row.ts';

interface TrackingArguments {
  redirect: Redirect | null;
  broadcasts: boolean;
  optsIn: boolean;
  optsOut: boolean;
  noLoop: boolean;
  readonly prefixes: Uint8Array[];
}

function trackingCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const { session, node } = context;
  const asked = readArguments(context, command);
  if (typeof asked === 'string') {
    reply.error(asked);
    return;
  }
  if (command.is(2, 'OFF')) {
    node.tracking.disable(session);
    reply.ok();
    return;
  }
  const problem = command.is(2, 'ON') ? contradiction(asked, session.tracking) : ErrorText.syntax;
  if (problem !== null) {
    reply.error(problem);
    return;
  }
  if (node.tracking.enable(session, choiceOf(asked), asked.prefixes)) reply.ok();
  else reply.error(NOBODY_FOLLOWS);
}

/** What follows ON or OFF, or the error that it is answered with. */
function readArguments({ node }: ExecutionContext, command: Command): TrackingArguments | string {
  const asked: TrackingArguments = {
    redirect: null,
    broadcasts: false,
    optsIn: false,
    optsOut: false,
    noLoop: false,
    prefixes: [],
  };
  for (let index = 3; index < command.count; index += 1) {
    const hasMore = index + 1 < command.count;
    if (hasMore && command.is(index, 'REDIRECT')) {
      if (asked.redirect !== null) return 'ERR A client can only redirect to a single other client';
      index += 1;
      const client = integerArgument(command, index);
      if (isNotInteger(client)) return ErrorText.notAnInteger;
      const thread = node.threads.everywhere('thread', { clientId: client }).find((one) => one !== null);
      if (thread === undefined || thread === null) return 'ERR The client ID you want redirect to does not exist';
      asked.redirect = { client, thread };
    } else if (hasMore && command.is(index, 'PREFIX')) {
      index += 1;
      asked.prefixes.push(command.copy(index));
    } else if (command.is(index, 'BCAST')) asked.broadcasts = true;
    else if (command.is(index, 'OPTIN')) asked.optsIn = true;
    else if (command.is(index, 'OPTOUT')) asked.optsOut = true;
    else if (command.is(index, 'NOLOOP')) asked.noLoop = true;
    else return ErrorText.syntax;
  }
  return asked;
}

/** What does not fit together, or to what the session has chosen before, as the line of an error; null: nothing. */
function contradiction(asked: TrackingArguments, before: SessionTracking | null): string | null {
  const { broadcasts, optsIn, optsOut, prefixes } = asked;
  if (!broadcasts && prefixes.length > 0) return 'ERR PREFIX option requires BCAST mode to be enabled';
  if (before !== null && (before.choice.kind === 'prefixes') !== broadcasts) {
    return "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.";
  }
  if (broadcasts && (optsIn || optsOut)) return 'ERR OPTIN and OPTOUT are not compatible with BCAST';
  if (optsIn && optsOut) return "ERR You can't specify both OPTIN mode and OPTOUT mode";
  const reads = before?.choice.reads ?? 'all';
  if ((optsIn && reads === 'notRefused') || (optsOut && reads === 'chosen')) {
    return "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.";
  }
  return broadcasts ? overlap(prefixes, before) : null;
}

/** Two prefixes of one client may not both fit a key: it would be told twice. */
function overlap(prefixes: readonly Uint8Array[], before: SessionTracking | null): string | null {
  const names = prefixes.map((prefix) => Buffer.from(prefix).toString('latin1'));
  const existingNames = [...(before?.prefixes ?? [])].toSorted();
  let bytes = before?.prefixBytes ?? 0;
  for (const [index, name] of names.entries()) {
    bytes += name.length;
    for (const existing of existingNames) {
      if (fits(name, existing)) return overlapError(name, `an existing prefix '${existing}'`);
    }
    for (const other of names.slice(index + 1)) {
      if (fits(name, other)) return overlapError(name, `another provided prefix '${other}'`);
    }
  }
  return bytes > SUBSCRIPTION_BYTES_MAX
    ? `ERR Prefixes of this connection exceed the limit of ${SUBSCRIPTION_BYTES_MAX} bytes`
    : null;
}

function fits(left: string, right: string): boolean {
  return left.startsWith(right) || right.startsWith(left);
}

function overlapError(name: string, other: string): string {
  return `ERR Prefix '${name}' overlaps with ${other}. Prefixes for a single client must not overlap.`;
}

function choiceOf({ redirect, broadcasts, optsIn, optsOut, noLoop }: TrackingArguments): TrackingChoice {
  return {
    redirect,
    kind: broadcasts ? 'prefixes' : 'read',
    reads: optsIn ? 'chosen' : optsOut ? 'notRefused' : 'all',
    noLoop,
  };
}

function cachingCommand({ session }: ExecutionContext, command: Command, reply: Reply): void {
  const { tracking } = session;
  if (tracking === null) {
    reply.error(
      'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled',
    );
    return;
  }
  const { reads } = tracking.choice;
  const isYes = command.is(2, 'YES');
  if (!isYes && !command.is(2, 'NO')) reply.error(ErrorText.syntax);
  else if (isYes && reads !== 'chosen') {
    reply.error('ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.');
  } else if (!isYes && reads !== 'notRefused') {
    reply.error('ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.');
  } else {
    tracking.cachingGiven = true;
    reply.ok();
  }
}

function getredirCommand({ session }: ExecutionContext, _command: Command, reply: Reply): void {
  reply.integer(session.tracking?.redirectId ?? -1);
}

function trackinginfoCommand({ session }: ExecutionContext, _command: Command, reply: Reply): void {
  const { tracking } = session;
  const flags = tracking === null ? ['off'] : flagsOf(tracking);
  reply.map(3);
  reply.bulkText('flags');
  reply.set(flags.length);
  for (const flag of flags) reply.bulkText(flag);
  reply.bulkText('redirect');
  reply.integer(tracking?.redirectId ?? -1);
  reply.bulkText('prefixes');
  reply.array(tracking?.prefixes.size ?? 0);
  for (const prefix of [...(tracking?.prefixes ?? [])].toSorted()) {
    const bytes = Buffer.from(prefix, 'latin1');
    reply.bulk(bytes, 0, bytes.length);
  }
}

function flagsOf({ choice, cachingGiven, isRedirectBroken }: SessionTracking): readonly string[] {
  const flags = ['on'];
  if (choice.kind === 'prefixes') flags.push('bcast');
  if (choice.reads === 'chosen') flags.push('optin', ...(cachingGiven ? ['caching-yes'] : []));
  if (choice.reads === 'notRefused') flags.push('optout', ...(cachingGiven ? ['caching-no'] : []));
  if (choice.noLoop) flags.push('noloop');
  if (isRedirectBroken) flags.push('broken_redirect');
  return flags;
}

const NOBODY_FOLLOWS =
  'ERR Changes cannot be followed now: as many as can be follow them already, moves of slots among them. Try again later';

const COMMON: readonly CommandFlag[] = ['noscript', 'loading', 'stale'];

const row = shortRows({ group: 'connection', categories: ['connection'] });

const TRACKING_SYNTAX =
  'ON | OFF [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]';

export const CLIENT_TRACKING_ROWS: readonly CommandSpec[] = [
  row('getredir', 2, COMMON, '6.0.0', '', 'Answers which client is told of changes instead.', getredirCommand),
  row('trackinginfo', 2, COMMON, '6.2.0', '', 'Tells how this connection is told of changes.', trackinginfoCommand),
  changesConnection(
    row(
      'tracking',
      -3,
      COMMON,
      '6.0.0',
      TRACKING_SYNTAX,
      'Has this connection told when what it has read changes.',
      trackingCommand,
    ),
  ),
  changesConnection(
    row(
      'caching',
      3,
      COMMON,
      '6.0.0',
      'YES | NO',
      'Says whether what the next command reads is cached.',
      cachingCommand,
    ),
  ),
];
