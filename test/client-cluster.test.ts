/** The client in a cluster: learns the topology, routes by slot, and finds its way again whatever happens to the nodes. */
import { expect, test } from 'bun:test';
import type { ShoalError } from '../src/base/errors.ts';
import { seededRandom } from '../src/base/random.ts';
import { ShoalClient } from '../src/client/client.ts';
import type { ClientOptions } from '../src/client/options.ts';
import { Opcode, Status } from '../src/protocol/shoal/frame.ts';
import { slotOf, VirtualCluster, type VirtualNode } from './support/virtual-cluster.ts';
import { VirtualNetwork } from './support/virtual-network.ts';

interface World {
  readonly network: VirtualNetwork;
  readonly cluster: VirtualCluster;
  readonly nodes: readonly VirtualNode[];
  readonly client: ShoalClient;
  /** Epochs of the topologies that the client took, and why it took none. */
  readonly epochs: number[];
  readonly ignored: string[];
  /** Runs a call to its end. */
  readonly run: <T>(call: Promise<T>) => Promise<T>;
}

function start(nodeCount: number, options: Partial<ClientOptions> = {}): World {
  const network = new VirtualNetwork(seededRandom(7), 1);
  const cluster = new VirtualCluster(network);
  const nodes = Array.from({ length: nodeCount }, (_, index) => cluster.start(`n${index}`));
  cluster.share(nodes);
  const client = ShoalClient.lazy({ nodes: ['n0:7600'], ...options }, network);
  const epochs: number[] = [];
  const ignored: string[] = [];
  client.on('topologyChanged', ({ topology }) => epochs.push(topology.epoch));
  client.on('topologyIgnored', ({ node, error }) => ignored.push(`${node}: ${error.message}`));
  return { network, cluster, nodes, client, epochs, ignored, run: (call) => network.until(call, 60_000) };
}

function failureOf(call: Promise<unknown>): Promise<ShoalError> {
  return call.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: ShoalError) => error,
  );
}

const KEYS = Array.from({ length: 100 }, (_, index) => `key:${index}`);

function refusals(nodes: readonly VirtualNode[]): number {
  return nodes.reduce((sum, { refusedCount }) => sum + refusedCount, 0);
}

/** A key of a slot that node `index` of `count` has after `share`. */
function keyOf(index: number, count: number): string {
  return KEYS.find((key) => slotOf(key) % count === index)!;
}

test('one address leads to all nodes, and each key to its owner at once', async () => {
  const { cluster, nodes, client, epochs, run } = start(3);
  await run(client.setMany(KEYS.map((key) => [key, key])));
  expect(await run(client.getMany(KEYS))).toEqual(KEYS);
  expect(refusals(nodes)).toBe(0);
  for (const node of nodes) expect(node.executedCount).toBeGreaterThan(20);
  expect(epochs).toEqual([cluster.topology.epoch]);
  expect(client.topology?.epoch).toBe(cluster.topology.epoch);
  expect(client.nodes.map(({ id, address, state }) => [id, address, state])).toEqual(
    nodes.map(({ id, address }) => [id, address, 'up']),
  );
  for (const key of KEYS) expect(client.nodeOf(key)).toBe(cluster.ownerOf(slotOf(key))!);
  await run(client.close());
});

test('connect resolves once the topology is known', async () => {
  const { network, cluster, nodes } = start(2);
  const client = await network.until(ShoalClient.connect({ nodes: ['n1:7600'] }, network), 1000);
  expect(client.topology?.epoch).toBe(cluster.topology.epoch);
  expect(client.nodes.map(({ address }) => address)).toEqual(nodes.map(({ address }) => address));
  await network.until(client.close(), 1000);
});

