/**
 * Seeded input for a RESP peer: whole commands, the same with bytes changed, added, lost or doubled, cut frames,
 * stated counts and lengths that are lies, inline lines, and noise. The commands are harmless ones, so that a node
 * under them goes on.
 */
import { mutated, truncated } from './mutations.ts';
import { encodeRequest } from './resp-feed.ts';
import type { Random } from './random.ts';

/** The next input. Mostly short; never more than some 70 KiB. */
export function fuzzInput(random: Random): Buffer {
  const kind = random.below(100);
  if (kind < 35) return validCommand(random);
  if (kind < 65) return mutated(random, validCommand(random), TOKENS);
  if (kind < 72) return truncated(random, validCommand(random));
  if (kind < 82) return inlineLine(random);
  if (kind < 92) return statedLie(random);
  if (kind < 99) return random.bytes(1 + random.below(64));
  return oversized(random);
}

/** A command as clients send it, with keys and values of any bytes. */
export function validCommand(random: Random): Buffer {
  const command = random.pick(COMMANDS);
  return encodeRequest(command.split(' ').map((word) => argument(random, word)));
}

function argument(random: Random, word: string): string | Buffer {
  switch (word) {
    case 'key':
      return `k${random.below(500)}`;
    case 'value':
      return random.bytes(random.below(random.below(20) === 0 ? 4000 : 40));
    case 'number':
      return random.pick(NUMBERS);
    default:
      return random.below(2) === 0 ? word : word.toLowerCase();
  }
}

function inlineLine(random: Random): Buffer {
  const words = Array.from({ length: 1 + random.below(5) }, () => random.pick(INLINE_WORDS));
  return Buffer.from(
    `${words.join(random.pick([' ', '  ', '\t', '']))}${random.pick(['\r\n', '\n', '\r\r\n'])}`,
    'latin1',
  );
}

/** Counts and lengths that are out of range, or in range and never kept. */
function statedLie(random: Random): Buffer {
  const lie = random.pick(LIES);
  return Buffer.from(
    random.below(2) === 0 ? `*${lie}\r\n$3\r\nGET\r\n$1\r\nk\r\n` : `*2\r\n$3\r\nGET\r\n$${lie}\r\nkey\r\n`,
  );
}

/** Lines around the longest that is taken. */
function oversized(random: Random): Buffer {
  const length = 64 * 1024 - 10 + random.below(20);
  return Buffer.from(
    `${random.pick(['*', '*1\r\n$', '', '\0', '"'])}${'1'.repeat(length)}${random.pick(['', '\n', '\r\n'])}`,
  );
}

const COMMANDS: readonly string[] = [
  'PING',
  'PING value',
  'ECHO value',
  'GET key',
  'SET key value',
  'SET key value EX 100',
  'SET key value PX number',
  'SET key value NX GET',
  'MGET key key key',
  'MSET key value key value',
  'DEL key key',
  'EXISTS key',
  'INCR key',
  'INCRBY key number',
  'INCRBYFLOAT key number',
  'APPEND key value',
  'GETRANGE key number number',
  'SETRANGE key 3 value',
  'STRLEN key',
  'EXPIRE key number',
  'TTL key',
  'PERSIST key',
  'TYPE key',
  'RENAME key key',
  'COPY key key',
  'SCAN 0 COUNT 10',
  'RANDOMKEY',
  'DBSIZE',
  'OBJECT ENCODING key',
  'HELLO 3',
  'HELLO 2',
  'HELLO value',
  'SELECT number',
  'MULTI',
  'EXEC',
  'DISCARD',
  'WATCH key',
  'SUBSCRIBE key',
  'PUBLISH key value',
  'UNSUBSCRIBE',
  'CLIENT ID',
  'CLIENT SETNAME value',
  'COMMAND COUNT',
  'TIME',
  'value value',
  'value',
];

const NUMBERS: readonly string[] = [
  '0',
  '1',
  '-1',
  '3',
  '100',
  '-100',
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775808',
  '1.5',
  '1e308',
  'nan',
  'x',
  '',
];

const TOKENS: readonly Buffer[] = [
  '\r\n',
  '\r',
  '\n',
  '\0',
  '*',
  '$',
  '-',
  '+',
  ':',
  '"',
  "'",
  '\\',
  '0',
  '9',
  ' ',
  '*1\r\n',
  '$0\r\n\r\n',
  '\xff',
  '_\r\n',
].map((token) => Buffer.from(token, 'latin1'));

const INLINE_WORDS: readonly string[] = [
  'GET',
  'SET',
  'PING',
  'k1',
  'v',
  '"a b"',
  "'c d'",
  '"\\x41\\n"',
  '"',
  "'",
  '\\',
  '\0',
  '\xe9',
  '*1',
  '$3',
  '""',
  'EXISTS',
];

const LIES: readonly string[] = [
  '1000000000',
  '1048576',
  '1048577',
  '2147483647',
  '2147483648',
  '4294967296',
  '9007199254740993',
  '9223372036854775807',
  '9223372036854775808',
  '-1',
  '-2',
  '-2147483649',
  '-9223372036854775808',
  '536870912',
  '536870913',
  '67108864',
  '67108865',
  '99999999999999999999',
  '0',
  '00',
  '-0',
  '+1',
  '',
  '1e9',
  '0x10',
];
