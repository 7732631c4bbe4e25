/** The client in a cluster whose nodes die, come back as others, and lie. */
import { expect, test } from 'bun:test';
import type { ShoalError } from '../src/base/errors.ts';
import { seededRandom } from '../src/base/random.ts';
import { ShoalClient } from '../src/client/client.ts';
import type { ClientOptions } from '../src/client/options.ts';
import { Opcode, Status } from '../src/protocol/shoal/frame.ts';
import { encodeTopology } from '../src/topology/encoding.ts';
import { Topology } from '../src/topology/topology.ts';
import { slotOf, VirtualCluster, type VirtualNode } from './support/virtual-cluster.ts';
import { VirtualNetwork } from './support/virtual-network.ts';

function start(nodeCount: number, options: Partial<ClientOptions> = {}) {
  const network = new VirtualNetwork(seededRandom(11), 1);
  const cluster = new VirtualCluster(network);
  const nodes = Array.from({ length: nodeCount }, (_, index) => cluster.start(`n${index}`));
  cluster.share(nodes);
  const client = ShoalClient.lazy({ nodes: ['n0:7600'], ...options }, network);
  const epochs: number[] = [];
  const ignored: string[] = [];
  client.on('topologyChanged', ({ topology }) => epochs.push(topology.epoch));
  client.on('topologyIgnored', ({ node, error }) => ignored.push(`${node}: ${error.message}`));
  const run = <T>(call: Promise<T>): Promise<T> => network.until(call, 60_000);
  return { network, cluster, nodes, client, epochs, ignored, run };
}

function outcomeOf(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: ShoalError) => error.code);
}

/** A key whose slot node `index` of `count` has after `share`. */
function keyOf(index: number, count: number): string {
  for (let number = 0; ; number += 1) if (slotOf(`key:${number}`) % count === index) return `key:${number}`;
}

test('requests for a node that died wait until another one has its slots', async () => {
  const { network, cluster, nodes, client, run } = start(3);
  const key = keyOf(0, 3);
  await run(client.set(key, 1));
  nodes[0]!.kill();
  const calls = [client.get(key), client.increment(`{${key}}:count`)];
  await network.pass(2500);
  cluster.share(nodes.slice(1));
  expect(await run(Promise.all(calls))).toEqual([1, 1]);
  await run(client.close());
});

test('where nobody takes over they fail at once after a while, as they do where all nodes are down', async () => {
  const { network, nodes, client, run } = start(2);
  const [here, there] = [keyOf(0, 2), keyOf(1, 2)];
  await run(
    client.setMany([
      [here, 1],
      [there, 1],
    ]),
  );
  nodes[0]!.kill();
  expect(await run(outcomeOf(client.get(here, { timeoutMs: 1000 })))).toBe('Timeout');
  await network.pass(10_000);
  const beginMs = network.nowMs;
  expect(await run(outcomeOf(client.get(here)))).toBe('NoAvailableNodes');
  expect(network.nowMs - beginMs).toBeLessThan(10);
  expect(await run(client.get(there))).toBe(1);
  nodes[1]!.kill();
  expect(await run(outcomeOf(client.get(there)))).toBe('NoAvailableNodes');
  nodes[0]!.start();
  nodes[1]!.start();
  await network.pass(5000);
  expect(await run(client.getMany([here, there]))).toEqual([1, 1]);
  await run(client.close());
});

test('a request in flight at a node that left and does not answer goes to the new owner', async () => {
  const { network, cluster, nodes, client, run } = start(2);
  const key = keyOf(1, 2);
  await run(client.set(key, 1));
  nodes[1]!.override = () => null;
  const [again, once] = [client.get(key), outcomeOf(client.increment(key))];
  await network.pass(10);
  cluster.share([nodes[0]!]);
  expect(await run(again)).toBe(1);
  expect(await run(once)).toBe('ConnectionLost');
  await run(client.close());
});

