/** DEBUG PROTOCOL: one reply of each kind of RESP3, for the tests of clients. The values are those that Redis answers. */
import type { Command } from '../../protocol/command.ts';
import type { Reply } from '../../protocol/reply.ts';
import type { ExecutionContext } from '../execution-context.ts';

const PROTOCOL_REPLIES: ReadonlyMap<string, (reply: Reply) => void> = new Map<string, (reply: Reply) => void>([
  ['string', (reply) => reply.bulkText('Hello World')],
  ['integer', (reply) => reply.integer(12345)],
  // oxlint-disable-next-line oxc/approx-constant -- Redis's value, which clients compare with.
  ['double', (reply) => reply.double(3.141)],
  ['null', (reply) => reply.nil()],
  ['array', (reply) => count(reply, () => reply.array(3))],
  ['set', (reply) => count(reply, () => reply.set(3))],
  ['map', mapReply],
  ['attrib', attributeReply],
  ['push', pushReply],
  ['verbatim', (reply) => reply.verbatim('This is a verbatim\nstring')],
  ['true', (reply) => reply.boolean(true)],
  ['false', (reply) => reply.boolean(false)],
  ['bignum', (reply) => reply.bigNumber(1234567999999999999999999999999999999n)],
]);

/** The kinds, as the row's syntax shows them. */
export const DEBUG_PROTOCOL_SYNTAX: string = [...PROTOCOL_REPLIES.keys()].join(' | ');

export function debugProtocolCommand(_context: ExecutionContext, command: Command, reply: Reply): void {
  const write = PROTOCOL_REPLIES.get(command.text(2).toLowerCase());
  if (write !== undefined) write(reply);
  else
    reply.error(
      `ERR Wrong protocol type name. Please use one of the following: ${DEBUG_PROTOCOL_SYNTAX.replaceAll(' | ', '|')}`,
    );
}

function count(reply: Reply, announce: () => void): void {
  announce();
  for (let index = 0; index < 3; index += 1) reply.integer(index);
}

function mapReply(reply: Reply): void {
  reply.map(3);
  for (let index = 0; index < 3; index += 1) {
    reply.integer(index);
    reply.boolean(index === 1);
  }
}

function attributeReply(reply: Reply): void {
  if (reply.attributes(1)) {
    reply.bulkText('key-popularity');
    reply.array(2);
    reply.bulkText('key:123');
    reply.integer(90);
  }
  reply.bulkText('Some real reply following the attribute');
}

function pushReply(reply: Reply): void {
  reply.push(2);
  reply.bulkText('server-cpu-usage');
  reply.integer(42);
}
