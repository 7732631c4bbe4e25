/**
 * Clients that cache what they read, on every thread, beside writers on every thread: what a client holds is never older than a write that was acknowledged before the client asked the
 * node anything, however that write got there; and at rest it is what the node has.
 */
import { afterEach, expect, test } from 'bun:test';
import { RUNTIME_TIME } from '../src/io/real-time.ts';
import { CachingReader } from './support/caching-reader.ts';
import { type NodeOverrides, startNode } from './support/node.ts';
import type { RunningNode } from '../src/server/running-node.ts';
import { RespClient } from './support/resp-client.ts';
import { Random } from './vectors/random.ts';

const RUN_MS = Number(process.env['SHOAL_STRESS_MS'] ?? 1500);
const SEED = Number(process.env['SHOAL_STRESS_SEED'] ?? 1);
const READERS = 6;
const WRITERS = 6;
/** Each writer has keys of its own, whose values it counts up. */
const KEYS_PER_WRITER = 20;
const PIPELINE = 8;

let opened = new DisposableStack();
afterEach(() => {
  opened.dispose();
  opened = new DisposableStack();
});

async function connect(port: number): Promise<RespClient> {
  return opened.use(await RespClient.connect(port));
}

async function openReader(port: number, options: readonly string[]): Promise<CachingReader> {
  return opened.use(await CachingReader.open(port, options));
}

function numberOf(reply: string): number {
  return reply.startsWith('_') ? 0 : Number(reply.split('\r\n')[1]);
}

function keysOf(writer: number): readonly string[] {
  return Array.from({ length: KEYS_PER_WRITER }, (_, index) => `writer ${writer}, key ${index}`);
}

/** Counts its keys up for as long as `goesOn` says so; `acknowledged` has what the node has confirmed. */
async function write(
  client: RespClient,
  writer: number,
  acknowledged: Map<string, number>,
  goesOn: () => boolean,
): Promise<void> {
  const random = new Random(SEED * 100 + writer);
  const keys = keysOf(writer);
  const sent = new Map<string, number>();
  while (goesOn()) {
    const batch = Array.from({ length: 1 + Math.floor(random.next01() * PIPELINE) }, () => random.pick(keys));
    const inTransaction = random.next01() < 0.1;
    if (inTransaction) client.send('MULTI');
    for (const key of batch) {
      const value = (sent.get(key) ?? 0) + 1;
      sent.set(key, value);
      client.send('SET', key, String(value));
    }
    if (inTransaction) client.send('EXEC');
    await client.readAll(batch.length + (inTransaction ? 2 : 0));
    for (const key of batch) acknowledged.set(key, sent.get(key)!);
  }
}

async function read(reader: CachingReader, number: number, acknowledged: Map<string, number>, goesOn: () => boolean) {
  const random = new Random(SEED * 1000 + number);
  const keys = Array.from({ length: WRITERS }, (_, writer) => keysOf(writer)).flat();
  while (goesOn()) {
    for (let count = 0; count < 10; count += 1) await reader.get(random.pick(keys));
    const known = new Map(acknowledged);
    await reader.call('PING');
    for (const [key, reply] of reader.cache) {
      const value = numberOf(reply);
      if (value < (known.get(key) ?? 0))
        throw new Error(`${key} is held as ${value}, and was ${known.get(key)} before`);
    }
  }
}

async function stress(node: RunningNode, options: readonly string[]): Promise<readonly CachingReader[]> {
  const acknowledged = new Map<string, number>();
  const readers = await Promise.all(
    Array.from({ length: READERS }, (_, number) => openReader(node.port, number % 2 === 0 ? [] : options)),
  );
  const writers = await Promise.all(Array.from({ length: WRITERS }, () => connect(node.port)));
  const endMs = RUNTIME_TIME.monotonicMs() + RUN_MS;
  const goesOn = (): boolean => RUNTIME_TIME.monotonicMs() < endMs;
  await Promise.all([
    ...writers.map((client, writer) => write(client, writer, acknowledged, goesOn)),
    ...readers.map((reader, number) => read(reader, number, acknowledged, goesOn)),
  ]);
  const checker = await connect(node.port);
  for (const reader of readers) {
    await reader.call('PING');
    for (const [key, reply] of reader.cache)
      expect([key, numberOf(reply)]).toEqual([key, numberOf(await checker.call('GET', key))]);
  }
  return readers;
}

const CASES: readonly [string, NodeOverrides, readonly string[]][] = [
  ['one thread', { threadCount: 1 }, []],
  ['three threads', { threadCount: 3 }, []],
  ['three threads, and half of the clients hear of prefixes', { threadCount: 3 }, ['BCAST', 'PREFIX', 'writer']],
  ['three threads, and a table that is too small', { threadCount: 3, limits: { trackedKeyCountMax: 40 } }, []],
];

test.each(CASES)(
  'what is held is right: %s',
  async (_, overrides, options) => {
    await using node = await startNode(overrides);
    const readers = await stress(node, options);
    // Else nothing was tested.
    expect(readers.reduce((sum, { toldCount }) => sum + toldCount, 0)).toBeGreaterThan(READERS);
    expect(readers.reduce((sum, { hitCount }) => sum + hitCount, 0)).toBeGreaterThan(0);
  },
  RUN_MS + 20_000,
);
