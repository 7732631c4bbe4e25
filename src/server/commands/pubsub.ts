/** SUBSCRIBE and its family, PUBLISH, and PUBSUB that looks at who listens. */
import { binaryString } from '../../base/bytes.ts';
import type { Command } from '../../protocol/command.ts';
import type { Reply } from '../../protocol/reply.ts';
import type { CommandSpec } from '../command-spec.ts';
import type { ExecutionContext } from '../execution-context.ts';
import { SUBSCRIPTION_BYTES_MAX } from '../pubsub-hub.ts';
import { commandRow, containerRow, helpRow, subcommandSyntax } from './row.ts';

function subscribeCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const { session } = context;
  for (let index = 1; index < command.count; index += 1) {
    if (!context.node.pubsub.subscribe(session, command.copy(index))) {
      reply.error(TOO_MANY_SUBSCRIPTIONS);
      return;
    }
    confirm(reply, 'subscribe', command, index, session.subscriptionCount);
  }
}

function psubscribeCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const { session } = context;
  for (let index = 1; index < command.count; index += 1) {
    if (!context.node.pubsub.psubscribe(session, command.copy(index))) {
      reply.error(TOO_MANY_SUBSCRIPTIONS);
      return;
    }
    confirm(reply, 'psubscribe', command, index, session.subscriptionCount);
  }
}

function unsubscribeCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const { session, node } = context;
  if (command.count === 1) {
    const names = [...(session.channels ?? [])];
    for (const name of names) {
      node.pubsub.unsubscribe(session, name);
      confirmName(reply, 'unsubscribe', name, session.subscriptionCount);
    }
    if (names.length === 0) confirmNothing(reply, 'unsubscribe', session.subscriptionCount);
    return;
  }
  for (let index = 1; index < command.count; index += 1) {
    node.pubsub.unsubscribe(session, binaryString(command.bytes, command.start(index), command.length(index)));
    confirm(reply, 'unsubscribe', command, index, session.subscriptionCount);
  }
}

function punsubscribeCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const { session, node } = context;
  if (command.count === 1) {
    const names = [...(session.patterns ?? [])];
    for (const name of names) {
      node.pubsub.punsubscribe(session, name);
      confirmName(reply, 'punsubscribe', name, session.subscriptionCount);
    }
    if (names.length === 0) confirmNothing(reply, 'punsubscribe', session.subscriptionCount);
    return;
  }
  for (let index = 1; index < command.count; index += 1) {
    node.pubsub.punsubscribe(session, binaryString(command.bytes, command.start(index), command.length(index)));
    confirm(reply, 'punsubscribe', command, index, session.subscriptionCount);
  }
}

function publishCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const { bytes } = command;
  reply.integer(
    context.node.pubsub.publish(bytes, command.start(1), command.length(1), command.start(2), command.length(2)),
  );
}

function channelsCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  if (command.count > 3) {
    reply.error(subcommandSyntax(command));
    return;
  }
  const names = context.node.pubsub.channelNames(command.count > 2 ? command.copy(2) : null);
  reply.array(names.length);
  for (const name of names) reply.bulk(name, 0, name.length);
}

function numsubCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  reply.array((command.count - 2) * 2);
  for (let index = 2; index < command.count; index += 1) {
    const start = command.start(index);
    const length = command.length(index);
    reply.bulk(command.bytes, start, length);
    reply.integer(context.node.pubsub.subscriberCount(binaryString(command.bytes, start, length)));
  }
}

function numpatCommand(context: ExecutionContext, _command: Command, reply: Reply): void {
  reply.integer(context.node.pubsub.patternCount);
}

/** There are no shard channels here: none exists, and none has a subscriber. */
function shardChannelsCommand(_context: ExecutionContext, command: Command, reply: Reply): void {
  if (command.count > 3) reply.error(subcommandSyntax(command));
  else reply.array(0);
}

function shardNumsubCommand(_context: ExecutionContext, command: Command, reply: Reply): void {
  reply.array((command.count - 2) * 2);
  for (let index = 2; index < command.count; index += 1) {
    reply.bulk(command.bytes, command.start(index), command.length(index));
    reply.integer(0);
  }
}

function confirm(reply: Reply, kind: string, command: Command, index: number, count: number): void {
  reply.push(3);
  reply.bulkText(kind);
  reply.bulk(command.bytes, command.start(index), command.length(index));
  reply.integer(count);
}

function confirmName(reply: Reply, kind: string, name: string, count: number): void {
  const bytes = Buffer.from(name, 'latin1');
  reply.push(3);
  reply.bulkText(kind);
  reply.bulk(bytes, 0, bytes.length);
  reply.integer(count);
}

