/** Calls that wait for replicas, against a node that says what the test has it say. */
import { describe, expect, test } from 'bun:test';
import { ScriptedNetwork, type ScriptedSocket, turn } from '../../test/support/scripted-sockets.ts';
import { ShoalError } from '../base/errors.ts';
import { Opcode, Status } from '../protocol/shoal/frame.ts';
import { ShoalClient } from './client.ts';
import type { ClientOptions } from './options.ts';

interface World {
  readonly network: ScriptedNetwork;
  readonly client: ShoalClient;
  readonly socket: ScriptedSocket;
}

/** A client whose node has let it in. */
async function start(options: Partial<ClientOptions> = {}, features?: number): Promise<World> {
  const network = new ScriptedNetwork();
  const client = ShoalClient.lazy({ nodes: ['a:1'], ...options }, network);
  const asked = client.ping();
  const socket = network.sockets[0]!;
  await socket.greet(features === undefined ? {} : { features });
  socket.reply(socket.take()[0]!.id);
  await asked;
  return { network, client, socket };
}

/** What the calls of `ask` have the node wait for. */
async function waitsOf({ client, socket }: World, ask: (client: ShoalClient) => Promise<unknown>): Promise<unknown> {
  const settled = ask(client).catch(() => undefined);
  await turn();
  const sent = socket.take();
  for (const { id } of sent) socket.reply(id, Status.miss, new Uint8Array(0), 4);
  await settled;
  return sent.map(({ ack }) => ack);
}

function failureOf(call: Promise<unknown>): Promise<ShoalError> {
  return call.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: ShoalError) => error,
  );
}

const ONE = { replicas: 1, timeoutMs: 200 };

describe('what is asked for', () => {
  test('nothing, unless somebody says so', async () => {
    const world = await start();
    expect(await waitsOf(world, (client) => client.set('k', 'v'))).toEqual([null]);
  });

  test('what the call says, of every call that has keys', async () => {
    const world = await start();
    const calls: ((client: ShoalClient) => Promise<unknown>)[] = [
      (client) => client.set('k', 'v', { ttlMs: 5, ack: ONE }),
      (client) => client.compareAndSet('k', 1n as never, 'v', { ack: ONE }),
      (client) => client.delete('k', { ack: ONE }),
      (client) => client.increment('k', 1, { ack: ONE }),
      (client) => client.touch('k', 5, { ack: ONE }),
      (client) => client.get('k', { ack: ONE }),
      (client) => client.getBytes('k', { ack: ONE }),
      (client) => client.getEntry('k', { ack: ONE }),
      (client) => client.exists('k', { ack: ONE }),
      (client) => client.call(['DEL', 'k'], { key: 'k', ack: ONE }),
    ];
    for (const call of calls) expect(await waitsOf(world, call)).toEqual([[1, 200]]);
    const both = [
      [1, 200],
      [1, 200],
    ];
    const many: ((client: ShoalClient) => Promise<unknown>)[] = [
      (client) =>
        client.setMany(
          [
            ['a', 1],
            ['b', 2],
          ],
          { ack: ONE },
        ),
      (client) => client.getMany(['a', 'b'], { ack: ONE }),
      (client) => client.deleteMany(['a', 'b'], { ack: ONE }),
    ];
    for (const call of many) expect(await waitsOf(world, call)).toEqual(both);
  });

  test('what the client says, of writes, and of reads where it says all', async () => {
    const writes = await start({ ack: { replicas: 2 } });
    expect(await waitsOf(writes, (client) => client.set('k', 'v'))).toEqual([[2, 1000]]);
    expect(await waitsOf(writes, (client) => client.get('k'))).toEqual([null]);
    const all = await start({ ack: { replicas: 2, timeoutMs: 70, of: 'all' } });
    expect(await waitsOf(all, (client) => client.get('k'))).toEqual([[2, 70]]);
    expect(await waitsOf(all, (client) => client.exists('k'))).toEqual([[2, 70]]);
    expect(await waitsOf(all, (client) => client.ping())).toEqual([null]);
    expect(await waitsOf(all, (client) => client.call(['PING']))).toEqual([null]);
  });

  test('nothing in a call that says 0', async () => {
    const world = await start({ ack: { replicas: 2 } });
    expect(await waitsOf(world, (client) => client.set('k', 'v', { ack: { replicas: 0 } }))).toEqual([null]);
  });

  test('no longer than half of the deadline, where nobody says how long', async () => {
    const world = await start({ ack: { replicas: 1 } });
    expect(await waitsOf(world, (client) => client.set('k', 'v', { timeoutMs: 300 }))).toEqual([[1, 150]]);
    expect(await waitsOf(world, (client) => client.set('k', 'v', { timeoutMs: 1 }))).toEqual([[1, 1]]);
  });

  test('is checked', async () => {
    const options = [
      { replicas: 5 },
      { replicas: 1.5 },
      { replicas: 1, timeoutMs: 0 },
      { replicas: 1, of: 'reads' },
      1,
    ];
    for (const ack of options) {
      expect(() => ShoalClient.lazy({ nodes: ['a:1'], ack: ack as never })).toThrow(ShoalError);
    }
    expect(() => ShoalClient.lazy({ nodes: ['a:1'], requestTimeoutMs: 100, ack: ONE })).toThrow(
      'not shorter than requestTimeoutMs',
    );
    const { client, socket } = await start();
    for (const ack of [{ replicas: -1 }, { replicas: 1, timeoutMs: 60_001 }, null]) {
      expect((await failureOf(client.set('k', 'v', { ack: ack as never }))).code).toBe('InvalidArgument');
    }
    expect((await failureOf(client.set('k', 'v', { ack: ONE, timeoutMs: 200 }))).code).toBe('InvalidArgument');
    expect((await failureOf(client.call(['FLUSHALL'], { ack: ONE }))).code).toBe('InvalidArgument');
    expect(socket.take()).toEqual([]);
  });
});