test('nodes in no cluster share keys by the ring, and are asked for no topology', async () => {
  const world = start(2, { nodes: ['n0:7600', 'n1:7600'] });
  const opcodes: number[] = [];
  for (const node of world.nodes) {
    node.isInCluster = false;
    node.override = ({ opcode }) => {
      opcodes.push(opcode);
      return undefined;
    };
  }
  await world.run(world.client.setMany(KEYS.map((key) => [key, 1])));
  expect(world.client.topology).toBeNull();
  expect(await world.run(world.client.syncTopology())).toBeNull();
  expect(world.client.nodes.map(({ id }) => id)).toEqual(['n0:7600', 'n1:7600']);
  expect(opcodes).not.toContain(Opcode.topology);
  expect(opcodes.filter((opcode) => opcode === Opcode.hello)).toHaveLength(2);
  await world.run(world.client.close());
});

test('with topology: off a cluster is not looked for', async () => {
  const { client, nodes, run } = start(2, { topology: 'off' });
  expect(await run(client.set(keyOf(0, 2), 1))).toBe(true);
  const error = await run(failureOf(client.set(keyOf(1, 2), 1)));
  expect([error.code, error.node]).toEqual(['ServerError', 'n0:7600']);
  expect(nodes[1]!.connectionCount).toBe(0);
  await run(client.close());
});

test('requests carry the epoch that the client knows', async () => {
  const { cluster, nodes, client, run } = start(1);
  const epochs: number[] = [];
  nodes[0]!.override = ({ opcode, epoch }) => {
    if (opcode === Opcode.get) epochs.push(epoch);
    return undefined;
  };
  await run(client.get('a'));
  cluster.next({});
  cluster.announce();
  await cluster.network.pass(10);
  await run(client.get('a'));
  expect(epochs).toEqual([1, 2]);
  await run(client.close());
});

test('a topology is pushed: nodes that came are used, those that left are let go, and nothing is refused', async () => {
  const { network, cluster, nodes, client, epochs, run } = start(2);
  await run(client.getMany(KEYS));
  const third = cluster.start('n2');
  const more = [...nodes, third];
  cluster.share(more);
  await network.pass(10);
  expect(epochs).toEqual([1, 2]);
  await run(client.getMany(KEYS));
  expect(third.executedCount).toBeGreaterThan(20);

  cluster.share(more.slice(1));
  nodes[0]!.apply(cluster.topology);
  await network.pass(10);
  await run(client.getMany(KEYS));
  await network.pass(3000);
  expect(refusals(more)).toBe(0);
  expect(nodes[0]!.connectionCount).toBe(0);
  expect(client.nodes.map(({ address }) => address)).toEqual(['n1:7600', 'n2:7600']);
  await run(client.close());
});

test('a node that has not the slot and knows more is asked at once, and the request goes to the owner, whatever it is', async () => {
  const { network, cluster, nodes, client, run } = start(2);
  const key = keyOf(0, 2);
  await run(client.increment(key));
  // No push: the nodes are told, and those that wait are not; and none says who has the slot.
  cluster.hints = false;
  for (const node of nodes) node.override = ({ opcode, value }) => (isPush(opcode, value) ? null : undefined);
  for (const node of nodes) node.cut();
  await network.pass(100);
  cluster.next({ owners: new Map([[slotOf(key), nodes[1]!.id]]) });
  cluster.announce();
  const beginMs = network.nowMs;
  expect(await run(client.increment(key))).toBe(2);
  expect(nodes[0]!.refusedCount).toBe(1);
  expect(nodes[1]!.executedCount).toBe(1);
  expect(network.nowMs - beginMs).toBeLessThan(20);
  await run(client.close());
});

function isPush(opcode: number, value: Buffer): boolean {
  return opcode === Opcode.topology && value.readUInt32LE(4) > 0;
}

test('a slot that is on its way is waited for, in the order of the calls', async () => {
  const { network, cluster, client, run } = start(2);
  const key = keyOf(0, 2);
  await run(client.set(key, 'before'));
  cluster.paused.add(slotOf(key));
  const sums = [1, 2, 3].map(() => client.increment(`{${key}}:count`));
  const last = client.set(key, 'after');
  await network.pass(30);
  cluster.paused.clear();
  expect(await run(Promise.all(sums))).toEqual([1, 2, 3]);
  expect(await run(last)).toBe(true);
  await run(client.close());
});