function confirmNothing(reply: Reply, kind: string, count: number): void {
  reply.push(3);
  reply.bulkText(kind);
  reply.nil();
  reply.integer(count);
}

const TOO_MANY_SUBSCRIPTIONS = `ERR Subscriptions of this connection exceed the limit of ${SUBSCRIPTION_BYTES_MAX} bytes`;

const SUBSCRIBE_FLAGS = ['pubsub', 'noscript', 'loading', 'stale'] as const;
const LOOK_FLAGS = ['pubsub', 'loading', 'stale'] as const;

export const PUBSUB_COMMANDS: readonly CommandSpec[] = [
  commandRow({
    name: 'subscribe',
    changesConnection: true,
    arity: -2,
    flags: SUBSCRIBE_FLAGS,
    group: 'pubsub',
    since: '2.0.0',
    syntax: 'channel [channel ...]',
    summary: 'Listens to channels.',
    complexity: 'O(N) with N channels',
    handler: subscribeCommand,
  }),
  commandRow({
    name: 'unsubscribe',
    changesConnection: true,
    arity: -1,
    flags: SUBSCRIBE_FLAGS,
    group: 'pubsub',
    since: '2.0.0',
    syntax: '[channel [channel ...]]',
    summary: 'Stops listening to these channels, or to all.',
    complexity: 'O(N) with N channels',
    handler: unsubscribeCommand,
  }),
  commandRow({
    name: 'psubscribe',
    changesConnection: true,
    arity: -2,
    flags: SUBSCRIBE_FLAGS,
    group: 'pubsub',
    since: '2.0.0',
    syntax: 'pattern [pattern ...]',
    summary: 'Listens to all channels whose names match patterns.',
    complexity: 'O(N) with N patterns',
    handler: psubscribeCommand,
  }),
  commandRow({
    name: 'punsubscribe',
    changesConnection: true,
    arity: -1,
    flags: SUBSCRIBE_FLAGS,
    group: 'pubsub',
    since: '2.0.0',
    syntax: '[pattern [pattern ...]]',
    summary: 'Stops listening to these patterns, or to all.',
    complexity: 'O(N) with N patterns',
    handler: punsubscribeCommand,
  }),
  commandRow({
    name: 'publish',
    arity: 3,
    flags: ['pubsub', 'loading', 'stale', 'fast', 'may_replicate'],
    group: 'pubsub',
    since: '2.0.0',
    syntax: 'channel message',
    summary: 'Sends a message to all who listen to the channel, and answers how many.',
    complexity: 'O(N+M) with N subscribers of the channel and M patterns',
    handler: publishCommand,
  }),
  containerRow({
    name: 'pubsub',
    group: 'pubsub',
    since: '2.8.0',
    summary: 'Looks at channels and their subscribers.',
    subcommands: [
      commandRow({
        name: 'channels',
        arity: -2,
        flags: LOOK_FLAGS,
        group: 'pubsub',
        since: '2.8.0',
        syntax: '[pattern]',
        summary: 'Lists the channels that somebody listens to.',
        complexity: 'O(N) with N channels',
        handler: channelsCommand,
      }),
      commandRow({
        name: 'numsub',
        arity: -2,
        flags: LOOK_FLAGS,
        group: 'pubsub',
        since: '2.8.0',
        syntax: '[channel [channel ...]]',
        summary: 'Counts the subscribers of channels, those by pattern left out.',
        complexity: 'O(N) with N channels asked for',
        handler: numsubCommand,
      }),
      commandRow({
        name: 'numpat',
        arity: 2,
        flags: LOOK_FLAGS,
        group: 'pubsub',
        since: '2.8.0',
        syntax: '',
        summary: 'Counts the patterns that somebody listens to.',
        handler: numpatCommand,
      }),
      commandRow({
        name: 'shardchannels',
        arity: -2,
        flags: LOOK_FLAGS,
        group: 'pubsub',
        since: '7.0.0',
        syntax: '[pattern]',
        summary: 'Lists the shard channels: there are none.',
        handler: shardChannelsCommand,
      }),
      commandRow({
        name: 'shardnumsub',
        arity: -2,
        flags: LOOK_FLAGS,
        group: 'pubsub',
        since: '7.0.0',
        syntax: '[shardchannel [shardchannel ...]]',
        summary: 'Counts the subscribers of shard channels: there are none.',
        handler: shardNumsubCommand,
      }),
      helpRow('pubsub', '6.2.0'),
    ],
  }),
];