test('a node that was removed and is not told, while the client watches it, keeps nothing from its new owner for long', async () => {
  const { network, cluster, nodes, client, run } = start(3);
  await run(client.get('a'));
  await network.pass(100);
  const cutOff = nodes.find(({ waitingCount }) => waitingCount === 1)!;
  const key = keyOf(nodes.indexOf(cutOff), 3);
  await run(client.set(key, 1));
  cluster.share(nodes.filter((node) => node !== cutOff));
  const beginMs = network.nowMs;
  expect(await run(client.increment(`{${key}}:count`))).toBe(1);
  expect(network.nowMs - beginMs).toBeLessThan(20);
  expect(cutOff.waitingCount).toBe(0);
  await run(client.close());
});

test('the watch goes on at another node where its own is lost, silent, or has left', async () => {
  const { network, cluster, nodes, client, epochs, run } = start(3);
  await run(client.get('a'));
  await network.pass(100);
  const watched = (): VirtualNode => nodes.find(({ waitingCount }) => waitingCount === 1)!;
  watched().cut();
  await network.pass(100);
  expect(nodes.reduce((sum, { waitingCount }) => sum + waitingCount, 0)).toBe(1);
  cluster.next({});
  cluster.announce();
  await network.pass(10);
  expect(epochs).toEqual([1, 2]);

  const silent = watched();
  silent.override = ({ opcode }) => (opcode === Opcode.topology ? null : undefined);
  cluster.next({});
  silent.apply(cluster.topology);
  await network.pass(10);
  // The next question is never answered.
  await network.pass(60_000);
  cluster.next({});
  cluster.announce();
  await network.pass(10);
  expect(epochs).toEqual([1, 2, 3, 4]);
  silent.override = () => undefined;

  const left = watched();
  const rest = nodes.filter((node) => node !== left);
  cluster.share(rest);
  left.apply(cluster.topology);
  await network.pass(10);
  expect(left.waitingCount).toBe(0);
  cluster.next({});
  cluster.announce();
  await network.pass(100);
  expect(epochs).toEqual([1, 2, 3, 4, 5, 6]);
  await run(client.close());
});

test('a node that greets, answers and hangs up is not asked without end', async () => {
  const { network, nodes, client, run } = start(1);
  await run(client.get('a'));
  let asked = 0;
  nodes[0]!.override = ({ opcode }) => {
    if (opcode !== Opcode.topology) return undefined;
    asked += 1;
    network.at(network.nowMs + 2, () => nodes[0]!.cut());
    return { status: Status.miss };
  };
  nodes[0]!.cut();
  await network.pass(60_000);
  expect(asked).toBeGreaterThan(10);
  expect(asked).toBeLessThan(200);
  await run(client.close());
});

test.each([
  ['garbage', () => Buffer.from('no topology at all'), /./],
  ['nothing', () => Buffer.alloc(0), /./],
  ['a topology that is cut', (cluster: VirtualCluster) => encodeTopology(cluster.topology).subarray(0, 100), /./],
  ['the topology of no cluster', () => encodeTopology(Topology.empty('test')), /epoch 0/],
  [
    'another cluster',
    (cluster: VirtualCluster) => encodeTopology(inCluster('other', cluster)),
    /of the cluster "other"/,
  ],
  [
    'an older topology',
    (cluster: VirtualCluster) => encodeTopology(cluster.topology),
    /its epoch is 1, which is older than 2/,
  ],
])('a node that tells %s changes nothing, and is heard of', async (_name, lieOf, reason) => {
  const { network, cluster, nodes, client, epochs, ignored, run } = start(2);
  await run(client.get('a'));
  const lie = lieOf(cluster);
  cluster.next({});
  cluster.announce();
  await network.pass(100);
  let told = 0;
  for (const node of nodes) {
    node.override = ({ opcode }) => {
      if (opcode !== Opcode.topology) return undefined;
      told += 1;
      return { status: Status.ok, value: lie };
    };
    node.cut();
  }
  await network.pass(20_000);
  expect(epochs).toEqual([1, 2]);
  expect(told).toBeGreaterThan(3);
  // It tries again, with waits between.
  expect(told).toBeLessThan(100);
  expect(ignored.length).toBe(told);
  expect(ignored[0]).toMatch(reason);
  expect(ignored[0]).toMatch(/^n\d:7600: /);
  const calls = [keyOf(0, 2), keyOf(1, 2)].map((key) => client.set(key, 1));
  expect(await run(Promise.all(calls))).toEqual([true, true]);
  await run(client.close());
});

