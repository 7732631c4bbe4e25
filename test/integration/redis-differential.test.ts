/**
 * The node beside a real redis-server: the same random commands on strings and keys must get the same replies, to the byte.
 * What may differ stands in reply-comparison.ts.
 *
 * The seed is fixed. SHOAL_DIFFERENTIAL_COMMANDS asks for more commands, SHOAL_DIFFERENTIAL_SEED for others.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { RunningNode } from '../../src/server/running-node.ts';
import { CommandGenerator } from '../support/command-generator.ts';
import type { CommandWords } from '../support/command-words.ts';
import { startNode } from '../support/node.ts';
import { RawClient } from '../support/raw-client.ts';
import { REDIS_INSTALL_HINT, redisServerPath, type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { isSameReply } from '../support/reply-comparison.ts';
import { Random } from '../vectors/random.ts';

const COMMAND_COUNT = Number(process.env['SHOAL_DIFFERENTIAL_COMMANDS'] ?? 20_000);
const SEED = Number(process.env['SHOAL_DIFFERENTIAL_SEED'] ?? 7);
/** Commands sent in one write. */
const BATCH_COMMANDS = 200;
/** How many earlier commands a failure shows. */
const SHOWN_COMMANDS = 25;
/** Time for one test, with room for a slow machine and for runs of millions. */
const TIMEOUT_MS = 20_000 + COMMAND_COUNT;

/** A limit and a frequency policy make Redis answer OBJECT as a cache does: no shared integers, no idle time. */
const REDIS_OPTIONS = ['--maxmemory', '1gb', '--maxmemory-policy', 'allkeys-lfu'];

const installed = redisServerPath() !== null;
const title = installed ? 'beside redis-server' : `beside redis-server (skipped: ${REDIS_INSTALL_HINT})`;

describe.skipIf(!installed)(title, () => {
  let redis: RedisServer;
  let node: RunningNode;

  beforeAll(async () => {
    redis = await startRedisServer(REDIS_OPTIONS);
    node = await startNode({ memoryBytes: 128 * 1024 * 1024, debugCommand: 'no', janitor: 'thread' });
  });
  afterAll(async () => {
    await node?.stop();
    await redis?.stop();
  });

  test.each([2, 3])(
    'random commands get the same replies in RESP%i',
    async (protocol) => {
      const [ours, theirs] = await Promise.all([
        RawClient.connect(node.port, node.host),
        RawClient.connect(redis.port),
      ]);
      try {
        // HELLO's own reply names the server.
        const opening = [
          ['HELLO', String(protocol)],
          ['SELECT', '0'],
        ];
        await Promise.all([ours.exchange(opening), theirs.exchange(opening)]);
        const generator = new CommandGenerator(new Random(SEED + protocol));
        const refused = await compare(ours, theirs, generator, COMMAND_COUNT / 2);
        // Neither all is refused, nor is nothing: the sequence tests both.
        expect(refused).toBeGreaterThan(COMMAND_COUNT / 20);
        expect(refused).toBeLessThan(COMMAND_COUNT / 4);
      } finally {
        ours.close();
        theirs.close();
      }
    },
    TIMEOUT_MS,
  );
});

/** Sends `count` commands to both; returns how many of them were answered by an error. */
async function compare(
  ours: RawClient,
  theirs: RawClient,
  generator: CommandGenerator,
  count: number,
): Promise<number> {
  let refused = 0;
  const history: CommandWords[] = [['FLUSHALL']];
  let batch: CommandWords[] = [['FLUSHALL']];
  for (let sent = 0; sent < count; sent += batch.length, batch = []) {
    while (batch.length < BATCH_COMMANDS) batch.push(...generator.next());
    const [ourReplies, theirReplies] = await Promise.all([ours.exchange(batch), theirs.exchange(batch)]);
    for (const [index, command] of batch.entries()) {
      history.push(command);
      if (theirReplies[index]!.startsWith('-')) refused += 1;
      if (isSameReply(command, ourReplies[index]!, theirReplies[index]!)) continue;
      const before = history.slice(-SHOWN_COMMANDS).map((words) => JSON.stringify(words));
      expect(`after\n${before.join('\n')}\n${ourReplies[index]}`).toBe(
        `after\n${before.join('\n')}\n${theirReplies[index]}`,
      );
    }
    history.splice(0, Math.max(0, history.length - SHOWN_COMMANDS));
  }
  return refused;
}
