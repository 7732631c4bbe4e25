import { describe, expect, test } from 'bun:test';
import { type FakeNode, frame, startFakeNode } from '../../../test/support/fake-node.ts';
import { ShoalFakeClient } from '../../../test/support/shoal-fake-client.ts';
import { int64 } from '../../../test/support/shoal-frames.ts';

function infoOf(node: FakeNode, section: string): string {
  return node.open().exchange(frame('INFO', section));
}

describe('versions', () => {
  test('of equal values are equal, wherever and however they were written', async () => {
    await using node = await startFakeNode();
    const client = ShoalFakeClient.open(node);
    const versionOf = (key: string): bigint | null =>
      client.send({ opcode: 'get', key, flags: ['wantVersion'] }).version;
    const stored = client.send({ opcode: 'set', key: 'a', value: 'value', flags: ['wantVersion'] }).version;
    expect(stored).not.toBeNull();
    expect(stored).not.toBe(0n);
    expect(versionOf('a')).toBe(stored);
    node.open().exchange(frame('SET', 'b', 'val') + frame('APPEND', 'b', 'ue') + frame('EXPIRE', 'b', '100'));
    expect(versionOf('b')).toBe(stored);
    client.send({ opcode: 'set', key: 'a', value: 'other' });
    expect(versionOf('a')).not.toBe(stored);
    client.send({ opcode: 'set', key: 'a', value: 'value' });
    expect(versionOf('a')).toBe(stored);
    client.send({ opcode: 'set', key: 'empty', value: '' });
    expect(versionOf('empty')).not.toBe(0n);
    expect(versionOf('none')).toBeNull();
  });

  test('are others on another node', async () => {
    const versions = new Set<bigint | null>();
    for (let count = 0; count < 3; count += 1) {
      await using node = await startFakeNode();
      versions.add(
        ShoalFakeClient.open(node).send({ opcode: 'set', key: 'k', value: 'v', flags: ['wantVersion'] }).version,
      );
    }
    expect(versions.size).toBe(3);
  });

  test('let a set replace what was read, and nothing else', async () => {
    await using node = await startFakeNode();
    const client = ShoalFakeClient.open(node);
    const { version } = client.send({ opcode: 'set', key: 'k', value: 'one', flags: ['wantVersion'], ttlMs: 5000 });
    const swap = (value: string, flags: readonly ('wantVersion' | 'keepTtl' | 'ifPresent')[] = []) =>
      client.send({ opcode: 'set', key: 'k', value, version: version!, flags: ['wantVersion', ...flags] });
    const swapped = swap('two', ['keepTtl', 'ifPresent']);
    expect([swapped.status, swapped.version === version]).toEqual(['ok', false]);
    expect(swap('three')).toMatchObject({ status: 'conflict', version: null });
    expect(client.send({ opcode: 'get', key: 'k', flags: ['wantTtl', 'wantVersion'] })).toMatchObject({
      value: Buffer.from('two'),
      ttlMs: 5000,
      version: swapped.version,
    });
    client.send({ opcode: 'delete', key: 'k' });
    expect(swap('four').status).toBe('miss');
    expect(client.send({ opcode: 'exists', key: 'k' }).status).toBe('miss');
  });

  test('let counters of many clients be kept by set alone', async () => {
    await using node = await startFakeNode();
    const clients = Array.from({ length: 5 }, () => ShoalFakeClient.open(node));
    clients[0]!.send({ opcode: 'set', key: 'n', value: '0' });
    const read = clients.map((client) => client.send({ opcode: 'get', key: 'n', flags: ['wantVersion'] }));
    const outcomes = clients.map(
      (client, index) =>
        client.send({ opcode: 'set', key: 'n', value: String(index + 1), version: read[index]!.version! }).status,
    );
    expect(outcomes).toEqual(['ok', 'conflict', 'conflict', 'conflict', 'conflict']);
  });

  test('of a large value are of all of it, and its copy is not kept', async () => {
    await using node = await startFakeNode({ memoryBytes: 64 * 2 ** 20 });
    const client = ShoalFakeClient.open(node);
    const value = Buffer.alloc(5 * 2 ** 20, 'v');
    const { version } = client.send({ opcode: 'set', key: 'k', value, flags: ['wantVersion'] });
    const got = client.send({ opcode: 'get', key: 'k', flags: ['wantVersion'] });
    expect([got.version, got.value.equals(value)]).toEqual([version, true]);
    value[value.length - 1] = 0;
    expect(client.send({ opcode: 'set', key: 'k', value, version: version! + 1n }).status).toBe('conflict');
    expect(client.send({ opcode: 'set', key: 'k', value, version: version! }).status).toBe('ok');
  });
});

