/** Restarts: a node is emptied, told to go only then, and whoever comes at its address is what it was to the operator. */
import { describe, expect, test } from 'bun:test';
import { type BenchNode, CoordinatorBench, LEASE_MS } from '../../test/support/coordinator-bench.ts';
import { SLOT_COUNT } from '../topology/slots.ts';

function restart(bench: CoordinatorBench, node: BenchNode): void {
  expect(bench.admin({ type: 'restart', node: node.id })).toEqual({ type: 'done' });
}

/** Why a restart of `node` is refused. */
function refusalOf(bench: CoordinatorBench, id: string): string {
  const answer = bench.admin({ type: 'restart', node: id });
  return answer?.type === 'refused' ? answer.text : `answered ${answer?.type}`;
}

/** Until the node is told that it may go; another process then comes at its address. */
function cameBack(bench: CoordinatorBench, node: BenchNode): BenchNode {
  for (let rounds = 0; bench.state(node) !== null; rounds += 1) {
    expect(rounds).toBeLessThan(1000);
    bench.pass(100);
  }
  expect(bench.beat(node)).toMatchObject({ type: 'lease', mayGo: true });
  node.speaks = false;
  return bench.join({ host: node.host, port: node.port });
}

describe('a node that is to start again', () => {
  test('gives its slots away, is told to go once it has none, and has its part again when it is back', () => {
    const bench = CoordinatorBench.settled(3);
    const [node] = bench.nodes;
    restart(bench, node!);
    expect(bench.state(node!)).toBe('draining');
    expect(bench.status().nodes.map(({ isRestarting }) => isRestarting)).toEqual([true, false, false]);
    while (bench.slots(node!) > 0) {
      expect(bench.beat(node!)).not.toHaveProperty('restart');
      bench.pass(100);
    }
    const again = cameBack(bench, node!);
    expect(bench.logs.some((line) => line.endsWith('10.0.0.1:7001 has left, to start again'))).toBeTrue();
    expect(bench.status().returning).toEqual(['10.0.0.1:7001']);
    bench.settle();
    expect(bench.slots(again)).toBeGreaterThan(SLOT_COUNT / 4);
    expect([bench.topology.ownedCount, bench.status().returning]).toEqual([SLOT_COUNT, []]);
    expect(bench.stored.settings.restarting.size).toBe(0);
  });

  test('has its slots go to its replicas, and goes only when others have what it copied', () => {
    const bench = CoordinatorBench.settled(4, { replicas: 1 });
    const [node] = bench.nodes;
    const heirs = new Map(
      bench.topology.slotsOf(node!.id).map((slot) => [slot, bench.topology.replicasOf(slot)[0]!.id]),
    );
    const { slots, coveredSlots } = bench.status().nodes[0]!;
    expect(coveredSlots).toBe(slots);
    restart(bench, node!);
    const again = cameBack(bench, node!);
    const wrong = [...heirs].filter(
      ([slot, heir]) => !bench.store.topologies.some((one) => one.ownerOf(slot)?.id === heir),
    );
    expect(wrong).toEqual([]);
    expect(bench.status().missingCopies).toBe(0);
    bench.settle();
    expect(bench.slots(again)).toBeGreaterThan(SLOT_COUNT / 5);
    expect(bench.status().missingCopies).toBe(0);
  });

  test('one of two with a replica goes although its copies have no other place', () => {
    const bench = CoordinatorBench.settled(2, { replicas: 1 });
    const [node] = bench.nodes;
    restart(bench, node!);
    cameBack(bench, node!);
    bench.settle();
    expect([bench.topology.ownedCount, bench.status().missingCopies]).toEqual([SLOT_COUNT, 0]);
  });

  test('stays where the operator takes that back', () => {
    const bench = CoordinatorBench.settled(3);
    const [node] = bench.nodes;
    restart(bench, node!);
    expect(bench.admin({ type: 'undrain', node: node!.id })).toEqual({ type: 'done' });
    bench.settle();
    expect([bench.state(node!), node!.leaving]).toEqual(['active', false]);
    expect(bench.slots(node!)).toBeGreaterThan(SLOT_COUNT / 4);
  });

  test('keeps its slots where all the others die meanwhile', () => {
    const bench = CoordinatorBench.settled(2);
    const [node, other] = bench.nodes;
    for (const one of bench.nodes) one.hands = false;
    restart(bench, node!);
    other!.speaks = false;
    bench.settle();
    bench.pass(LEASE_MS * 3);
    expect([bench.slots(node!), node!.leaving]).toEqual([SLOT_COUNT, false]);
  });

  test('is told so by a coordinator that was elected meanwhile', () => {
    const bench = CoordinatorBench.settled(3);
    const [node] = bench.nodes;
    restart(bench, node!);
    bench.depose();
    bench.elect();
    cameBack(bench, node!);
  });
});

describe('what an operator said of a node', () => {
  test.each(['drain', 'failover'] as const)('counts when it is back: %s', (type) => {
    const bench = CoordinatorBench.settled(3, { replicas: 1 });
    const [node] = bench.nodes;
    bench.admin({ type, node: node!.id });
    bench.admin({ type: 'weight', node: node!.id, weight: 7 });
    bench.settle();
    restart(bench, node!);
    const again = cameBack(bench, node!);
    bench.settle();
    expect([bench.state(again), bench.slots(again)]).toEqual(['draining', 0]);
    expect(bench.topology.node(again.id)?.weight).toBe(7);
    bench.admin({ type: 'undrain', node: again.id });
    bench.settle();
    expect(bench.slots(again)).toBeGreaterThan(SLOT_COUNT / 3);
  });

  test('counts too where it dies before it is empty, which is not called a return', () => {
    const bench = CoordinatorBench.settled(3);
    const [drained, other] = bench.nodes;
    for (const one of bench.nodes) one.hands = false;
    bench.admin({ type: 'drain', node: drained!.id });
    restart(bench, drained!);
    drained!.speaks = false;
    const again = bench.join({ host: drained!.host, port: drained!.port });
    bench.settle();
    expect([bench.state(again), bench.slots(again)]).toEqual(['draining', 0]);
    restart(bench, other!);
    other!.speaks = false;
    bench.settle();
    expect(bench.status().returning).toEqual([]);
  });
});

describe('a restart is refused', () => {
  test('of a node that nobody could stand in for, or that is not there', () => {
    const bench = CoordinatorBench.settled(1);
    const [node] = bench.nodes;
    expect(refusalOf(bench, node!.id)).toContain('no other node may have the slots');
    const second = bench.join();
    bench.settle();
    bench.admin({ type: 'drain', node: second.id });
    bench.settle();
    expect(refusalOf(bench, node!.id)).toContain('no other node may have the slots');
    expect(refusalOf(bench, 'f'.repeat(40))).toBe(`there is no node ${'f'.repeat(40)}`);
  });

  test('while another one goes, or nothing may move', () => {
    const bench = CoordinatorBench.settled(3);
    const [first, second] = bench.nodes;
    bench.admin({ type: 'cancel' });
    expect(refusalOf(bench, first!.id)).toContain('nothing is moved at the moment');
    bench.admin({ type: 'limits', concurrentMoves: 4, bytesPerSecond: null });
    restart(bench, first!);
    restart(bench, first!);
    expect(refusalOf(bench, second!.id)).toContain(`node ${first!.id} is being restarted`);
  });

  test('of a node that is part of an application', () => {
    const bench = CoordinatorBench.settled(2);
    const inside = bench.join({ restarts: false });
    bench.settle();
    expect(refusalOf(bench, inside.id)).toContain('runs inside an application');
  });
});
