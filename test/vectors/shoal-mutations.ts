/**
 * Seeded input for a Shoal peer: whole requests of every opcode, the same with bytes changed, added, lost or doubled, cut frames,
 * headers that lie about opcode, flags, version and lengths, and noise. The commands of calls are harmless, so that a node under
 * them goes on.
 */
import { unreachable } from '../../src/base/assert.ts';
import {
  AT_FIELDS_BYTES,
  AT_FLAGS,
  AT_KEY_LENGTH,
  AT_OPCODE,
  AT_VALUE_LENGTH,
  AT_VERSION,
  Opcode,
} from '../../src/protocol/shoal/frame.ts';
import {
  type AckFields,
  callWords,
  encodeFrame,
  encodeHello,
  type FlagName,
  int64,
  type OpcodeName,
  type RequestFields,
} from '../support/shoal-frames.ts';
import { mutated, truncated } from './mutations.ts';
import type { Random } from './random.ts';

/** The next input. Mostly short; never more than some 10 KiB. */
export function shoalInput(random: Random): Buffer {
  const kind = random.below(100);
  if (kind < 45) return validRequest(random);
  if (kind < 65) return mutated(random, validRequest(random), TOKENS);
  if (kind < 72) return truncated(random, validRequest(random));
  if (kind < 94) return headerLie(random);
  return random.bytes(1 + random.below(64));
}

/** A request that a client may send, under a key and with a value of any bytes. */
export function validRequest(random: Random): Buffer {
  const opcode = random.pick(OPCODES);
  const requestId = random.next();
  if (opcode === 'hello') return encodeHello({ name: `n${random.below(9)}`, database: random.below(18) }, requestId);
  const request = { opcode, requestId, epoch: random.below(3), ...optionsOf(random, opcode) };
  return encodeFrame({ ...request, ...(random.below(5) === 0 ? { ack: random.pick(ACKS) } : {}) });
}

function optionsOf(random: Random, opcode: OpcodeName): Omit<RequestFields, 'opcode'> {
  switch (opcode) {
    case 'hello':
      return {};
    case 'ping':
    case 'forward':
    case 'awaitReplicas':
    case 'moveItems':
    case 'replicate':
    case 'control':
      return { value: value(random) };
    case 'topology':
      return { value: random.bytes(random.pick([0, 7, 8, 8, 8, 9])) };
    case 'increment':
      return { key: key(random), value: int64(random.pick(AMOUNTS)), ...timeToLive(random) };
    case 'touch':
      return { key: key(random), ...timeToLive(random) };
    case 'set':
      return {
        key: key(random),
        value: value(random),
        ...timeToLive(random),
        ...(random.below(8) === 0 ? { version: BigInt(random.next()) } : {}),
        flags: someFlags(random, ['ifAbsent', 'ifPresent', 'wantVersion', 'keepTtl']),
      };
    case 'get':
      return { key: key(random), flags: someFlags(random, ['wantVersion', 'wantTtl']) };
    case 'call':
      return { value: callWords(random.pick(CALLS).map((word) => (word === 'key' ? key(random) : word))) };
    case 'getCopy':
      return {
        key: key(random),
        value: random.bytes(random.pick([0, 4, 4, 4, 5])),
        flags: someFlags(random, ['wantVersion', 'wantTtl']),
      };
    case 'delete':
    case 'exists':
      return { key: key(random) };
    default:
      return unreachable(opcode);
  }
}

/** A header that says something else than what follows, or that nothing follows at all. */
function headerLie(random: Random): Buffer {
  const frame = Buffer.from(validRequest(random));
  switch (random.below(6)) {
    case 0:
      frame[AT_OPCODE] = random.below(256);
      break;
    case 1:
      frame[AT_FLAGS] = random.below(256);
      break;
    case 2:
      frame[AT_VERSION] = random.below(4);
      break;
    case 3:
      frame.writeUInt16LE(random.pick([0, 1, 8, 16, 64, 255, 65_535]), AT_KEY_LENGTH);
      break;
    case 4:
      frame.writeUInt16LE(random.pick([0, 1, 7, 8, 16, 24, 65_535]), AT_FIELDS_BYTES);
      break;
    default:
      frame.writeUInt32LE(random.pick(VALUE_LENGTHS), AT_VALUE_LENGTH);
  }
  return frame;
}

function key(random: Random): string {
  return random.below(30) === 0 ? '' : `k${random.below(500)}`;
}

function value(random: Random): Buffer {
  return random.bytes(random.below(random.below(20) === 0 ? 4000 : 40));
}

function timeToLive(random: Random): { readonly ttlMs?: bigint } {
  return random.below(3) === 0 ? { ttlMs: random.pick(TIMES_TO_LIVE) } : {};
}

function someFlags(random: Random, names: readonly FlagName[]): readonly FlagName[] {
  return names.filter(() => random.below(4) === 0);
}

const OPCODES = Object.keys(Opcode) as OpcodeName[];

const AMOUNTS: readonly bigint[] = [0n, 1n, -1n, 1000n, 2n ** 53n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)];

const TIMES_TO_LIVE: readonly bigint[] = [0n, 1n, 50n, 60_000n, 2n ** 32n, 2n ** 52n, 2n ** 52n + 1n, 2n ** 64n - 1n];

const ACKS: readonly AckFields[] = [
  { replicas: 1, waitMs: 1 },
  { replicas: 4, waitMs: 60_000 },
  { replicas: 0, waitMs: 1 },
  { replicas: 5, waitMs: 60_001 },
  { replicas: 2 ** 31 + 1, waitMs: 2 ** 32 - 1 },
];

/** Around what the node takes, and what it never would. */
const VALUE_LENGTHS: readonly number[] = [
  0,
  1,
  7,
  8,
  9,
  16_384,
  16_385,
  2 ** 26 - 1,
  2 ** 26,
  2 ** 26 + 1,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
];

const CALLS: readonly (readonly string[])[] = [
  ['PING'],
  ['GET', 'key'],
  ['SET', 'key', 'value'],
  ['MGET', 'key', 'key'],
  ['DEL', 'key'],
  ['APPEND', 'key', 'x'],
  ['INCR', 'key'],
  ['SCAN', '0', 'COUNT', '5'],
  ['DBSIZE'],
  ['OBJECT', 'ENCODING', 'key'],
  ['CLIENT', 'ID'],
  ['CLIENT', 'REPLY', 'OFF'],
  ['MULTI'],
  ['SUBSCRIBE', 'key'],
  ['SELECT', '1'],
  ['HELLO', '2'],
  ['nothing', 'key'],
  ['POST', '/'],
];

const TOKENS: readonly Buffer[] = [
  'a5',
  'a6',
  'a501',
  'a5010300',
  '00',
  'ff',
  '00000000',
  'ffffffff',
  '01000000',
  '0800',
  '2a310d0a',
].map((token) => Buffer.from(token, 'hex'));
