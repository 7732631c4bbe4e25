/**
 * Clients that cache, beside a real redis-server: random scripts of three connections that read, write and turn tracking on in all its forms. After each command all of them send a
 * PING, and what each has received by its reply must be the same, byte for byte: what is told, to whom, and that it is told before anything else is answered.
 *
 * Left out is what differs for a reason: NOLOOP with keys that were read (Redis forgets them with the client's own write), SWAPDB (Redis tells nobody), RENAME (it tells of the two keys in the other order), messages to a client that
 * speaks another protocol than the one that redirects to it (Redis sends null in the wrong one).
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { RunningNode } from '../../src/server/running-node.ts';
import { frame } from '../support/fake-node.ts';
import { startNode } from '../support/node.ts';
import { REDIS_INSTALL_HINT, redisServerPath, type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { RespClient } from '../support/resp-client.ts';
import { Random } from '../vectors/random.ts';

const SCRIPT_COUNT = Number(process.env['SHOAL_DIFFERENTIAL_SCRIPTS'] ?? 25);
const SCRIPT_COMMANDS = 80;
const SEED = Number(process.env['SHOAL_DIFFERENTIAL_SEED'] ?? 5);
const TIMEOUT_MS = 20_000 + SCRIPT_COUNT * 500;
const CLIENTS = 3;

const installed = redisServerPath() !== null;
const title = installed ? 'beside redis-server' : `beside redis-server (skipped: ${REDIS_INSTALL_HINT})`;

type Words = readonly string[];

const key = (random: Random): string => random.pick(['k', 'l', 'user:1', 'user:2', 'user', '\x00\xff']);

/** For scripts of any chunks. */
const COMMANDS: readonly ((random: Random) => Words)[] = [
  (random) => ['GET', key(random)],
  (random) => ['GET', key(random)],
  (random) => ['MGET', key(random), key(random)],
  (random) => [random.pick(['STRLEN', 'EXISTS', 'TTL', 'TYPE', 'GETRANGE']), key(random)],
  (random) => ['SET', key(random), random.pick(['1', '2'])],
  (random) => ['SET', key(random), random.pick(['1', '2'])],
  (random) => ['MSET', key(random), '1', key(random), '2'],
  (random) => ['DEL', key(random), key(random)],
  (random) => ['INCR', key(random)],
  (random) => ['EXPIRE', key(random), random.pick(['100', '0'])],
  (random) => ['PERSIST', key(random)],
  (random) => ['GETDEL', key(random)],
  (random) => ['SELECT', random.pick(['0', '0', '0', '1'])],
  (random) => [random.pick(['FLUSHALL', 'FLUSHDB'])],
  () => ['HELLO', '3'],
  () => ['HELLO', '3'],
  () => ['RESET'],
  () => ['NOPE'],
  () => ['GET'],
  () => ['CLIENT', 'TRACKINGINFO'],
  () => ['CLIENT', 'GETREDIR'],
  (random) => ['CLIENT', 'CACHING', random.pick(['YES', 'NO', 'x'])],
  (random) => ['CLIENT', 'CACHING', random.pick(['YES', 'NO'])],
  () => ['CLIENT', 'TRACKING', 'ON'],
  () => ['CLIENT', 'TRACKING', 'ON'],
  () => ['CLIENT', 'TRACKING', 'OFF'],
  (random) => ['CLIENT', 'TRACKING', 'ON', random.pick(['OPTIN', 'OPTOUT'])],
  (random) => ['CLIENT', 'TRACKING', random.pick(['ON', 'OFF', 'x']), ...random.pick(ODD_OPTIONS)],
];

/** For scripts of single commands and transactions: Redis tells of prefixes when it has read from all connections, which may be later or earlier than the end of one's batch. */
const BROADCASTS: readonly ((random: Random) => Words)[] = [
  ...COMMANDS,
  (random) => ['CLIENT', 'TRACKING', 'ON', 'BCAST', ...random.pick([[], ['NOLOOP']])],
  (random) => ['CLIENT', 'TRACKING', 'ON', 'BCAST', ...random.pick([[], ['NOLOOP']])],
  (random) => ['CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', random.pick(['user', 'user:', 'k', 'l', ''])],
  (random) => ['CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', random.pick(['user', 'user:', 'k', 'l', ''])],
];

const ODD_OPTIONS: readonly Words[] = [
  ['PREFIX', 'k'],
  ['OPTIN', 'OPTOUT'],
  ['BCAST', 'OPTIN'],
  ['REDIRECT', '0'],
  ['REDIRECT', '99999999'],
  ['REDIRECT', 'x'],
  ['REDIRECT'],
  ['BCAST', 'PREFIX'],
  ['BCAST', 'PREFIX', 'a', 'PREFIX', 'ab'],
  ['BCAST', 'PREFIX', 'ab', 'PREFIX', 'c', 'PREFIX', 'a'],
  ['x'],
];

