/** The first words on a connection, as clients have them, in each protocol: they show that the server has taken it, and not only the kernel. */
import { AT_VALUE_LENGTH, HEADER_BYTES } from '../../src/protocol/shoal/frame.ts';
import { shoalGreeting } from '../../src/load/shoal-requests.ts';
import type { WireProtocol } from './wire.ts';

export interface Greeting {
  readonly bytes: Uint8Array;
  /** Whether `reply` is all that the server answers. Throws where it is not what is answered to a greeting. */
  isAnswered(reply: Buffer): boolean;
}

const REPLY_BYTES_MAX = 4096;

const GREETINGS: Readonly<Record<WireProtocol, () => Greeting>> = {
  resp: () => ({ bytes: Buffer.from('*1\r\n$4\r\nPING\r\n'), isAnswered: (reply) => isLine(reply, '+PONG') }),
  memcached: () => ({ bytes: Buffer.from('version\r\n'), isAnswered: (reply) => isLine(reply, 'VERSION') }),
  shoal: () => ({ bytes: shoalGreeting({ user: 'default', password: '' }).bytes, isAnswered: isFrame }),
};

export function greetingOf(protocol: WireProtocol): Greeting {
  return GREETINGS[protocol]();
}

function isLine(reply: Buffer, beginning: string): boolean {
  const text = reply.toString('latin1');
  if (!text.startsWith(beginning.slice(0, text.length)) || text.length > REPLY_BYTES_MAX) throw unexpected(reply);
  return text.endsWith('\r\n');
}

function isFrame(reply: Buffer): boolean {
  if (reply.length < HEADER_BYTES) return false;
  const length = HEADER_BYTES + reply.readUInt32LE(AT_VALUE_LENGTH);
  if (length > REPLY_BYTES_MAX) throw unexpected(reply);
  return reply.length >= length;
}

function unexpected(reply: Buffer): Error {
  return new Error(`greeted, the server answered ${JSON.stringify(reply.toString('latin1', 0, 80))}`);
}
