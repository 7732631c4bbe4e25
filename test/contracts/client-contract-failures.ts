/** The client contract, part two: what cannot be done, takes too long or breaks. */
import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { ClientOptions } from '../../src/client/options.ts';
import type { ClientCase, ClientFixture } from './client-contract.ts';
import { deferred, rejects } from './client-contract-support.ts';

/** Waits are short, so that what must fail fails soon. */
const IMPATIENT = { connectTimeoutMs: 50, backoffFirstMs: 1, backoffLongestMs: 5 } as const;

/** A server that treats each connection as it is told, on a free port. */
async function server(fixture: ClientFixture, accept: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const listening: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    accept(socket);
  });
  await new Promise<void>((resolve) => {
    listening.listen(0, '127.0.0.1', resolve);
  });
  fixture.atEnd(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => {
      listening.close(resolve);
    });
  });
  return (listening.address() as AddressInfo).port;
}

/** A node that greets and then answers nothing. */
function greetingOnly(fixture: ClientFixture): Promise<number> {
  return server(fixture, (socket) => {
    socket.once('data', () => {
      const value = Buffer.alloc(14);
      value[0] = 1;
      value.writeUInt32LE(1024, 4);
      value.writeUInt32LE(1_048_576, 8);
      const header = Buffer.alloc(20);
      header[0] = 0xa6;
      header[1] = 1;
      header.writeUInt32LE(1, 4);
      header.writeUInt32LE(value.length, 16);
      socket.write(Buffer.concat([header, value]));
      socket.on('data', () => undefined);
    });
  });
}

/** A port where nobody listens. */
async function closedPort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => {
    probe.listen(0, '127.0.0.1', resolve);
  });
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => {
    probe.close(resolve);
  });
  return port;
}

