/**
 * A node under writes of several times its memory: what it states to hold stays within the limit, nothing is refused, what was
 * written last can be read, what was written first had to go. The long form, with resident memory, is bench/limit.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { LoadRunner } from '../../bench/lib/load-run.ts';
import { MixedWrites } from '../../bench/lib/mixed-writes.ts';
import { infoNumber, itemCount, QueryClient } from '../../bench/lib/query-client.ts';
import { startServer, type RunningServer } from '../../bench/lib/servers.ts';

const MEMORY_BYTES = 16 * 2 ** 20;
const WRITE_BYTES = 100_000_000;
const BATCHES_PER_STEP = 50;
const SAMPLE_KEYS = 20;
const SIZES = {
  seed: 11,
  smallBytesMin: 64,
  smallBytesMax: 64 * 2 ** 10,
  largeEvery: 200,
  largeBytesMin: 128 * 2 ** 10,
  largeBytesMax: 2 ** 20,
};

describe('a node at its memory limit', () => {
  let server: RunningServer;
  let client: QueryClient;
  const writes = new MixedWrites(SIZES);
  let usedBytesMax = 0;

  beforeAll(async () => {
    server = await startServer('shoal', { memoryBytes: MEMORY_BYTES, atLimit: 'evict', core: undefined });
    client = await QueryClient.open(server.port);
    const runner = await LoadRunner.open(server, 2);
    while (writes.bytes < WRITE_BYTES) {
      // Every reply is checked: a write that is refused ends the run with an error.
      await runner.run(BATCHES_PER_STEP, () => writes.nextBatch(), 'all');
      usedBytesMax = Math.max(usedBytesMax, await infoNumber(client, 'used_memory'));
    }
    runner.close();
  }, 30_000);

  afterAll(async () => {
    client?.close();
    await server?.stop();
  });

  test('the memory that INFO states never exceeds the limit, and comes near it', () => {
    expect(usedBytesMax).toBeLessThanOrEqual(MEMORY_BYTES);
    expect(usedBytesMax).toBeGreaterThan(MEMORY_BYTES * 0.8);
  });

  test('the keys written last are there, byte for byte', async () => {
    for (let number = writes.count - SAMPLE_KEYS; number < writes.count; number += 1) {
      const value = await client.command('GET', writes.key(number));
      expect(value).toEqual(writes.value(number));
    }
  });

  test('the keys written first are gone', async () => {
    for (let number = 0; number < SAMPLE_KEYS; number += 1) {
      expect(await client.command('GET', writes.key(number))).toBeNull();
    }
  });

  test('every key written was either kept or counted as evicted', async () => {
    const kept = await itemCount(client, 'resp');
    expect(kept).toBeGreaterThan(0);
    expect(kept + (await infoNumber(client, 'evicted_keys'))).toBe(writes.count);
  });
});
