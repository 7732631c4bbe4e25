/** What a Redis client is told by nodes of a real cluster, and by a node of none. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { keySlot } from '../../../src/topology/slots.ts';
import { TestCluster } from '../../support/cluster.ts';
import { startNode } from '../../support/node.ts';
import { RespClient } from '../../support/resp-client.ts';

const NODE_COUNT = 3;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: NODE_COUNT, redirect: 'moved' });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

function slotOf(key: string): number {
  return keySlot(Buffer.from(key), 0, key.length);
}

/** A connection to each node, and the places among them of a key's owner and of another node. */
async function connectAll(): Promise<readonly RespClient[]> {
  return Promise.all(cluster.ports.map((port) => RespClient.connect(port)));
}

async function ownerOf(clients: readonly RespClient[], key: string): Promise<number> {
  const answers = await Promise.all(clients.map((client) => client.call('EXISTS', key)));
  return answers.findIndex((answer) => !answer.startsWith('-MOVED'));
}

function bulkText(reply: string): string {
  return reply.slice(reply.indexOf('\r\n') + 2, -2);
}

describe('a key', () => {
  test('is at one node, and the others say which', async () => {
    const clients = await connectAll();
    for (const key of ['a', 'b', 'c', '{tag}x', '{tag}y', '']) {
      const answers = await Promise.all(clients.map((client) => client.call('SET', key, 'value')));
      const owner = answers.indexOf('+OK\r\n');
      const moved = `-MOVED ${slotOf(key)} 127.0.0.1:${cluster.ports[owner]}\r\n`;
      expect(answers.filter((answer) => answer === moved)).toHaveLength(NODE_COUNT - 1);
      expect(await clients[owner]!.call('GET', key)).toBe('$5\r\nvalue\r\n');
    }
    for (const client of clients) client[Symbol.dispose]();
  });

  test('and others of the same slot are used together, those of several slots are not', async () => {
    const clients = await connectAll();
    const client = clients[await ownerOf(clients, '{t}')]!;
    expect(await client.call('MSET', '{t}1', 'a', '{t}2', 'b')).toBe('+OK\r\n');
    expect(await client.call('MGET', '{t}1', '{t}2')).toBe('*2\r\n$1\r\na\r\n$1\r\nb\r\n');
    expect(await client.call('MGET', '{t}1', 'other')).toStartWith('-CROSSSLOT ');
    expect(await client.call('RENAME', '{t}1', 'other')).toStartWith('-CROSSSLOT ');
    for (const each of clients) each[Symbol.dispose]();
  });

  test('that is elsewhere fails the transaction it is queued in', async () => {
    const clients = await connectAll();
    const owner = await ownerOf(clients, 'tx');
    const other = clients[(owner + 1) % NODE_COUNT]!;
    expect(await other.call('MULTI')).toBe('+OK\r\n');
    expect(await other.call('SET', 'tx', '1')).toStartWith('-MOVED ');
    expect(await other.call('EXEC')).toStartWith('-EXECABORT ');
    const client = clients[owner]!;
    await client.call('MULTI');
    expect(await client.call('SET', 'tx', '1')).toBe('+QUEUED\r\n');
    expect(await client.call('EXEC')).toBe('*1\r\n+OK\r\n');
    for (const each of clients) each[Symbol.dispose]();
  });
});

