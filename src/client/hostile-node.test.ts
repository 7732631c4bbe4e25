/** The client against nodes that misbehave, and users' listeners that change the nodes at the worst moment. */
import { expect, test } from 'bun:test';
import { ScriptedNetwork, turn } from '../../test/support/scripted-sockets.ts';
import { Status } from '../protocol/shoal/frame.ts';
import type { ShoalError } from '../base/errors.ts';
import { ShoalClient } from './client.ts';
import type { ClientOptions } from './options.ts';

function open(options: Partial<ClientOptions> = {}) {
  const network = new ScriptedNetwork();
  const client = ShoalClient.lazy({ nodes: ['a:1'], ...options }, network);
  return { network, client, sockets: network.sockets };
}

/** The code with which a call fails; undefined where it does not. */
function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  return call.then(
    () => undefined,
    (error: ShoalError) => error.code,
  );
}

async function answerPing({ client, sockets }: ReturnType<typeof open>): Promise<void> {
  const asked = client.ping();
  await sockets[0]!.greet();
  sockets[0]!.reply(sockets[0]!.take()[0]!.id);
  await asked;
}

test('a node that its listener removes when it is lost is not connected to again', async () => {
  const { network, client, sockets } = open();
  client.on('nodeDown', ({ id }) => client.removeNode(id));
  const asked = client.get('key');
  await sockets[0]!.greet();
  sockets[0]!.reply(sockets[0]!.take()[0]!.id, Status.miss);
  expect(await asked).toBeUndefined();
  sockets[0]!.cut();
  await network.advance(60_000);
  expect(client.nodes).toEqual([]);
  expect(sockets.length).toBe(1);
  expect(network.timerCount).toBe(0);
});

test('a client that its listener closes when a node is lost opens nothing any more', async () => {
  const { network, client, sockets } = open({ breakerFailures: 1 });
  client.on('nodeDown', () => void client.close());
  const asked = codeOf(client.get('key'));
  sockets[0]!.cut();
  expect(await asked).toBe('NoAvailableNodes');
  await network.advance(60_000);
  expect(sockets.length).toBe(1);
  expect(network.timerCount).toBe(0);
});

test('a node that greets and hangs up is tried again with growing waits', async () => {
  const opened = open();
  const { network, sockets } = opened;
  await answerPing(opened);
  sockets[0]!.cut();
  // What worked is opened anew at once.
  await network.advance(0);
  expect(sockets.length).toBe(2);
  for (let index = 0; index < 1000; index += 1) {
    const socket = sockets.at(-1)!;
    if (!socket.closed) {
      await socket.greet();
      socket.cut();
    }
    await network.advance(10);
  }
  expect(sockets.length).toBeLessThan(20);
});

test('a connection beside a choked one that cannot be opened is not tried at every request', async () => {
  const opened = open({ compression: 'none' });
  const { network, client, sockets } = opened;
  await answerPing(opened);
  sockets[0]!.write = () => false;
  const big = new Uint8Array(512 * 1024);
  const calls: Promise<unknown>[] = [];
  for (let index = 0; index < 100; index += 1) {
    calls.push(client.set('key', big, { timeoutMs: 60_000 }).catch(() => undefined));
    await turn();
    for (const socket of sockets.slice(1)) socket.cut();
  }
  expect(sockets.length).toBeLessThan(5);
  await network.advance(60_000);
  await Promise.all(calls);
});

test('a command for one node goes to no other once that is removed', async () => {
  const { client, sockets } = open({ nodes: ['a:1', 'b:1'] });
  const calls = [client.call(['FLUSHALL'], { node: 'a:1' }), client.ping({ node: 'a:1' })].map(codeOf);
  client.removeNode('a:1');
  expect(await Promise.all(calls)).toEqual(['NoAvailableNodes', 'NoAvailableNodes']);
  expect(sockets.map(({ address }) => address)).toEqual(['a:1']);
});

test('a ping of one node that is lost is asked of the same node again', async () => {
  const { network, client, sockets } = open({ nodes: ['a:1', 'b:1'] });
  for (const id of ['a:1', 'b:1']) {
    const ping = client.ping({ node: id });
    const socket = sockets.find(({ address }) => address === id)!;
    await socket.greet();
    await turn();
    socket.cut();
    await network.advance(100);
    const again = sockets.findLast(({ address }) => address === id)!;
    expect(again).not.toBe(socket);
    await again.greet();
    again.reply(again.take()[0]!.id);
    await ping;
  }
});

test('a removed node whose answers nobody waits for is let go', async () => {
  const { network, client, sockets } = open({ nodes: ['a:1', 'b:1'] });
  const controller = new AbortController();
  const call = codeOf(client.call(['GET', 'key'], { node: 'a:1', signal: controller.signal }));
  await sockets[0]!.greet();
  controller.abort();
  expect(await call).toBe('Aborted');
  await network.advance(100);
  client.removeNode('a:1');
  await network.advance(100);
  await network.advance(100);
  expect(network.openCount).toBe(0);
  expect(network.timerCount).toBe(0);
});

test('a node that states longer keys than the protocol has gets none', async () => {
  const { client, sockets } = open();
  const asked = codeOf(client.get('k'.repeat(70_000)));
  await sockets[0]!.greet({ keyBytesMax: 0xffff_ffff, valueBytesMax: 0xffff_ffff });
  expect(await asked).toBe('TooLarge');
});