test('a slot that was handed over, as no topology says yet, is found by what its node says, and by the next requests at once', async () => {
  const { cluster, nodes, client, run } = start(2);
  const key = keyOf(0, 2);
  await run(client.set(key, 1));
  cluster.handed.set(slotOf(key), nodes[1]!.id);
  expect(await run(client.increment(`{${key}}:count`))).toBe(1);
  expect(await run(client.getMany([key, `{${key}}:nothing`]))).toEqual([1, undefined]);
  expect(nodes.map(({ refusedCount }) => refusedCount)).toEqual([1, 0]);
  // It came back, and that node says so.
  cluster.handed.clear();
  expect(await run(client.get(key))).toBe(1);
  expect(await run(client.get(key))).toBe(1);
  expect(nodes.map(({ refusedCount }) => refusedCount)).toEqual([1, 1]);
  await run(client.close());
});

test('where its node does not say who has it, it is found as soon as a topology says so', async () => {
  const { network, cluster, nodes, client, run } = start(2);
  cluster.hints = false;
  const key = keyOf(0, 2);
  await run(client.set(key, 1));
  cluster.handed.set(slotOf(key), nodes[1]!.id);
  const call = client.increment(`{${key}}:count`);
  await network.pass(50);
  expect(nodes[1]!.executedCount).toBe(0);
  cluster.next({ owners: new Map([[slotOf(key), nodes[1]!.id]]) });
  const beginMs = network.nowMs;
  cluster.announce();
  expect(await run(call)).toBe(1);
  expect(network.nowMs - beginMs).toBeLessThan(10);
  await run(client.close());
});

test('nodes that send a request to each other get it now and then, until its deadline', async () => {
  const { nodes, client, run } = start(2);
  await run(client.get('a'));
  let count = 0;
  nodes.forEach((node, index) => {
    const other = nodes[1 - index]!;
    node.override = ({ opcode }) => {
      if (opcode !== Opcode.get) return undefined;
      count += 1;
      return { status: Status.moved, value: `1 ${other.address}` };
    };
  });
  expect((await run(failureOf(client.get('a', { timeoutMs: 1000 })))).code).toBe('Timeout');
  expect(count).toBeGreaterThan(20);
  expect(count).toBeLessThan(100);
  for (const node of nodes) node.override = () => undefined;
  expect(await run(client.get('a'))).toBeUndefined();
  await run(client.close());
});

test('what no node takes ends at its deadline, and says what the last one said and that nothing was done', async () => {
  const { network, cluster, client, run } = start(2);
  const key = keyOf(0, 2);
  await run(client.set(key, 1));
  cluster.paused.add(slotOf(key));
  const beginMs = network.nowMs;
  const error = await run(failureOf(client.increment(key, 1, { timeoutMs: 500 })));
  expect(error.code).toBe('Timeout');
  expect(error.message).toMatch(/within 500 ms, so it was not executed; n0:7600 said: slot \d+ is on its way/);
  expect(network.nowMs - beginMs).toBeGreaterThan(499);
  expect(network.nowMs - beginMs).toBeLessThan(530);
  await run(client.close());
});

test('a slot that nobody owns is waited for without asking anybody', async () => {
  const { network, cluster, nodes, client, run } = start(2);
  const key = keyOf(0, 2);
  await run(client.set(key, 1));
  cluster.next({ owners: new Map([[slotOf(key), null]]) });
  cluster.announce();
  await network.pass(10);
  const executed = nodes[0]!.executedCount;
  const late = run(failureOf(client.get(key, { timeoutMs: 100 })));
  expect((await late).message).toMatch(/no topology says who has its slot/);
  expect(nodes.map(({ executedCount, refusedCount }) => executedCount + refusedCount)).toEqual([executed, 0]);
  expect(() => client.nodeOf(key)).toThrow(/no node of the cluster/);
  const call = client.get(key);
  cluster.next({ owners: new Map([[slotOf(key), nodes[1]!.id]]) });
  cluster.announce();
  expect(await run(call)).toBe(1);
  await run(client.close());
});