/** As many epochs ahead, and of nodes at the same addresses. */
function inCluster(name: string, { topology }: VirtualCluster): Topology {
  const other = new VirtualCluster(new VirtualNetwork(seededRandom(1), 1), name);
  const nodes = topology.nodes.map(({ host }) => other.start(host));
  for (let epoch = 0; epoch < 9; epoch += 1) other.share(nodes);
  return other.topology;
}

test('a node that speaks of a topology from the future and has none is asked now and then, and the request ends at its deadline', async () => {
  const { cluster, nodes, client, epochs, run } = start(1);
  await run(client.set('a', 1));
  let asked = 0;
  nodes[0]!.override = ({ opcode, value }) => {
    if (opcode === Opcode.get) return { status: Status.moved, value: 'elsewhere', epoch: 0xffff_ffff };
    if (opcode === Opcode.topology && value.readUInt32LE(4) === 0) asked += 1;
    return undefined;
  };
  const calls = Array.from({ length: 100 }, () => outcomeOf(client.get('a', { timeoutMs: 2000 })));
  expect(new Set(await run(Promise.all(calls)))).toEqual(new Set(['Timeout']));
  expect(asked).toBeGreaterThan(5);
  expect(asked).toBeLessThan(30);
  nodes[0]!.override = () => undefined;
  expect(await run(client.get('a'))).toBe(1);
  expect(epochs).toEqual([cluster.topology.epoch]);
  await run(client.close());
});

test('nodes that are in no cluster and speak of one do not stop the ring', async () => {
  const { nodes, client, ignored, run } = start(2, { nodes: ['n0:7600', 'n1:7600'] });
  for (const node of nodes) node.isInCluster = false;
  await run(client.ping());
  const keys = Array.from({ length: 20 }, (_, index) => `${index}`);
  const liar = client.nodeOf('0');
  nodes.find(({ address }) => address === liar)!.override = ({ opcode, key }) =>
    opcode === Opcode.get && key === '0' ? { status: Status.clusterDown, value: 'down' } : undefined;
  expect(await run(outcomeOf(client.get('0', { timeoutMs: 300 })))).toBe('Timeout');
  expect(await run(client.getMany(keys.slice(1)))).toHaveLength(19);
  expect(client.topology).toBeNull();
  expect(ignored).toEqual([]);
  await run(client.close());
});

test('a node that says that it is in a cluster and has no topology is waited for', async () => {
  const network = new VirtualNetwork(seededRandom(3), 1);
  const cluster = new VirtualCluster(network);
  const node = cluster.start('n0');
  const client = ShoalClient.lazy({ nodes: ['n0:7600'] }, network);
  const late = await network.until(outcomeOf(client.get('a', { timeoutMs: 200 })), 1000);
  expect(late).toBe('Timeout');
  const failed = await network.until(
    outcomeOf(ShoalClient.connect({ nodes: ['n0:7600'], requestTimeoutMs: 100 }, network)),
    1000,
  );
  expect(failed).toBe('NoAvailableNodes');
  const call = client.set('a', 1);
  await network.pass(100);
  cluster.share([node]);
  expect(await network.until(call, 1000)).toBe(true);
  await network.until(client.close(), 1000);
  // Bytes that are on their way.
  await network.pass(5);
  expect(network.dueCount).toBe(0);
});