export const failureCases: readonly ClientCase[] = [
  {
    name: 'refuses arguments that mean nothing, and sends nothing of the call',
    async run(fixture) {
      const client = await fixture.start();
      await client.set('key', 'old');
      const bad = (value: unknown): never => value as never;
      await rejects(client.get(bad(5)), 'InvalidArgument', /a key is a string or bytes, not number/);
      await rejects(client.get(bad(null)), 'InvalidArgument');
      await rejects(client.set('key', bad(undefined)), 'InvalidArgument');
      await rejects(
        client.set(
          'key',
          bad(() => 1),
        ),
        'InvalidArgument',
      );
      for (const ttlMs of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
        await rejects(client.set('key', 'new', { ttlMs }), 'InvalidArgument', /ttlMs/);
      }
      await rejects(client.set('key', 'new', { ttlMs: 5, keepTtl: true }), 'InvalidArgument');
      await rejects(client.set('key', 'new', { onlyIf: bad('maybe') }), 'InvalidArgument');
      await rejects(client.get('key', { timeoutMs: 0 }), 'InvalidArgument');
      await rejects(client.increment('count', 0.5), 'InvalidArgument');
      await rejects(client.increment('count', 2n ** 63n), 'InvalidArgument');
      await rejects(client.getMany(['key', bad({})]), 'InvalidArgument');
      await rejects(client.deleteMany(['key', bad({})]), 'InvalidArgument');
      await rejects(
        client.setMany([
          ['key', 'new'],
          [bad(7), 'x'],
        ]),
        'InvalidArgument',
      );
      assert.equal(await client.get('key'), 'old');
      assert.equal(await client.exists('count'), false);
    },
  },
  {
    name: 'refuses what is too large before it is sent, and goes on',
    async run(fixture) {
      const client = await fixture.start({ compression: 'none' });
      await rejects(client.get('x'.repeat(70_000)), 'TooLarge', /the key takes 70000 bytes/);
      await rejects(client.set('key', new Uint8Array(70 * 1024 * 1024)), 'TooLarge', /the value takes/);
      await rejects(client.set('key', 'ü'.repeat(40 * 1024 * 1024)), 'TooLarge');
      assert.equal(await client.set('key', 'fits'), true);
    },
  },
  {
    name: 'says that the node is full',
    async run(fixture) {
      const client = await fixture.start({ compression: 'none' }, { memory: '4mb', eviction: 'noeviction' });
      const value = new Uint8Array(100_000);
      const writes = Array.from({ length: 100 }, (_, index) => client.set(`key:${index}`, value));
      const outcomes = await Promise.allSettled(writes);
      const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
      assert.ok(refused.length > 0 && refused.length < 100);
      await rejects(writes[outcomes.findIndex((outcome) => outcome.status === 'rejected')]!, 'OutOfMemory');
    },
  },
  {
    name: "carries the caller's stack and the node",
    async run(fixture) {
      const client = await fixture.start();
      await client.set('name', 'Ada');
      async function countTheVisits(): Promise<number> {
        return await client.increment('name');
      }
      const error = await rejects(countTheVisits(), 'NotAnInteger');
      assert.match(error.stack ?? '', /countTheVisits/);
      assert.equal(error.node, client.nodes[0]!.address);
    },
  },
  {
    name: 'does not connect where nobody listens, and says why',
    async run(fixture) {
      const port = await closedPort();
      const options: ClientOptions = { nodes: [`127.0.0.1:${port}`], ...IMPATIENT };
      const error = await rejects(fixture.connect(options), 'NoAvailableNodes', /ECONNREFUSED|refused|connect/i);
      assert.equal(error.node, `127.0.0.1:${port}`);
      const lazy = fixture.lazy(options);
      await rejects(lazy.get('key'), 'NoAvailableNodes');
      assert.equal(lazy.nodes[0]!.state, 'down');
    },
  },
  {
    name: 'does not take something else for a node',
    async run(fixture) {
      const speaks = (text: string): Promise<number> =>
        server(fixture, (socket) => socket.once('data', () => socket.end(text)));
      const http = await speaks('HTTP/1.1 400 Bad Request\r\n\r\n');
      const full = await speaks('-ERR max number of clients reached\r\n');
      const mute = await server(fixture, (socket) => socket.once('data', () => socket.destroy()));
      const silent = await server(fixture, () => undefined);
      const connect = (port: number): Promise<unknown> =>
        fixture.connect({ nodes: [`127.0.0.1:${port}`], ...IMPATIENT });
      await rejects(connect(http), 'NoAvailableNodes', /no reply of the Shoal protocol but "HTTP/);
      await rejects(connect(full), 'NoAvailableNodes', /max number of clients reached/);
      await rejects(connect(mute), 'NoAvailableNodes', /closed the connection|ECONNRESET|lost/);
      await rejects(connect(silent), 'NoAvailableNodes', /no greeting from 127.0.0.1:\d+ within 50 ms/);
    },
  },
  {
    name: 'gives its password, and is told where it is wrong',
    async run(fixture) {
      const node = await fixture.node({ password: 'secret' });
      const nodes = [`127.0.0.1:${node.port}`];
      const client = await fixture.connect({ nodes, password: 'secret', name: 'tester' });
      assert.equal(await client.set('key', 1), true);
      assert.match((await client.call(['CLIENT', 'LIST'])) as string, /name=tester/);
      await rejects(fixture.connect({ nodes, password: 'wrong' }), 'Unauthenticated');
      await rejects(fixture.connect({ nodes }), 'Unauthenticated');
      await rejects(fixture.connect({ nodes, user: 'nobody', password: 'secret' }), 'Unauthenticated');
    },
  },
  {
    name: 'keeps databases apart',
    async run(fixture) {
      const node = await fixture.node();
      const nodes = [`127.0.0.1:${node.port}`];
      const first = await fixture.connect({ nodes });
      const second = await fixture.connect({ nodes, database: 1 });
      await first.set('key', 'first');
      await second.set('key', 'second');
      assert.deepEqual([await first.get('key'), await second.get('key')], ['first', 'second']);
    },
  },
  {
    name: 'meets deadlines where the node answers nothing, then fails at once',
    async run(fixture) {
      const port = await greetingOnly(fixture);
      const client = fixture.lazy({ nodes: [`127.0.0.1:${port}`], breakerFailures: 3, ...IMPATIENT });
      const calls = Array.from({ length: 3 }, (_, index) => client.increment(`key:${index}`, 1, { timeoutMs: 30 }));
      for (const call of calls) await rejects(call, 'Timeout', /within 30 ms; it was sent and may have been executed/);
      const { promise: down, resolve } = deferred();
      client.on('nodeUp', () => resolve());
      // The node greets again, so it is up again, after it was down.
      await down;
      await rejects(client.get('key', { timeoutMs: 30 }), 'Timeout');
    },
  },
  {
    name: 'tells of a request that was never sent',
    async run(fixture) {
      const silent = await server(fixture, () => undefined);
      const client = fixture.lazy({ nodes: [`127.0.0.1:${silent}`], connectTimeoutMs: 2000 });
      await rejects(client.increment('key', 1, { timeoutMs: 20 }), 'Timeout', /it was never sent/);
    },
  },
  {
    name: 'ends a call at its signal, before and after it is sent',
    async run(fixture) {
      const port = await greetingOnly(fixture);
      // The work that several callers share goes on without them, until this deadline.
      const client = fixture.lazy({ nodes: [`127.0.0.1:${port}`], requestTimeoutMs: 200 });
      const controller = new AbortController();
      const pending = [
        client.get('key', { signal: controller.signal }),
        client.getMany(['a', 'b'], { signal: controller.signal }),
        client.getOrSet('key', () => 1, { signal: controller.signal }),
      ];
      const reason = new Error('enough');
      controller.abort(reason);
      for (const call of pending) assert.equal((await rejects(call, 'Aborted')).cause, reason);
      await rejects(client.set('key', 1, { signal: controller.signal }), 'Aborted');
      await rejects(client.get('key', { signal: AbortSignal.abort() }), 'Aborted');
    },
  },
  {
    name: 'lets one caller give up on a value that others wait for',
    async run(fixture) {
      const client = await fixture.start();
      const controller = new AbortController();
      const { promise: made, resolve } = deferred<string>();
      const { promise: asked, resolve: ask } = deferred();
      const factory = (): Promise<string> => {
        ask();
        return made;
      };
      const impatient = client.getOrSet('key', factory, { signal: controller.signal });
      const patient = client.getOrSet('key', factory);
      await asked;
      controller.abort();
      await rejects(impatient, 'Aborted');
      resolve('made');
      assert.equal(await patient, 'made');
    },
  },
  {
    name: 'goes on without a cache that is down, and tells',
    async run(fixture) {
      const client = fixture.lazy({ nodes: [`127.0.0.1:${await closedPort()}`], ...IMPATIENT });
      const errors: string[] = [];
      client.on('cacheError', ({ key, error }) => errors.push(`${String(key)} ${error.code}`));
      assert.equal(await client.getOrSet('key', () => 'made'), 'made');
      assert.deepEqual(errors, ['key NoAvailableNodes', 'key NoAvailableNodes']);
    },
  },
  {
    name: 'bounds what may be pending and what may wait to be sent',
    async run(fixture) {
      const port = await greetingOnly(fixture);
      const client = fixture.lazy({ nodes: [`127.0.0.1:${port}`], pendingMax: 5, requestTimeoutMs: 40 });
      const calls = Array.from({ length: 8 }, () => client.get('key'));
      const codes = await Promise.all(calls.map((call) => call.then(String, (error) => error.code)));
      assert.deepEqual(codes.filter((code) => code === 'QueueFull').length, 3);
      const deaf = await server(fixture, (socket) => {
        socket.once('data', () => socket.pause());
      });
      const slow = fixture.lazy({ nodes: [`127.0.0.1:${deaf}`], pendingMax: 3, ...IMPATIENT });
      const waiting = await Promise.allSettled(Array.from({ length: 5 }, () => slow.get('key')));
      const full = waiting.filter((outcome) => outcome.status === 'rejected' && outcome.reason.code === 'QueueFull');
      assert.equal(full.length, 2);
    },
  },
  {
    name: 'refuses values that are stored in a way it does not know',
    async run(fixture) {
      const client = await fixture.start();
      await client.call(['SET', 'key', Buffer.from([0xf5, 0x53, 0x68, 0xff, 1, 2])]);
      await rejects(client.get('key'), 'CodecFailed');
      await client.call(['SET', 'key', Buffer.from([0xf5, 0x53, 0x68, 0x02, 0x7b])]);
      await rejects(client.get('key'), 'CodecFailed');
      assert.equal(await client.exists('key'), true);
    },
  },
  {
    name: 'reports wrong options, all of them at once',
    async run({ world }) {
      assert.throws(
        () => world.ShoalClient.lazy({ nodes: ['a b'], attempts: 0, codec: 'xml' as 'json' }),
        (error: Error) => /nodes:.*\n.*attempts/s.test(error.message),
      );
      await rejects(world.ShoalClient.connect({ nodes: [], codec: 'xml' as 'json' }), 'InvalidOption', /codec/);
    },
  },
];