describe('limits', () => {
  test('a key that is too long cannot be written, and is not there', async () => {
    await using node = await startFakeNode({ limits: { keyBytesMax: 8 } });
    const client = ShoalFakeClient.open(node);
    const key = 'nine char';
    expect(client.send({ opcode: 'set', key, value: 'v' }).status).toBe('keyTooLong');
    expect(client.send({ opcode: 'set', key, value: 'v', version: 1n }).status).toBe('keyTooLong');
    const text = client.send({ opcode: 'increment', key, value: int64(1) });
    expect([text.status, text.value.toString()]).toEqual(['keyTooLong', 'key is too long (9 bytes, limit 8)']);
    for (const opcode of ['get', 'exists', 'delete', 'touch'] as const) {
      expect(client.send({ opcode, key }).status).toBe('miss');
    }
    expect(client.send({ opcode: 'get', key, flags: ['wantVersion'] }).status).toBe('miss');
    expect(client.send({ opcode: 'set', key: 'eight ch', value: 'v' }).status).toBe('ok');
  });

  test('a value that is too long to store is refused, and hello says what is not', async () => {
    await using node = await startFakeNode({ limits: { keyBytesMax: 100, valueBytesMax: 1000 } });
    const client = ShoalFakeClient.open(node);
    const { value } = client.hello({});
    expect([value.readUInt32LE(4), value.readUInt32LE(8)]).toEqual([100, 1000]);
    expect(client.send({ opcode: 'set', key: 'k', value: 'v'.repeat(1001) }).status).toBe('valueTooLong');
    expect(client.send({ opcode: 'set', key: 'k', value: 'v'.repeat(1000) }).status).toBe('ok');
    expect(client.connection.state).toBe('open');
  });

  test('a node that is full and may not evict says so', async () => {
    await using node = await startFakeNode({ memoryBytes: 4 * 2 ** 20, eviction: 'noeviction' });
    const client = ShoalFakeClient.open(node);
    const value = Buffer.alloc(100_000);
    let status = '';
    for (let index = 0; index < 60 && status !== 'outOfMemory'; index += 1) {
      status = client.send({ opcode: 'set', key: `k${index}`, value }).status;
    }
    expect(status).toBe('outOfMemory');
    expect(client.send({ opcode: 'get', key: 'k0' }).value.length).toBe(100_000);
    expect(client.call('SET', 'more', 'x'.repeat(100_000))).toBe(
      "outOfMemory: command not allowed when used memory > 'maxmemory'.",
    );
    expect(infoOf(node, 'errorstats')).toContain('errorstat_OOM:count=2');
  });

  test('a lowered memory limit refuses what takes more, as it does for commands', async () => {
    await using node = await startFakeNode({ eviction: 'noeviction' });
    const client = ShoalFakeClient.open(node);
    client.send({ opcode: 'set', key: 'k', value: '1' });
    expect(client.call('CONFIG', 'SET', 'maxmemory', '1')).toBe('+OK\r\n');
    expect(client.send({ opcode: 'set', key: 'k', value: '2' }).status).toBe('outOfMemory');
    expect(client.send({ opcode: 'increment', key: 'k', value: int64(1) }).status).toBe('outOfMemory');
    expect(client.send({ opcode: 'get', key: 'k' }).value.toString()).toBe('1');
    expect(client.send({ opcode: 'delete', key: 'k' }).status).toBe('ok');
  });
});

describe('time to live', () => {
  test('is what is left, at least 1 ms while the item is there', async () => {
    await using node = await startFakeNode();
    const client = ShoalFakeClient.open(node);
    const left = (): number | null => client.send({ opcode: 'get', key: 'k', flags: ['wantTtl'] }).ttlMs;
    client.send({ opcode: 'set', key: 'k', value: 'v', ttlMs: 10 });
    expect(left()).toBe(10);
    node.environment.advance(9.5);
    expect(left()).toBe(1);
    node.environment.advance(0.5);
    expect(client.send({ opcode: 'get', key: 'k', flags: ['wantTtl'] })).toMatchObject({ status: 'miss', ttlMs: null });
  });

  test('of a counter that begins is given, and of one that counts is kept, expired ones beginning anew', async () => {
    await using node = await startFakeNode();
    const client = ShoalFakeClient.open(node);
    const add = (ttlMs: number): bigint =>
      client.send({ opcode: 'increment', key: 'n', value: int64(1), ttlMs }).value.readBigInt64LE();
    expect([add(100), add(1000)]).toEqual([1n, 2n]);
    node.environment.advance(100);
    expect(add(50)).toBe(1n);
    expect(client.send({ opcode: 'get', key: 'n', flags: ['wantTtl'] }).ttlMs).toBe(50);
    client.send({ opcode: 'delete', key: 'n' });
    const big = { opcode: 'increment', key: 'n', value: int64(2n ** 62n), ttlMs: 70 } as const;
    expect(client.send(big).value.readBigInt64LE()).toBe(2n ** 62n);
    expect(client.send({ opcode: 'get', key: 'n', flags: ['wantTtl'] }).ttlMs).toBe(70);
  });
});

describe('a node counts operations', () => {
  test('with the commands that do the same, and their hits and misses', async () => {
    await using node = await startFakeNode();
    const client = ShoalFakeClient.open(node);
    client.send({ opcode: 'set', key: 'k', value: '1' });
    for (const flags of [[], ['wantVersion'], ['wantTtl']] as const) {
      client.send({ opcode: 'get', key: 'k', flags });
      client.send({ opcode: 'get', key: 'none', flags });
    }
    client.send({ opcode: 'increment', key: 'k', value: int64(1) });
    client.send({ opcode: 'touch', key: 'k' });
    client.send({ opcode: 'delete', key: 'k' });
    client.send({ opcode: 'ping' });
    client.send({ opcode: 'increment', key: 'k', value: Buffer.alloc(3) });
    client.call('GET');
    const calls = infoOf(node, 'commandstats');
    const counts = [...calls.matchAll(/cmdstat_(\w+):calls=(\d+),.*?rejected_calls=(\d+),failed_calls=(\d+)/g)];
    expect(Object.fromEntries(counts.map(([, name, ...rest]) => [name, rest.join(' ')]))).toEqual({
      get: '6 1 0',
      set: '1 0 0',
      del: '1 0 0',
      incrby: '1 1 0',
      pexpire: '1 0 0',
      ping: '1 0 0',
      hello: '1 0 0',
    });
    const stats = infoOf(node, 'stats');
    expect(stats).toContain('keyspace_hits:3\r\nkeyspace_misses:3\r\n');
    expect(infoOf(node, 'errorstats')).toContain('errorstat_ERR:count=2');
    expect(infoOf(node, 'clients')).toContain('shoal_protocol_clients:1\r\n');
  });
});
