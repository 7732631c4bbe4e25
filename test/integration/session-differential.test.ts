/**
 * The states of a connection beside a real redis-server: random scripts of MULTI, WATCH, SUBSCRIBE, HELLO, CLIENT REPLY, RESET,
 * SELECT, errors and inline commands must give the same bytes. Each script goes out in one write and ends with QUIT, so what
 * comes back until the connection closes is its whole answer.
 *
 * Left out is what differs for a reason: PUBLISH to oneself in RESP3 (Redis 7.0 pushes before the reply, 7.2 after it),
 * and the order in which several channels are listed.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultOptions } from '../../src/config/options.ts';
import type { RunningNode } from '../../src/server/running-node.ts';
import { frame } from '../support/fake-node.ts';
import { startNode } from '../support/node.ts';
import { REDIS_INSTALL_HINT, redisServerPath, type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { Random } from '../vectors/random.ts';

const SCRIPT_COUNT = Number(process.env['SHOAL_DIFFERENTIAL_SCRIPTS'] ?? 300);
const SCRIPT_COMMANDS = 60;
const SEED = Number(process.env['SHOAL_DIFFERENTIAL_SEED'] ?? 3);
const TIMEOUT_MS = 20_000 + SCRIPT_COUNT * 50;

const installed = redisServerPath() !== null;
const title = installed ? 'beside redis-server' : `beside redis-server (skipped: ${REDIS_INSTALL_HINT})`;

const COMMANDS: readonly ((random: Random) => string)[] = [
  () => frame('MULTI'),
  () => frame('MULTI'),
  () => frame('EXEC'),
  () => frame('EXEC'),
  () => frame('DISCARD'),
  (random) => frame('WATCH', key(random), key(random)),
  () => frame('UNWATCH'),
  (random) => frame('SELECT', random.pick(['0', '1', '15', '16', '-1', 'x', ''])),
  (random) => frame('SET', key(random), random.pick(['1', '2', 'v', '\r\n\x00'])),
  (random) => frame('GET', key(random)),
  (random) => frame('INCR', key(random)),
  (random) => frame('DEL', key(random), key(random)),
  (random) => frame('MOVE', key(random), random.pick(['0', '1', '16'])),
  (random) => frame('COPY', key(random), key(random), 'DB', random.pick(['0', '1'])),
  (random) => frame(random.pick(['FLUSHALL', 'FLUSHDB', 'DBSIZE'])),
  (random) => frame(random.pick(['SUBSCRIBE', 'UNSUBSCRIBE']), '\xfec\x00'),
  (random) => frame(random.pick(['PSUBSCRIBE', 'PUNSUBSCRIBE']), '\xfe*'),
  (random) => frame(random.pick(['UNSUBSCRIBE', 'PUNSUBSCRIBE', 'SUBSCRIBE', 'PSUBSCRIBE'])),
  (random) => frame('PUBSUB', random.pick(['NUMPAT', 'CHANNELS', 'NUMSUB', 'x'])),
  (random) => frame('HELLO', random.pick(['2', '3', '3', '4', 'x'])),
  (random) => frame('HELLO', '3', random.pick(['SETNAME', 'x']), random.pick(['me', 'a b', ''])),
  (random) => frame('HELLO', '2', 'AUTH', random.pick(['default', 'x']), 'p'),
  (random) => frame('AUTH', ...random.pick([['p'], ['default', 'p'], ['x', 'p'], ['a', 'b', 'c']])),
  (random) => frame('CLIENT', 'REPLY', random.pick(['ON', 'OFF', 'SKIP', 'SKIP', 'x'])),
  (random) => frame('CLIENT', 'SETNAME', random.pick(['me', '', 'a b'])),
  () => frame('CLIENT', 'GETNAME'),
  () => frame('RESET'),
  (random) => frame('PING', ...random.pick([[], ['hi'], ['a', 'b']])),
  (random) => frame(...random.pick([['nope', 'a'], ['GET'], ['client', 'nope'], ['CLIENT'], ['set', 'k'], ['']])),
  (random) =>
    random.pick(['PING\r\n', '\r\n', 'get k\n', 'echo "\\xff\\n\'"\r\n', "echo 'a\\'b'\r\n", 'g\x01\xfft\r\n']),
  (random) => random.pick(['*0\r\n', '*-1\r\n', '*-5\r\n']),
];

/** Back to a connection that answers, and its end. */
const CLOSING = frame('RESET') + frame('PING') + frame('QUIT') + frame('PING');

describe.skipIf(!installed)(title, () => {
  let redis: RedisServer;
  let node: RunningNode;
  let kept: RunningNode;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'shoal-sessions-'));
    const persistence = { ...defaultOptions().persistence, dataDir: folder, fsync: 'always' as const };
    [redis, node, kept] = await Promise.all([startRedisServer(), startNode(), startNode({ persistence })]);
  });
  afterAll(async () => {
    await node?.stop();
    await kept?.stop();
    await redis?.stop();
    rmSync(folder, { recursive: true });
  });

  test.each([
    ['random scripts on one connection get the same replies', () => node],
    ['so they do where writes wait for the disk', () => kept],
  ])(
    '%s',
    async (_, ours) => {
      const { port } = ours();
      const random = new Random(SEED);
      for (let script = 0; script < SCRIPT_COUNT; script += 1) {
        const commands = Array.from({ length: SCRIPT_COMMANDS }, () => random.pick(COMMANDS)(random));
        const input = frame('FLUSHALL') + commands.join('') + CLOSING;
        const [replies, theirs] = await Promise.all([exchange(port, input), exchange(redis.port, input)]);
        if (replies !== theirs) expect(`${input}\n${replies}`).toBe(`${input}\n${theirs}`);
        expect(replies.endsWith('+PONG\r\n+OK\r\n')).toBe(true);
      }
    },
    TIMEOUT_MS,
  );
});

function key(random: Random): string {
  return random.pick(['k', 'l', '\x00\xff']);
}

/** Sends `input` in one write and gives what comes until the server closes, without what HELLO says of the server itself. */
function exchange(port: number, input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect({ host: '127.0.0.1', port });
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => (received += text));
    // A server that closes with input unread resets the connection: what it had answered is here by then.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.on('close', () => resolve(received.replaceAll(SERVER_AND_VERSION, '').replaceAll(CLIENT_ID, '')));
    socket.write(input, 'latin1');
  });
}

const SERVER_AND_VERSION = /\$6\r\nserver\r\n\$\d+\r\n\w+\r\n\$7\r\nversion\r\n\$\d+\r\n[\d.]+\r\n/g;
const CLIENT_ID = /\$2\r\nid\r\n:\d+\r\n/g;