describe('CLUSTER', () => {
  test('SLOTS, SHARDS and NODES tell the same of all slots', async () => {
    const clients = await connectAll();
    const slots = await clients[0]!.call('CLUSTER', 'SLOTS');
    const shards = await clients[0]!.call('CLUSTER', 'SHARDS');
    const nodes = await clients[0]!.call('CLUSTER', 'NODES');
    const lines = bulkText(nodes).trimEnd().split('\n');
    expect(lines).toHaveLength(NODE_COUNT);
    expect(lines.filter((line) => line.includes('myself'))).toHaveLength(1);
    let total = 0;
    for (const line of lines) {
      const [id, address, , , , , , , ...ranges] = line.split(' ');
      expect(id).toMatch(/^[0-9a-f]{40}$/);
      expect(cluster.ports.some((port) => address!.startsWith(`127.0.0.1:${port}@`))).toBe(true);
      expect(slots).toContain(id!);
      expect(shards).toContain(id!);
      for (const range of ranges) {
        const [first, last = first] = range.split('-').map(Number);
        expect(slots).toContain(`:${first}\r\n:${last}\r\n`);
        expect(shards).toContain(`:${first}\r\n:${last}\r\n`);
        total += last! - first! + 1;
      }
    }
    expect(total).toBe(16_384);
    for (const client of clients) client[Symbol.dispose]();
  });

  test('INFO, MYID and the mode say that it is one', async () => {
    using client = await RespClient.connect(cluster.ports[0]!);
    const info = await client.call('CLUSTER', 'INFO');
    expect(info).toContain('cluster_state:ok\r\n');
    expect(info).toContain('cluster_slots_assigned:16384\r\n');
    expect(info).toContain(`cluster_known_nodes:${NODE_COUNT}\r\n`);
    expect(info).toContain('shoal_may_serve:1\r\n');
    expect(bulkText(await client.call('CLUSTER', 'MYID'))).toBe(await cluster.idOf(cluster.nodes[0]!));
    expect(await client.call('INFO', 'cluster')).toContain('cluster_enabled:1');
    expect(await client.call('INFO', 'server')).toContain('redis_mode:cluster');
    expect(await client.call('HELLO', '2')).toContain('cluster');
  });

  test('KEYSLOT, COUNTKEYSINSLOT and GETKEYSINSLOT know keys by their slot', async () => {
    const clients = await connectAll();
    const client = clients[await ownerOf(clients, '{count}')]!;
    const slot = slotOf('{count}');
    expect(await client.call('CLUSTER', 'KEYSLOT', '{count}1')).toBe(`:${slot}\r\n`);
    expect(await client.call('CLUSTER', 'COUNTKEYSINSLOT', String(slot))).toBe(':0\r\n');
    for (let key = 0; key < 5; key += 1) await client.call('SET', `{count}${key}`, 'x');
    expect(await client.call('CLUSTER', 'COUNTKEYSINSLOT', String(slot))).toBe(':5\r\n');
    expect(await client.call('CLUSTER', 'GETKEYSINSLOT', String(slot), '3')).toStartWith('*3\r\n');
    expect(await client.call('CLUSTER', 'GETKEYSINSLOT', String(slot), '100')).toStartWith('*5\r\n');
    await client.call('UNLINK', '{count}0', '{count}1');
    expect(await client.call('CLUSTER', 'COUNTKEYSINSLOT', String(slot))).toBe(':3\r\n');
    expect(await client.call('CLUSTER', 'COUNTKEYSINSLOT', '16384')).toStartWith('-ERR ');
    expect(await client.call('CLUSTER', 'GETKEYSINSLOT', '0', '-1')).toStartWith('-ERR ');
    for (const each of clients) each[Symbol.dispose]();
  });

  test('takes what cluster clients send, and refuses what is the coordinator’s', async () => {
    using client = await RespClient.connect(cluster.ports[0]!);
    for (const word of ['READONLY', 'READWRITE', 'ASKING']) expect(await client.call(word)).toBe('+OK\r\n');
    expect(await client.call('CLUSTER', 'FORGET', 'a'.repeat(40))).toContain('coordinator');
    expect(await client.call('CLUSTER', 'ADDSLOTS', '1')).toContain('coordinator');
    expect(await client.call('CLUSTER', 'NONSENSE')).toStartWith('-ERR unknown subcommand');
  });

  test('is refused by a node of no cluster', async () => {
    await using node = await startNode();
    using client = await RespClient.connect(node.port);
    expect(await client.call('CLUSTER', 'SLOTS')).toBe('-ERR This instance has cluster support disabled\r\n');
    expect(await client.call('READONLY')).toBe('-ERR This instance has cluster support disabled\r\n');
    expect(await client.call('INFO', 'cluster')).toContain('cluster_enabled:0');
  });
});

test('a client that knows of no cluster uses any node as if it had all keys', async () => {
  await using spread = await TestCluster.start({ nodes: 3 });
  for (const port of spread.ports) {
    using client = await RespClient.connect(port);
    const keys = Array.from({ length: 50 }, (_, number) => `${port}:${number}`);
    expect(await client.call('MSET', ...keys.flatMap((key) => [key, `v${key}`]))).toBe('+OK\r\n');
    const values = keys.map((key) => `$${key.length + 1}\r\nv${key}\r\n`).join('');
    expect(await client.call('MGET', ...keys)).toBe(`*50\r\n${values}`);
    expect(await client.call('EXISTS', ...keys, 'none')).toBe(':50\r\n');
    // In one write: each must see what those before it did, wherever that was.
    for (let round = 0; round < 20; round += 1) {
      client.send('MSET', keys[0]!, String(round), keys[1]!, String(round), keys[2]!, String(round));
      client.send('GET', keys[0]!);
      client.send('MGET', keys[1]!, keys[2]!);
      client.send('INCR', keys[2]!);
    }
    for (let round = 0; round < 20; round += 1) {
      const digits = String(round);
      const bulk = `$${digits.length}\r\n${digits}\r\n`;
      expect([await client.read(), await client.read(), await client.read(), await client.read()]).toEqual([
        '+OK\r\n',
        bulk,
        `*2\r\n${bulk}${bulk}`,
        `:${round + 1}\r\n`,
      ]);
    }
    expect(await client.call('DEL', ...keys, 'none')).toBe(':50\r\n');
    expect(await client.call('MSETNX', keys[0]!, 'a', keys[1]!, 'b')).toStartWith('-CROSSSLOT ');
  }
});
