/** The control side of nodes on real sockets, with a real coordinator, stores and movers. */
import { describe, expect, test } from 'bun:test';
import { FrameLink } from '../../../src/control/frame-link.ts';
import { decodePeerAnswer } from '../../../src/protocol/cluster/message-reader.ts';
import { encodeMessage } from '../../../src/protocol/cluster/messages.ts';
import { ServingRight } from '../../../src/cluster/slot-table.ts';
import { Opcode } from '../../../src/protocol/shoal/frame.ts';
import { keySlot, SLOT_COUNT } from '../../../src/topology/slots.ts';
import { failureOf } from '../../support/failure-of.ts';
import {
  HOSTED_CLUSTER,
  HOSTED_LEASE_MS,
  HostedCoordinator,
  HostedNode,
  until,
  wholeCluster,
} from '../../support/hosted-node.ts';

function slotOf(key: string): number {
  const bytes = Buffer.from(key, 'latin1');
  return keySlot(bytes, 0, bytes.length);
}

/** What the node at `port` answers to a control message; its refusal where it refuses the frame. */
function ask(port: number, value: Uint8Array, password = ''): Promise<string> {
  const link = new FrameLink({ host: '127.0.0.1', port, password, name: 'test' });
  return new Promise((resolve) => {
    const end = (text: string): void => {
      resolve(text);
      link.close();
    };
    link.send(Opcode.control, value, {
      answered: (bytes) => end(JSON.stringify(decodePeerAnswer(bytes))),
      failed: end,
    });
  });
}

describe('nodes of a cluster', () => {
  test('join, share all slots, and serve on while the coordinator is away', async () => {
    await using coordinator = await HostedCoordinator.start('secret');
    const options = { coordinators: [coordinator.address], password: 'secret' };
    await using a = await HostedNode.start(options);
    await using b = await HostedNode.start(options);
    await using c = await HostedNode.start(options);
    const nodes = [a, b, c];
    await wholeCluster(nodes);
    expect(new Set(nodes.map(({ nodeId }) => nodeId)).size).toBe(3);
    expect(a.host.snapshot()).toMatchObject({ state: 'ok', nodeCount: 3, coordinator: coordinator.address });
    expect(a.slotChanges).toBeGreaterThan(0);

    await coordinator.stop();
    await until(() => nodes.every(({ table }) => table.right === ServingRight.promises));
    const sinceMs = performance.now();
    const served = (): number => nodes.reduce((sum, node) => sum + node.servedCount, 0);
    await until(() => {
      expect(served()).toBeLessThanOrEqual(SLOT_COUNT);
      return performance.now() - sinceMs > HOSTED_LEASE_MS * 2.5;
    });
    await until(() => served() === SLOT_COUNT);
    expect(a.logged.join('\n')).toContain('serving on');

    await coordinator.restart();
    await until(() => nodes.every(({ table }) => table.right === ServingRight.lease));
    await wholeCluster(nodes);
    expect(nodes.flatMap(({ logged }) => logged).filter((line) => line.includes('removed'))).toEqual([]);
  });

  test('stop when coordinator and one node are gone, and take its slots over when only the node is', async () => {
    await using coordinator = await HostedCoordinator.start();
    const options = { coordinators: [coordinator.address] };
    await using a = await HostedNode.start(options);
    await using b = await HostedNode.start(options);
    await using c = await HostedNode.start(options);
    await wholeCluster([a, b, c]);
    await coordinator.stop();
    await c.host.stop();
    await until(() => a.servedCount === 0 && b.servedCount === 0);
    await until(() => a.trouble?.includes(c.nodeId.slice(0, 8)) === true);
    await coordinator.restart();
    await wholeCluster([a, b]);
    expect(a.trouble).toBeNull();
    expect(a.topology.nodes.map(({ id }) => id)).toEqual([a.nodeId, b.nodeId].toSorted());
  });

  test('take items along when a node joins and when one leaves', async () => {
    await using coordinator = await HostedCoordinator.start();
    const options = { coordinators: [coordinator.address] };
    await using a = await HostedNode.start(options);
    await wholeCluster([a]);
    const keys = Array.from({ length: 500 }, (_, number) => `key:${number}`);
    const nowMs = Date.now();
    for (const key of keys) a.driver.set(key, `value of ${key}`, nowMs);
    await using b = await HostedNode.start(options);
    await wholeCluster([a, b]);
    await until(() => b.servedCount > SLOT_COUNT / 3);
    await wholeCluster([a, b]);
    const holder = (key: string): HostedNode => (a.serves(slotOf(key)) ? a : b);
    expect(keys.some((key) => holder(key) === b)).toBeTrue();
    for (const key of keys) expect(holder(key).driver.get(key, nowMs)).toBe(`value of ${key}`);
    await until(() => a.store.stats().itemCount + b.store.stats().itemCount === keys.length);

    a.host.leave();
    await a.host.left;
    await a.host.stop();
    await wholeCluster([b]);
    for (const key of keys) expect(b.driver.get(key, nowMs)).toBe(`value of ${key}`);
    expect(b.topology.nodes.map(({ id }) => id)).toEqual([b.nodeId]);
  });
});