test('calls of many keys are split by owner and joined in order, and fail with the first that fails', async () => {
  const { cluster, nodes, client, run } = start(3);
  await run(client.setMany(KEYS.map((key, index) => [key, index])));
  expect(await run(client.getMany(['nothing', ...KEYS.toReversed()]))).toEqual([
    undefined,
    ...KEYS.map((_, index) => index).toReversed(),
  ]);
  expect(await run(client.deleteMany([...KEYS.slice(0, 50), 'nothing']))).toBe(50);
  cluster.paused.add(slotOf(KEYS[60]!));
  const error = await run(failureOf(client.getMany(KEYS, { timeoutMs: 100 })));
  expect(error.code).toBe('Timeout');
  expect(nodes.every(({ refusedCount, executedCount }) => executedCount > 0 && refusedCount >= 0)).toBe(true);
  await run(client.close());
});

test('a call goes to the owner of its key; one for a node goes to no other', async () => {
  const { nodes, client, run } = start(2);
  const [here, there] = [keyOf(0, 2), keyOf(1, 2)];
  await run(
    client.setMany([
      [here, 'a'],
      [there, 'b'],
    ]),
  );
  expect(await run(client.call(['GET', there], { key: there }))).toBe('b');
  expect(await run(client.call(['GET', here], { node: nodes[0]!.id }))).toBe('a');
  expect(await run(client.call(['GET', here], { node: 'n0:7600' }))).toBe('a');
  const error = await run(failureOf(client.call(['GET', there], { node: nodes[0]!.id })));
  expect([error.code, error.node]).toEqual(['ServerError', 'n0:7600']);
  expect((await run(failureOf(client.call(['GET', here])))).code).toBe('InvalidArgument');
  expect((await run(failureOf(client.call(['GET', here], { node: 'n9:7600' })))).code).toBe('InvalidArgument');
  await run(client.close());
});

test('any address that answers will do, and a dead one does no harm', async () => {
  const { client, cluster, run } = start(2, { nodes: ['gone:7600', 'n1:7600'] });
  expect(await run(client.getMany(KEYS, { timeoutMs: 100 }))).toHaveLength(100);
  expect(client.topology?.epoch).toBe(cluster.topology.epoch);
  await run(client.close());
});

test('an idle client asks for nothing but to be told, once in half a minute', async () => {
  const { network, client, nodes, run } = start(3);
  await run(client.get('a'));
  await network.pass(1000);
  const asked: number[] = [];
  for (const node of nodes) {
    node.override = ({ opcode }) => {
      asked.push(opcode);
      return undefined;
    };
  }
  await network.pass(60_000);
  expect(asked).toEqual([Opcode.topology, Opcode.topology]);
  expect(network.dueCount).toBeLessThan(5);
  await run(client.close());
  expect(nodes.map(({ connectionCount }) => connectionCount)).toEqual([0, 0, 0]);
});

test('close waits for what is held; what comes later is refused', async () => {
  const { network, cluster, client, run } = start(2);
  const key = keyOf(0, 2);
  await run(client.set(key, 1));
  cluster.paused.add(slotOf(key));
  const call = client.get(key);
  await network.pass(10);
  const closing = client.close();
  expect((await run(failureOf(client.get(key)))).code).toBe('ClientClosed');
  cluster.paused.clear();
  expect(await run(call)).toBe(1);
  await run(closing);
  expect(network.dueCount).toBe(0);
});

test('no more wait than may', async () => {
  const { network, cluster, client, run } = start(1, { pendingMax: 10 });
  await run(client.set('a', 1));
  cluster.paused.add(slotOf('a'));
  const calls: Promise<string>[] = [];
  for (let index = 0; index < 30; index += 1) {
    calls.push(client.get('a', { timeoutMs: 1000 }).then(String, (error: ShoalError) => error.code));
    await network.pass(3);
  }
  const outcomes = await run(Promise.all(calls));
  expect(new Set(outcomes)).toEqual(new Set(['Timeout', 'QueueFull']));
  expect(outcomes.filter((outcome) => outcome === 'Timeout').length).toBeLessThanOrEqual(20);
  await run(client.close());
});