describe('what comes of it', () => {
  test('the answer, where as many replicas have it, or more', async () => {
    for (const replicas of [1, 3]) {
      const { client, socket } = await start();
      const call = client.set('k', 'v', { ack: ONE });
      await turn();
      socket.reply(socket.take()[0]!.id, Status.ok, new Uint8Array(0), replicas);
      expect(await call).toBe(true);
    }
  });

  test('an error that says how many have it, and the answer, where fewer do; nothing is sent again', async () => {
    const { network, client, socket } = await start();
    const call = failureOf(client.increment('k', 1, { ack: { replicas: 2 } }));
    await turn();
    socket.reply(socket.take()[0]!.id, Status.ok, Buffer.from('0700000000000000', 'hex'), 1);
    const error = await call;
    expect(error).toBeInstanceOf(ShoalError);
    expect(error).toMatchObject({ code: 'NotReplicated', replicaCount: 1, answer: 7, node: 'a:1', retryable: true });
    expect(error.message).toBe('it was done, and 1 of 2 replicas have it after 1000 ms');
    await network.advance(10_000);
    expect(socket.take()).toEqual([]);
  });

  test('the same of a key that is not there, and of one of many', async () => {
    const { client, socket } = await start();
    const missed = failureOf(client.get('k', { ack: ONE }));
    await turn();
    socket.reply(socket.take()[0]!.id, Status.miss, new Uint8Array(0), 0);
    expect(await missed).toMatchObject({ code: 'NotReplicated', replicaCount: 0, answer: undefined });
    const many = failureOf(client.deleteMany(['a', 'b'], { ack: ONE }));
    await turn();
    const [first, second] = socket.take();
    socket.reply(first!.id, Status.ok, new Uint8Array(0), 1);
    socket.reply(second!.id, Status.ok, new Uint8Array(0), 0);
    expect(await many).toMatchObject({ code: 'NotReplicated', replicaCount: 0 });
  });

  test('the error of the node, where it did nothing', async () => {
    const { client, socket } = await start();
    const call = failureOf(client.increment('k', 1, { ack: ONE }));
    await turn();
    socket.reply(socket.take()[0]!.id, Status.notAnInteger, Buffer.from('no'));
    expect((await call).code).toBe('NotAnInteger');
  });

  test('an error, where the node waits by itself, and in vain', async () => {
    const { client, socket } = await start();
    const call = failureOf(client.set('k', 'v'));
    await turn();
    socket.reply(socket.take()[0]!.id, Status.notReplicated, Buffer.from('it was done'), 1);
    expect(await call).toMatchObject({ code: 'NotReplicated', replicaCount: 1, message: 'it was done' });
  });

  test('an error, where the node does not say how many have it', async () => {
    const { client, socket } = await start();
    const call = failureOf(client.set('k', 'v', { ack: ONE }));
    await turn();
    socket.reply(socket.take()[0]!.id);
    expect((await call).code).toBe('UnexpectedResponse');
  });

  test('an error, and nothing is sent, where the node is too old to wait', async () => {
    const { client, socket } = await start({}, 0);
    const error = await failureOf(client.set('k', 'v', { ack: ONE }));
    expect(error).toMatchObject({ code: 'ServerError', node: 'a:1' });
    await turn();
    expect(socket.take()).toEqual([]);
  });

  test('another try after a lost connection, for what may be done twice and for nothing else', async () => {
    const { network, client, socket } = await start();
    const set = client.set('k', 'v', { ack: ONE });
    const increment = failureOf(client.increment('n', 1, { ack: ONE }));
    await turn();
    expect(socket.take().length).toBe(2);
    socket.cut();
    expect((await increment).code).toBe('ConnectionLost');
    await network.advance(0);
    const next = network.sockets[1]!;
    await next.greet();
    const [again] = next.take();
    expect(again).toMatchObject({ opcode: Opcode.set, ack: [1, 200] });
    next.reply(again!.id, Status.ok, new Uint8Array(0), 1);
    expect(await set).toBe(true);
  });
});