describe('a host', () => {
  test('refuses coordinators that are no addresses', async () => {
    const failure = await failureOf(HostedNode.start({ coordinators: ['here:7500', 'nowhere'] }));
    expect(failure).toMatchObject({ code: 'InvalidOption' });
    expect(failure.message).toContain('"nowhere" is not of the form HOST:PORT');
  });

  test('goes on trying without a coordinator, and says why it does not serve', async () => {
    await using node = await HostedNode.start({ coordinators: ['127.0.0.1:1'] });
    await until(() => node.trouble?.includes('127.0.0.1:1') === true);
    expect(node.host.snapshot()).toMatchObject({ state: 'fail', coordinator: null });
    expect(node.logged.filter((line) => line.includes('trying again'))).toHaveLength(1);
  });

  test('of another cluster, or with a wrong password, is told so and joins nothing', async () => {
    await using coordinator = await HostedCoordinator.start('secret');
    const coordinators = [coordinator.address];
    await using other = await HostedNode.start({ coordinators, cluster: 'other', password: 'secret' });
    await using stranger = await HostedNode.start({ coordinators, password: 'wrong' });
    await until(() => other.trouble?.includes(`"${HOSTED_CLUSTER}", not "other"`) === true);
    await until(() => stranger.trouble?.includes('password') === true);
    expect([other.servedCount, stranger.servedCount, other.topology.epoch]).toEqual([0, 0, 0]);
  });

  test('refuses what peers send and should not, and changes nothing by it', async () => {
    await using coordinator = await HostedCoordinator.start();
    await using node = await HostedNode.start({ coordinators: [coordinator.address] });
    await wholeCluster([node]);
    const { peerPort } = node.host;
    const { epoch, version } = node.table;
    const promise = {
      type: 'promise',
      cluster: HOSTED_CLUSTER,
      from: 'f'.repeat(40),
      epoch: 99,
      durationMs: 10,
    } as const;
    expect(await ask(peerPort, encodeMessage(promise))).toBe('{"type":"promised","granted":false}');
    expect(await ask(peerPort, encodeMessage({ ...promise, cluster: 'other' }))).toContain('not \\"other\\"');
    expect(await ask(peerPort, Buffer.from('garbage'))).toContain('must be JSON');
    expect(await ask(peerPort, Buffer.from('{"protocol":99}'))).toContain('speaks version 1');
    const extent = { attempt: 1, frames: 2 };
    const handover = { type: 'handover', cluster: HOSTED_CLUSTER, to: node.nodeId, move: 5, ...extent } as const;
    expect(await ask(peerPort, encodeMessage(handover))).toContain('unknown');
    expect(await ask(peerPort, encodeMessage({ ...handover, to: 'f'.repeat(40) }))).toContain('"refused"');
    expect([node.table.epoch, node.table.version]).toEqual([epoch, version]);
    expect(node.servedCount).toBe(SLOT_COUNT);
  });

  test('that has stopped serves nothing and frees its port', async () => {
    await using coordinator = await HostedCoordinator.start();
    const node = await HostedNode.start({ coordinators: [coordinator.address] });
    await wholeCluster([node]);
    await node.host.stop();
    await node.host.stop();
    expect(node.servedCount).toBe(0);
    expect(await ask(node.host.peerPort, Buffer.from('{}'))).toContain(String(node.host.peerPort));
  });
});
