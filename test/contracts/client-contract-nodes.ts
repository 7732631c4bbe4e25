/** The client contract, part three: nodes that go, come back, are added and removed; and the end of the client. */
import assert from 'node:assert/strict';
import type { ShoalClient } from '../../src/client/client.ts';
import type { ClientEvents } from '../../src/client/node-health.ts';
import type { ClientCase } from './client-contract.ts';
import { deferred, rejects } from './client-contract-support.ts';

const QUICK = { backoffFirstMs: 1, backoffLongestMs: 10, connectTimeoutMs: 1000 } as const;

function next<N extends keyof ClientEvents>(client: ShoalClient, event: N): Promise<ClientEvents[N]> {
  return new Promise((resolve) => {
    const off = client.on(event, (what) => {
      off();
      resolve(what);
    });
  });
}

export const nodeCases: readonly ClientCase[] = [
  {
    name: 'finds a node again that was restarted, and sends again what may be sent twice',
    async run(fixture) {
      const first = await fixture.node();
      const client = await fixture.connect({ nodes: [`127.0.0.1:${first.port}`], ...QUICK, breakerFailures: 1000 });
      const lost = next(client, 'nodeDown');
      await client.set('key', 1);
      await first.stop();
      const { state, lastError } = await lost;
      assert.equal(state, 'connecting');
      assert.equal(lastError?.code, 'ConnectionLost');
      const found = next(client, 'nodeUp');
      const waiting = [client.get('key'), client.set('other', 2), client.increment('count')];
      await fixture.node({ port: first.port });
      assert.equal((await found).state, 'up');
      assert.deepEqual(await Promise.all(waiting), [undefined, true, 1]);
    },
  },
  {
    name: 'fails what may not be sent twice when its connection is lost',
    async run(fixture) {
      const node = await fixture.node();
      const client = await fixture.connect({ nodes: [`127.0.0.1:${node.port}`], ...QUICK, breakerFailures: 1000 });
      await client.call(['CLIENT', 'PAUSE', '60000', 'ALL']);
      const { promise: sent, resolve } = deferred();
      const once = [client.increment('count'), client.set('key', 1, { onlyIf: 'absent' })];
      const again = client.get('key');
      setImmediate(resolve);
      await sent;
      await node.stop();
      for (const call of once) await rejects(call, 'ConnectionLost', /was lost/);
      await fixture.node({ port: node.port });
      assert.equal(await again, undefined);
      assert.equal(await client.exists('count'), false);
    },
  },
  {
    name: 'fails at once while a node is down, and uses it when it is back',
    async run(fixture) {
      const node = await fixture.node();
      const client = await fixture.connect({ nodes: [`127.0.0.1:${node.port}`], ...QUICK, breakerFailures: 2 });
      const events: string[] = [];
      client.on('nodeDown', ({ state }) => events.push(state));
      const { promise: down, resolve } = deferred();
      client.on('nodeDown', ({ state }) => state === 'down' && resolve());
      await node.stop();
      await down;
      assert.deepEqual(events, ['connecting', 'down']);
      const error = await rejects(client.get('key'), 'NoAvailableNodes');
      assert.equal(error.retryable, true);
      assert.equal(client.nodes[0]!.state, 'down');
      const back = next(client, 'nodeUp');
      await fixture.node({ port: node.port });
      await back;
      assert.equal(await client.get('key'), undefined);
    },
  },
  {
    name: 'shares keys among nodes, and agrees with every other client',
    async run(fixture) {
      const nodes = await Promise.all([fixture.node(), fixture.node(), fixture.node()]);
      const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
      const client = await fixture.connect({ nodes: addresses });
      const other = await fixture.connect({ nodes: addresses.toReversed() });
      const keys = Array.from({ length: 300 }, (_, index) => `key:${index}`);
      await client.setMany(keys.map((key) => [key, key]));
      assert.deepEqual(await other.getMany(keys), keys);
      for (const key of keys) assert.equal(client.nodeOf(key), other.nodeOf(key));
      for (const { id } of client.nodes) assert.ok(Number(await client.call(['DBSIZE'], { node: id })) > 50);
      assert.equal(client.nodeOf('{user}:a'), client.nodeOf('{user}:b'));
      await rejects(client.call(['DBSIZE']), 'InvalidArgument');
      assert.equal(await client.call(['GET', 'key:1'], { key: 'key:1' }), 'key:1');
      assert.equal(await other.deleteMany(keys), 300);
    },
  },
  {
    name: 'adds and removes nodes while it works',
    async run(fixture) {
      const [first, second] = await Promise.all([fixture.node(), fixture.node()]);
      const [a, b] = [`127.0.0.1:${first.port}`, `127.0.0.1:${second.port}`];
      const client = await fixture.connect({ nodes: [a] });
      const keys = Array.from({ length: 200 }, (_, index) => `key:${index}`);
      await client.setMany(keys.map((key) => [key, 'a']));
      client.addNode({ host: '127.0.0.1', port: second.port, weight: 3 });
      const moved = keys.filter((key) => client.nodeOf(key) === b);
      assert.ok(moved.length > 100 && moved.length < 190);
      const values = await client.getMany(keys);
      keys.forEach((key, index) => assert.equal(values[index], moved.includes(key) ? undefined : 'a'));
      const pending = client.getMany(keys);
      assert.equal(client.removeNode(b), true);
      assert.equal(client.removeNode(b), false);
      await pending;
      assert.deepEqual(
        await client.getMany(keys),
        keys.map(() => 'a'),
      );
      assert.throws(() => client.addNode(a), /is there already/);
      client.removeNode(a);
      await rejects(client.get('key'), 'NoAvailableNodes', /the list of nodes is empty/);
    },
  },
  {
    name: 'connects where one of several nodes is there',
    async run(fixture) {
      const [here, gone] = await Promise.all([fixture.node(), fixture.node()]);
      await gone.stop();
      const nodes = [`127.0.0.1:${gone.port}`, `127.0.0.1:${here.port}`];
      const client = await fixture.connect({ nodes, ...QUICK });
      await client.ping({ node: nodes[1]! });
      await rejects(client.ping(), 'NoAvailableNodes');
      await rejects(client.ping({ node: 'nobody' }), 'InvalidArgument');
    },
  },
  {
    name: 'opens a second connection where one is choked, and no more than it may',
    async run(fixture) {
      const client = await fixture.start({ connectionsPerNode: 3, compression: 'none' });
      assert.equal(client.nodes[0]!.connections, 1);
      const value = new Uint8Array(4 * 1024 * 1024);
      for (let round = 0; round < 5; round += 1) {
        await Promise.all(Array.from({ length: 6 }, (_, index) => client.set(`large:${index}`, value)));
      }
      assert.ok(client.nodes[0]!.connections <= 3);
      assert.ok(client.nodes[0]!.connections > 1);
    },
  },
  {
    name: 'finishes what is pending when it is closed, and takes nothing more',
    async run(fixture) {
      const client = await fixture.start();
      const pending = [client.set('key', 'x'.repeat(100_000)), client.get('key'), client.increment('count')];
      const closing = client.close();
      await rejects(client.get('key'), 'ClientClosed');
      await rejects(
        client.getOrSet('key', () => 1),
        'ClientClosed',
      );
      assert.throws(() => client.addNode('127.0.0.1:1'), /closed/);
      assert.deepEqual(await Promise.all(pending), [true, 'x'.repeat(100_000), 1]);
      await closing;
      await client.close();
      for (const call of [
        () => client.get('key'),
        () => client.ping(),
        () => client.call(['PING']),
        () => client.call(['PING'], { node: 'host:1' }),
      ]) {
        await rejects(call(), 'ClientClosed');
      }
      assert.deepEqual(client.nodes, []);
    },
  },
  {
    name: 'gives the value that was made while it was closed, and stores it under the key that was meant',
    async run(fixture) {
      const node = await fixture.node();
      const nodes = [`127.0.0.1:${node.port}`];
      const client = await fixture.connect({ nodes });
      const key = new Uint8Array([1, 2, 3]);
      const reused = client.getOrSet(key, () => 'made');
      key.fill(9);
      assert.equal(await reused, 'made');
      assert.equal(await client.get(new Uint8Array([1, 2, 3])), 'made');
      const asked = deferred();
      const made = deferred<string>();
      const late = client.getOrSet('late', () => {
        asked.resolve();
        return made.promise;
      });
      await asked.promise;
      await client.close();
      made.resolve('late');
      assert.equal(await late, 'late');
    },
  },
  {
    name: 'sends what takes long to send, though it is closed meanwhile',
    async run(fixture) {
      const node = await fixture.node({ memory: '64mb' });
      const nodes = [`127.0.0.1:${node.port}`];
      const client = await fixture.connect({ nodes });
      const large = 'compressed by another thread '.repeat(20_000);
      const keys = Array.from({ length: 40_000 }, (_, index) => `key:${index}`);
      // What is never sent keeps nothing open.
      const bad: [string, unknown][] = [
        ['first', large],
        ['second', undefined],
      ];
      await rejects(client.setMany(bad), 'InvalidArgument');
      await rejects(client.set('first', large, { signal: AbortSignal.abort() }), 'Aborted');
      const calls = [
        client.set('large', large),
        client.setMany([
          ['first', 1],
          ['second', large],
          ['third', 3],
        ]),
        client.getMany(keys),
      ] as const;
      const closing = client.close();
      assert.equal(await calls[0], true);
      await calls[1];
      assert.equal((await calls[2]).length, keys.length);
      await closing;
      const reader = await fixture.connect({ nodes });
      assert.deepEqual(await reader.getMany(['large', 'first', 'second', 'third']), [large, 1, large, 3]);
    },
  },
  {
    name: 'can be closed before it ever connected, and with nodes that are gone',
    async run(fixture) {
      const node = await fixture.node();
      await fixture.lazy({ nodes: [`127.0.0.1:${node.port}`] }).close();
      const client = await fixture.connect({ nodes: [`127.0.0.1:${node.port}`], ...QUICK });
      await node.stop();
      const call = client.get('key', { timeoutMs: 50 });
      await client.close();
      await call.then(
        () => assert.fail('nobody was there to answer'),
        (error) => assert.ok(['Timeout', 'NoAvailableNodes', 'ConnectionLost'].includes(error.code), error.code),
      );
    },
  },
];