test('where all nodes of the topology are gone, the addresses that were given count: also with an older topology', async () => {
  const { network, cluster, nodes, client, epochs, run } = start(2);
  for (let epoch = 0; epoch < 9; epoch += 1) cluster.share(nodes);
  await run(client.set('a', 1));
  expect(client.topology?.epoch).toBe(10);
  for (const node of nodes) node.kill();
  await network.pass(5000);
  // The cluster begins anew, at the same addresses: its nodes have other ids, and its topologies begin at 1.
  const anew = new VirtualCluster(network);
  for (let spare = 0; spare < 5; spare += 1) anew.start('spare');
  anew.share([anew.start('n0'), anew.start('n1')]);
  await network.pass(20_000);
  expect(epochs).toEqual([10, 1]);
  expect(await run(client.get('a'))).toBeUndefined();
  await run(client.close());
});

test('an address that is added while all nodes are gone leads to the cluster again', async () => {
  const { network, cluster, nodes, client, run } = start(1);
  await run(client.set('a', 1));
  nodes[0]!.kill();
  await network.pass(5000);
  const moved = cluster.start('elsewhere');
  cluster.share([moved]);
  client.addNode('elsewhere:7600');
  expect(() => client.addNode('elsewhere:7600')).toThrow(/there already/);
  await network.pass(10_000);
  expect(await run(client.get('a'))).toBe(1);
  expect(client.removeNode('elsewhere:7600')).toBe(true);
  expect(client.removeNode('elsewhere:7600')).toBe(false);
  expect(await run(client.get('a'))).toBe(1);
  await run(client.close());
});

test('another process at the address of a node is not taken for it', async () => {
  const { network, nodes, client, run } = start(2);
  await run(client.set(keyOf(1, 2), 'mine'));
  nodes[1]!.kill();
  const stranger = new VirtualCluster(network, 'another');
  for (let spare = 0; spare < 5; spare += 1) stranger.start('spare');
  const other = stranger.start('n1');
  stranger.share([other]);
  stranger.items.set(keyOf(1, 2), Buffer.from('not mine'));
  expect(await run(outcomeOf(client.get(keyOf(1, 2), { timeoutMs: 3000 })))).toBe('Timeout');
  expect(other.executedCount).toBe(0);
  expect(client.nodes[1]!.lastError?.message).toMatch(/another node answers/);
  other.kill();
  nodes[1]!.start();
  await network.pass(5000);
  expect(await run(client.get(keyOf(1, 2)))).toBe('mine');
  await run(client.close());
});

test('where others are at the addresses of all nodes, what is sent waits for the topology that has them', async () => {
  const { network, cluster, nodes, client, run } = start(2);
  const key = keyOf(1, 2);
  await run(client.set(key, 1));
  for (const node of nodes) node.kill();
  const others = nodes.map((_, index) => cluster.start(`n${index}`));
  await network.pass(1000);
  expect(client.nodes.map(({ state }) => state)).toEqual(['down', 'down']);
  const call = client.get(key);
  await network.pass(500);
  cluster.share(others);
  expect(await run(call)).toBe(1);
  await run(client.close());
});

test('nodes that are taken into a cluster while the client runs are used as one', async () => {
  const { network, nodes, client, run } = start(2, { nodes: ['n0:7600', 'n1:7600'] });
  for (const node of nodes) node.isInCluster = false;
  const keys = Array.from({ length: 50 }, (_, index) => `${index}`);
  await run(client.setMany(keys.map((key) => [key, key])));
  expect(client.topology).toBeNull();
  for (const node of nodes) {
    node.isInCluster = true;
    node.cut();
  }
  await network.pass(1000);
  expect(client.topology?.epoch).toBe(1);
  expect(await run(client.getMany(keys))).toEqual(keys);
  await run(client.close());
});
