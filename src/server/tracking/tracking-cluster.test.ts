/** Clients that cache, of a node in a cluster: they are told of what this node serves, and that it does not any more. */
import { afterEach, expect, test } from 'bun:test';
import { ForwardingNodes, type ForwardingOptions } from '../../../test/support/forwarding-nodes.ts';
import { frame } from '../../../test/support/fake-node.ts';
import { RespClient } from '../../../test/support/resp-client.ts';
import { keysWhere, slotOf } from '../../../test/support/slot-keys.ts';
import { ServingRight } from '../../cluster/slot-table.ts';
import { currentRuntime, newTransport } from '../../io/select-transport.ts';

const EVERYTHING = '>2\r\n$10\r\ninvalidate\r\n_\r\n';
const OTHER_NODE = 1;

const opened: Disposable[] = [];
afterEach(() => {
  for (const one of opened.splice(0)) one[Symbol.dispose]();
});

function start(options: ForwardingOptions = {}): Promise<ForwardingNodes> {
  return ForwardingNodes.start(() => newTransport(currentRuntime()), 2, options);
}

function invalidate(key: string): string {
  return `>2\r\n$10\r\ninvalidate\r\n${frame(key)}`;
}

async function connect(cluster: ForwardingNodes, node = 0): Promise<RespClient> {
  const client = await RespClient.connect(cluster.nodes[node]!.port);
  opened.push(client);
  return client;
}

async function connectTracking(cluster: ForwardingNodes, ...options: readonly string[]): Promise<RespClient> {
  const client = await connect(cluster);
  await client.call('HELLO', '3');
  expect(await client.call('CLIENT', 'TRACKING', 'ON', ...options)).toBe('+OK\r\n');
  return client;
}

/** Keys that the first node has, and one that the other has. */
const [OWN, SECOND] = keysWhere((slot) => slot % 2 === 0, 2) as [string, string];
const [FOREIGN] = keysWhere((slot) => slot % 2 === OTHER_NODE, 1) as [string];

test.each(['auto', 'forward'] as const)(
  'with redirects %s, who caches is sent to the node that has the key, and answered by others again afterwards',
  async (redirect) => {
    await using cluster = await start({ redirect });
    const client = await connectTracking(cluster);
    const moved = `-MOVED ${slotOf(FOREIGN)} 127.0.0.1:${cluster.nodes[OTHER_NODE]!.port}\r\n`;
    expect(await client.call('GET', FOREIGN)).toBe(moved);
    expect(await client.call('SET', FOREIGN, '1')).toBe(moved);
    expect(await client.call('MGET', OWN, FOREIGN)).toStartWith('-CROSSSLOT');
    expect(await client.call('CLIENT', 'TRACKING', 'OFF')).toBe('+OK\r\n');
    expect(await client.call('SET', FOREIGN, '1')).toBe('+OK\r\n');
    expect(await client.call('MGET', OWN, FOREIGN)).toBe('*2\r\n_\r\n$1\r\n1\r\n');
  },
);

test('what a transaction reads once it has turned tracking on comes behind what other nodes still have to answer, and its messages behind that', async () => {
  await using cluster = await start();
  const [client, writer] = [await connect(cluster), await connect(cluster)];
  await client.call('HELLO', '3');
  const slow = slotOf(FOREIGN);
  cluster.setPaused(slow, true);
  client.send('GET', FOREIGN);
  client.send('MULTI');
  client.send('CLIENT', 'TRACKING', 'ON');
  client.send('GET', OWN);
  client.send('EXEC');
  await writer.call('SET', OWN, '1');
  cluster.setPaused(slow, false);
  const replies = await client.readAll(5);
  expect(replies[0]).toBe('_\r\n');
  expect(replies[4]).toBe('*2\r\n+OK\r\n$1\r\n1\r\n');
  await writer.call('SET', OWN, '2');
  expect(await client.read()).toBe(invalidate(OWN));
});

test('a change that another node passes on is told', async () => {
  await using cluster = await start();
  const [client, writer] = [await connectTracking(cluster), await connect(cluster, OTHER_NODE)];
  await client.call('GET', OWN);
  expect(await writer.call('SET', OWN, '1')).toBe('+OK\r\n');
  expect(await client.read()).toBe(invalidate(OWN));
});

test('who holds keys of a slot that is handed over is told of them, and of no others', async () => {
  await using cluster = await start();
  const client = await connectTracking(cluster);
  const broadcast = await connectTracking(cluster, 'BCAST');
  await client.call('GET', OWN);
  await client.call('GET', SECOND);
  cluster.give(slotOf(OWN), cluster.nodes[OTHER_NODE]!);
  expect(await client.read()).toBe(invalidate(OWN));
  expect(await broadcast.read()).toBe(EVERYTHING);
  expect(await client.call('GET', OWN)).toStartWith('-MOVED');
  const writer = await connect(cluster);
  await writer.call('SET', SECOND, '1');
  expect(await client.read()).toBe(invalidate(SECOND));
});

test('they are told as soon as commands on the slot wait, and may read it again where it stays', async () => {
  await using cluster = await start();
  const [client, writer] = [await connectTracking(cluster), await connect(cluster)];
  await client.call('GET', OWN);
  cluster.setPaused(slotOf(OWN), true);
  expect(await client.read()).toBe(invalidate(OWN));
  cluster.setPaused(slotOf(OWN), false);
  expect(await client.call('GET', OWN)).toBe('_\r\n');
  await writer.call('SET', OWN, '1');
  expect(await client.read()).toBe(invalidate(OWN));
});

test('where the right to serve ends, everybody is told that everything may have changed', async () => {
  await using cluster = await start();
  const client = await connectTracking(cluster);
  await client.call('GET', OWN);
  cluster.nodes[0]!.slots.setServeUntil(0, ServingRight.none);
  expect(await client.read()).toBe(EVERYTHING);
  expect(await client.call('GET', OWN)).toStartWith('-CLUSTERDOWN');
});

test('so they are where it just runs out', async () => {
  await using cluster = await start();
  const [node] = cluster.nodes;
  node!.slots.setServeUntil(node!.clock.monotonicMs() + 60_000, ServingRight.lease);
  const client = await connectTracking(cluster);
  await client.call('GET', OWN);
  node!.clock.push(60_000);
  expect(await client.read()).toBe(EVERYTHING);
});
