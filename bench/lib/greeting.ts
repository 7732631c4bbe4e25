/** The first words on a connection, as clients have them, in each protocol: they show that the server has taken it, and not only the kernel. */
import { AT_VALUE_LENGTH, HEADER_BYTES } from '../../src/protocol/shoal/frame.ts';
import { PROTOCOLS } from '../../src/load/wire.ts';
import type { WireProtocol } from './wire.ts';

export interface Greeting {
  readonly bytes: Uint8Array;
  /** Whether `reply` is all that the server answers. Throws where it is not what is answered to a greeting. */
  isAnswered(reply: Buffer): boolean;
}

const REPLY_BYTES_MAX = 4096;

const IS_ANSWERED: Readonly<Record<WireProtocol, Greeting['isAnswered']>> = {
  resp: (reply) => isLine(reply, '+PONG'),
  memcached: (reply) => isLine(reply, 'VERSION'),
  shoal: isFrame,
};

export function greetingOf(protocol: WireProtocol): Greeting {
  const { bytes } = PROTOCOLS[protocol].greeting({ user: 'default', password: '' });
  return { bytes, isAnswered: IS_ANSWERED[protocol] };
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
