/** The commands of persistence beside a real redis-server: texts of replies and errors, and what COMMAND says of them. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RespClient } from '../../support/resp-client.ts';
import { REDIS_INSTALL_HINT, redisServerPath, type RedisServer, startRedisServer } from '../../support/redis-server.ts';
import { ShoalProcess } from '../../support/shoal-process.ts';

const TEST_MS_MAX = 60_000;
const installed = redisServerPath() !== null;
const title = installed ? 'beside redis-server' : `beside redis-server (skipped: ${REDIS_INSTALL_HINT})`;

const SAME: readonly (readonly string[])[] = [
  ['SAVE'],
  ['SAVE', 'x'],
  ['BGSAVE', 'x'],
  ['BGSAVE', 'SCHEDULE', 'x'],
  ['BGREWRITEAOF', 'x'],
  ['LASTSAVE', 'x'],
  ['SHUTDOWN', 'x'],
  ['SHUTDOWN', 'SAVE', 'NOSAVE'],
  ['SHUTDOWN', 'NOW', 'ABORT'],
  ['SHUTDOWN', 'ABORT'],
  ['MULTI'],
  ['SAVE'],
  ['SHUTDOWN'],
  ['DISCARD'],
  ['MULTI'],
  ['BGSAVE'],
  ['EXEC'],
];

describe.skipIf(!installed)(title, () => {
  let redis: RedisServer;
  let shoal: ShoalProcess;
  let folder: string;
  let clients: readonly [RespClient, RespClient];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'shoal-kept-'));
    redis = await startRedisServer();
    shoal = new ShoalProcess(['serve', '--port', '0', '--memory', '8mb', '--data-dir', folder]);
    clients = [await RespClient.connect(await shoal.ready()), await RespClient.connect(redis.port)];
  }, TEST_MS_MAX);
  afterAll(async () => {
    await shoal?.[Symbol.asyncDispose]();
    await redis?.stop();
    rmSync(folder, { recursive: true });
  });

  test('replies and errors are the same', async () => {
    const [ours, theirs] = clients;
    for (const words of SAME) {
      expect([words, await ours.call(...words)]).toEqual([words, await theirs.call(...words)]);
    }
  });

  test.each(['save', 'bgsave', 'lastsave', 'bgrewriteaof', 'shutdown'])('COMMAND INFO %s is the same', async (name) => {
    const told = async (client: RespClient): Promise<readonly string[]> => {
      const lines = (await client.call('COMMAND', 'INFO', name)).split('\r\n');
      // Name, arity, flags, keys and categories; what Redis has beside them are tips.
      const end = lines.findLastIndex((line) => line.startsWith('+@'));
      return [
        ...lines.slice(2, lines.findIndex((line) => line.startsWith('+@')) - 1),
        ...lines.slice(0, end + 1).toSorted(),
      ];
    };
    expect(await told(clients[0])).toEqual(await told(clients[1]));
  });

  test('LASTSAVE tells a time of this minute', async () => {
    for (const client of clients) {
      const seconds = Number((await client.call('LASTSAVE')).slice(1));
      expect(Math.abs(Date.now() / 1000 - seconds)).toBeLessThan(60);
    }
  });
});
