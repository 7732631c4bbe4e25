/**
 * Many connections on a node with several data threads whose memory is full: random commands, pipelined, on keys that all share. Whatever
 * the transport: no reply is torn, another key's or older than one that was answered before; no increment is lost; transactions are
 * one step; and the store's accounts add up in the end.
 */
import { describe, expect, test } from 'bun:test';
import { seededRandom } from '../src/base/random.ts';
import { auditStore } from '../src/store/audit.ts';
import { Store } from '../src/store/store.ts';
import { type NodeOverrides, startNode } from './support/node.ts';
import { RespClient } from './support/resp-client.ts';
import { checkStressValue, stressValue } from './support/store-stress-worker.ts';
import { THREAD_TRANSPORTS } from './support/thread-transports.ts';

const KIB = 1024;
const CONNECTIONS = 24;
const KEYS_EACH = 60;
const VALUE_BYTES_MAX = 20_000;
const BATCH = 40;
/** More by `SHOAL_STRESS_ROUNDS`, for a long run. */
const ROUNDS = Number(process.env['SHOAL_STRESS_ROUNDS'] ?? 12);
const SEED = Number(process.env['SHOAL_STRESS_SEED'] ?? 1);
const COUNTERS = 4;

/** What a reply must be, given what was known when the command was sent. */
type Check = (reply: string) => void;

class Chaos {
  private readonly evicts: boolean;
  /** By key: the least version that may still be read. */
  readonly floors = new Map<string, number>();
  increments = 0;
  transactions = 0;
  found = 0;

  constructor(evicts: boolean) {
    this.evicts = evicts;
  }

  async run(client: RespClient, own: number): Promise<void> {
    const random = seededRandom(SEED * 1000 + own);
    const below = (limit: number): number => Math.floor(random() * limit);
    const versions = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const checks: Check[] = [];
      const touched = new Set<string>();
      for (let position = 0; position < BATCH; position += 1) {
        const choice = below(100);
        if (choice < 40) checks.push(this.read(client, keyName(below(CONNECTIONS), below(KEYS_EACH))));
        else if (choice < 88) {
          const key = keyName(own, below(KEYS_EACH));
          // Of two writes to one key in one batch the first is never the answered one: one each is enough.
          if (touched.has(key)) continue;
          touched.add(key);
          const version = (versions.get(key) ?? 0) + 1;
          versions.set(key, version);
          checks.push(this.write(client, key, version, below(choice < 50 ? VALUE_BYTES_MAX : 500), below(4)));
        } else if (choice < 96) checks.push(this.increment(client, below(COUNTERS)));
        else checks.push(...this.transact(client));
      }
      const replies = await client.readAll(checks.length);
      for (const [position, check] of checks.entries()) check(replies[position]!);
    }
  }

  private read(client: RespClient, key: string): Check {
    const floor = this.floors.get(key) ?? 0;
    client.send('GET', key);
    return (reply) => {
      if (reply === '$-1\r\n') return;
      this.found += 1;
      const version = checkStressValue(key, reply.slice(reply.indexOf('\n') + 1, -2));
      if (version < floor) throw new Error(`${key}: version ${version} after ${floor} was answered`);
    };
  }

  private write(client: RespClient, key: string, version: number, length: number, how: number): Check {
    if (how === 0) client.send('DEL', key);
    else if (how === 1) client.send('SET', key, stressValue(key, version, length), 'PX', '3600000');
    else client.send('SET', key, stressValue(key, version, length));
    return (reply) => {
      expect(how === 0 ? [':0\r\n', ':1\r\n'] : ['+OK\r\n']).toContain(reply);
      this.floors.set(key, version);
    };
  }

  private increment(client: RespClient, counter: number): Check {
    client.send('INCR', `counter:${counter}`);
    return (reply) => {
      expect(reply).toStartWith(':');
      this.increments += 1;
    };
  }

  private transact(client: RespClient): Check[] {
    client.send('MULTI');
    client.send('INCR', 'left');
    client.send('INCR', 'right');
    client.send('EXEC');
    return [
      (reply) => expect(reply).toBe('+OK\r\n'),
      (reply) => expect(reply).toBe('+QUEUED\r\n'),
      (reply) => expect(reply).toBe('+QUEUED\r\n'),
      (reply) => {
        const [, left, right] = /^\*2\r\n:(\d+)\r\n:(\d+)\r\n$/.exec(reply) ?? [];
        expect(left).toBeDefined();
        // Either may have been evicted and begun again.
        if (!this.evicts) expect(left).toBe(right);
        this.transactions += 1;
      },
    ];
  }
}

function keyName(owner: number, key: number): string {
  return `${owner}:${key}`;
}

const PLACES: readonly NodeOverrides[] = THREAD_TRANSPORTS.flatMap((transport) => [
  { transport, threadCount: 1 },
  { transport, threadCount: 4 },
]);

describe.each(PLACES)('$threadCount threads over $transport', (place) => {
  test.each([
    ['with eviction', { memoryBytes: 4096 * KIB, segmentBytes: 64 * KIB, eviction: 's3fifo', janitor: 'thread' }],
    ['without', { memoryBytes: 64 * 1024 * KIB, eviction: 'noeviction', janitor: 'inline' }],
  ] as const)('%s', async (_name, options) => {
    const node = await startNode({ ...place, ...options });
    const clients: RespClient[] = [];
    const chaos = new Chaos(options.eviction === 's3fifo');
    try {
      for (let opened = 0; opened < CONNECTIONS; opened += 1) clients.push(await RespClient.connect(node.port));
      await Promise.all(clients.map((client, own) => chaos.run(client, own)));
      if (options.eviction === 'noeviction') {
        let sum = 0;
        for (let counter = 0; counter < COUNTERS; counter += 1) sum += await counted(clients[0]!, `counter:${counter}`);
        expect(sum).toBe(chaos.increments);
        expect(await counted(clients[1]!, 'left')).toBe(chaos.transactions);
      }
      expect(chaos.found).toBeGreaterThan(CONNECTIONS * ROUNDS);
    } finally {
      for (const client of clients) client.close();
      await node.stop();
    }
    expect(auditStore(Store.attach(node.store, 0).parts)).toEqual([]);
  });
});

async function counted(client: RespClient, key: string): Promise<number> {
  const reply = await client.call('GET', key);
  return Number(reply.split('\r\n')[1] ?? 0);
}