test('lost requests are sent again in their order when the numbers begin anew', async () => {
  const opened = open();
  const { network, client, sockets } = opened;
  await answerPing(opened);
  const { ready } = (client as unknown as { router: { all: [{ pool: { ready: { nextId: number }[] } }] } }).router
    .all[0].pool;
  ready[0]!.nextId = 0xffff_fffe;
  const keys = ['1', '2', '3', '4', '5'];
  const calls = keys.map((key) => client.get(key));
  await turn();
  expect(sockets[0]!.take().map(({ id }) => id)).toEqual([0xffff_fffe, 0xffff_ffff, 1, 2, 3]);
  sockets[0]!.cut();
  await network.advance(0);
  await sockets[1]!.greet();
  const again = sockets[1]!.take();
  expect(again.map(({ key }) => key)).toEqual(keys);
  for (const { id } of again) sockets[1]!.reply(id, Status.miss);
  await Promise.all(calls);
});

test('answers that a node leaves out do not fill its connection for ever', async () => {
  const opened = open({ pendingMax: 100, breakerFailures: 1000 });
  const { network, client, sockets } = opened;
  await answerPing(opened);
  const outcomes: (string | undefined)[] = [];
  for (let index = 0; index < 600; index += 1) {
    const lost = codeOf(client.get('lost', { timeoutMs: 50 }));
    const kept = codeOf(client.get('kept', { timeoutMs: 50 }));
    await turn();
    const socket = sockets.at(-1)!;
    if (!socket.closed && !socket.greeted) await socket.greet();
    for (const { id, key } of socket.take()) if (key === 'kept') socket.reply(id, Status.miss);
    await network.advance(100);
    await lost;
    outcomes.push(await kept);
  }
  expect(sockets.length).toBeGreaterThan(1);
  expect(outcomes).toContain('QueueFull');
  // After the connection was given up the next one is used.
  const lastRefusal = outcomes.slice(0, 400).lastIndexOf('QueueFull');
  expect(lastRefusal).toBeLessThan(350);
});

test('a listener of nodeUp does not overtake what waited', async () => {
  const { client, sockets } = open();
  const calls: Promise<unknown>[] = [client.set('key', 1)];
  client.on('nodeUp', () => calls.push(client.set('key', 2)));
  await sockets[0]!.greet();
  const sent = sockets[0]!.take();
  expect(sent.map(({ value }) => value.includes('1'))).toEqual([true, false]);
  for (const { id } of sent) sockets[0]!.reply(id);
  await Promise.all(calls);
});

test('connections that were busy once do not cost their peak for ever', async () => {
  const opened = open();
  const { network, client, sockets } = opened;
  await answerPing(opened);
  const calls = Array.from({ length: 20_000 }, () => client.get('key'));
  const last = client.get('last', { timeoutMs: 60_000 });
  await turn();
  const sent = sockets[0]!.take();
  for (const { id } of sent.slice(0, -1)) sockets[0]!.reply(id, Status.miss);
  await Promise.all(calls);
  await network.advance(1000);
  const { ready } = (client as unknown as { router: { all: [{ pool: { ready: { slots: unknown[] }[] } }] } }).router
    .all[0].pool;
  expect(ready[0]!.slots.length).toBeLessThan(2048);
  sockets[0]!.reply(sent.at(-1)!.id, Status.miss);
  expect(await last).toBeUndefined();
});

test('a call of more keys than may be pending is answered, within one deadline, and leaves room for others', async () => {
  const opened = open();
  const { network, client, sockets } = opened;
  await answerPing(opened);
  const keys = Array.from({ length: 100_000 }, (_, index) => `${index}`);
  const many = client.getMany(keys);
  const other = client.get('other');
  let sentCount = 0;
  for (let round = 0; round < 8; round += 1) {
    await turn();
    const sent = sockets[0]!.take();
    sentCount += sent.length;
    for (const { id } of sent) sockets[0]!.reply(id, Status.miss);
  }
  expect(sentCount).toBe(100_001);
  expect(await other).toBeUndefined();
  expect((await many).length).toBe(100_000);

  const late = codeOf(client.getMany(keys, { timeoutMs: 100 }));
  await turn();
  await network.advance(60);
  for (const { id } of sockets[0]!.take()) sockets[0]!.reply(id, Status.miss);
  await network.advance(60);
  expect(await late).toBe('Timeout');
  await turn();
  sockets[0]!.take();
  await network.advance(100);
  expect(network.timerCount).toBeLessThanOrEqual(1);
});

test('arguments that types refuse are refused as every other fault is', async () => {
  const { client } = open();
  const none = null as unknown as undefined;
  const calls = [
    client.get('key', none),
    client.getMany(none as unknown as string[]),
    client.setMany([1] as unknown as [string, unknown][]),
    client.get('key', { signal: {} as AbortSignal }),
    client.increment('key', none as unknown as bigint),
    client.getOrSet('key', none as unknown as () => unknown),
    client.getMany(new Array<string>(2)),
  ];
  const codes = await Promise.all(calls.map(codeOf));
  expect(codes).toEqual(codes.map(() => 'InvalidArgument'));
});

test('keys that UTF-8 would make one key are refused, and send nothing', async () => {
  const { client, sockets } = open();
  const calls = ['\ud800', `${'k'.repeat(100)}\udc00`, 'é'].map((key) => codeOf(client.get(key)));
  await sockets[0]!.greet();
  const sent = sockets[0]!.take();
  expect(sent.map(({ key }) => key)).toEqual(['é']);
  sockets[0]!.reply(sent[0]!.id, Status.miss);
  expect(await Promise.all(calls)).toEqual(['InvalidArgument', 'InvalidArgument', undefined]);
});