/** What one connection sends in one write: mostly one command, or several, or a transaction. */
function chunk(random: Random, broadcasts: boolean): readonly Words[] {
  const one = (): Words => random.pick(broadcasts ? BROADCASTS : COMMANDS)(random);
  const many = (): readonly Words[] => Array.from({ length: 1 + Math.floor(random.next01() * 4) }, one);
  const kind = random.next01();
  if (kind < 0.7) return [one()];
  // Behind or before the word that everything has changed Redis tells of single keys all the same.
  if (kind < 0.85 && !broadcasts) return many().filter(([name]) => !FLUSHES.has(name!));
  // Who reads a key, writes it and reads it again in one transaction is told once behind
  // its replies, and has read nothing since then; in Redis the second read counts.
  const left = random.next01() < 0.5 ? READS : WRITES;
  const queued = many().filter(([name]) => !left.has(name!) && !FLUSHES.has(name!) && name !== 'RESET');
  // It is also told when it has turned tracking off behind its write.
  const isQueued = (words: Words): boolean => left === WRITES || words[1] !== 'TRACKING';
  return [['MULTI'], ...queued.filter(isQueued), [random.pick(['EXEC', 'EXEC', 'DISCARD'])]];
}

/** The connections of one script to one server. */
async function openAll(port: number): Promise<RespClient[]> {
  return Promise.all(Array.from({ length: CLIENTS }, () => RespClient.connect(port)));
}

/** What all connections have received once the commands are answered and each has been answered a PING after that. */
async function step(clients: readonly RespClient[], at: number, commands: readonly Words[]): Promise<string[]> {
  const client = clients[at]!;
  client.write(commands.map((words) => frame(...words)).join(''));
  const received = clients.map(() => '');
  received[at] = await readUntilPong(client);
  for (const [index, other] of clients.entries()) received[index] += await readUntilPong(other);
  return received;
}

async function readUntilPong(client: RespClient): Promise<string> {
  client.send('PING', END);
  let text = '';
  for (;;) {
    const reply = await client.read();
    if (reply === `$${END.length}\r\n${END}\r\n`)
      return text.replaceAll(SERVER_AND_VERSION, '').replaceAll(CLIENT_ID, '');
    text += reply;
  }
}

const PUSHES = /(?:>2\r\n\$10\r\ninvalidate\r\n\*\d+\r\n(?:\$\d+\r\n[^\r]*\r\n)+)+/g;

/** Each key once where several messages about keys follow one another, in the order of their bytes: how keys are spread over messages is chance where another thread reads the log in between. */
function joined(received: readonly string[]): readonly string[] {
  return received.map((text) =>
    text.replaceAll(PUSHES, (pushes) => {
      const keys = pushes
        .split(/>2\r\n\$10\r\ninvalidate\r\n\*\d+\r\n/)
        .flatMap((message) => message.match(/\$\d+\r\n[^\r]*\r\n/g) ?? []);
      return `invalidate ${[...new Set(keys)].toSorted().join('')}`;
    }),
  );
}

const READS: ReadonlySet<string> = new Set(['GET', 'MGET', 'STRLEN', 'EXISTS', 'TTL', 'TYPE', 'GETRANGE']);
const WRITES: ReadonlySet<string> = new Set(['SET', 'MSET', 'DEL', 'INCR', 'EXPIRE', 'PERSIST', 'GETDEL']);
const FLUSHES: ReadonlySet<string> = new Set(['FLUSHALL', 'FLUSHDB']);

const END = 'the end of what came';
const SERVER_AND_VERSION = /\$6\r\nserver\r\n\$\d+\r\n\w+\r\n\$7\r\nversion\r\n\$\d+\r\n[\d.]+\r\n/g;
const CLIENT_ID = /\$2\r\nid\r\n:\d+\r\n/g;

describe.skipIf(!installed)(title, () => {
  let redis: RedisServer;
  let one: RunningNode;
  let several: RunningNode;

  beforeAll(async () => {
    [redis, one, several] = await Promise.all([startRedisServer(), startNode(), startNode({ threadCount: 3 })]);
  });
  afterAll(async () => {
    await one?.stop();
    await several?.stop();
    await redis?.stop();
  });

  test.each([
    ['random scripts bring every client the same', () => one, (received: readonly string[]) => received],
    ['so they do where each client is served by another thread', () => several, joined],
  ])(
    '%s',
    async (_, ours, shown) => {
      const random = new Random(SEED);
      // Redis tells a client that turns tracking off and on again of what it read before, and Shoal does where others of its thread track.
      const others = await openAll(ours().port);
      for (const other of others) expect(await other.call('CLIENT', 'TRACKING', 'ON')).toBe('+OK\r\n');
      for (let script = 0; script < SCRIPT_COUNT; script += 1) {
        const [mine, theirs] = await Promise.all([openAll(ours().port), openAll(redis.port)]);
        await mine[0]!.call('FLUSHALL');
        await theirs[0]!.call('FLUSHALL');
        const history: string[] = [];
        for (let count = 0; count < SCRIPT_COMMANDS; count += 1) {
          const at = Math.floor(random.next01() * CLIENTS);
          const commands = chunk(random, script % 2 === 1);
          history.push(`${at}: ${commands.map((words) => words.join(' ')).join(' | ')}`);
          const both = await Promise.all([step(mine, at, commands), step(theirs, at, commands)]);
          const [got, wanted] = both.map(shown) as [string[], string[]];
          if (got.join('\n') !== wanted.join('\n')) {
            expect([...history, ...got].join('\n')).toBe([...history, ...wanted].join('\n'));
          }
        }
        for (const client of [...mine, ...theirs]) client.close();
      }
      for (const other of others) other.close();
    },
    TIMEOUT_MS,
  );
});
