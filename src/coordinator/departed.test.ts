/**
 * Rule 5 of the cluster's contract as it concerns the coordinator: nodes that it cannot see may serve by promises of each other, so nobody
 * who made no promise may get their slots.
 */
import { describe, expect, test } from 'bun:test';
import { type BenchNode, CoordinatorBench, LEASE_MS } from '../../test/support/coordinator-bench.ts';
import { SLOT_COUNT } from '../topology/slots.ts';

/** All of `count` nodes are cut off at once, with their slots. */
function cutOff(count: number): { bench: CoordinatorBench; lost: readonly BenchNode[] } {
  const bench = CoordinatorBench.settled(count);
  const lost = [...bench.nodes];
  for (const node of lost) node.speaks = false;
  bench.pass(LEASE_MS + 50);
  expect(bench.topology.nodes).toEqual([]);
  return { bench, lost };
}

describe('nodes that are cut off together', () => {
  test('may serve each other on: a node that joins gets nothing, and the operator is told why', () => {
    const { bench, lost } = cutOff(2);
    const late = bench.join();
    bench.pass(LEASE_MS * 20);
    expect(bench.state(late)).toBe('joining');
    expect(bench.topology.ownedCount).toBe(0);
    expect(bench.status().departed).toEqual(
      lost.map(({ id, host, port }) => ({ id, host, port, epoch: expect.any(Number) as number })),
    );
    const told = bench.logs.filter((line) => line.startsWith('warn: nodes that join wait'));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(`${lost[0]!.id} at 10.0.0.1:7001`);
  });

  test('and a coordinator that follows knows it, too', () => {
    const { bench } = cutOff(2);
    bench.depose();
    const next = new CoordinatorBench({}, bench.store, bench.nowMs);
    next.elect();
    const late = next.join({ id: 'e'.repeat(40), port: 7100 });
    next.pass(LEASE_MS * 20);
    expect(next.state(late)).toBe('joining');
  });

  test('are gone once a process is at the address of one of them, since each needs all', () => {
    const { bench, lost } = cutOff(3);
    const again = bench.join({ host: lost[1]!.host, port: lost[1]!.port });
    bench.pass(LEASE_MS - 100);
    expect(bench.state(again)).toBe('joining');
    bench.settle();
    expect(bench.slots(again)).toBe(SLOT_COUNT);
    expect(bench.status().departed).toEqual([]);
  });

  test('are gone when an operator says so', () => {
    const { bench, lost } = cutOff(2);
    const late = bench.join();
    bench.pass(LEASE_MS);
    expect(bench.admin({ type: 'forget', node: late.id })).toMatchObject({ type: 'refused' });
    expect(bench.admin({ type: 'forget', node: lost[0]!.id })).toEqual({ type: 'done' });
    bench.settle();
    expect(bench.slots(late)).toBe(SLOT_COUNT);
  });

  test('after a first one, that could have left it to them, are not gone with it', () => {
    const bench = CoordinatorBench.settled(3);
    const [first, second, third] = bench.nodes;
    first!.speaks = false;
    bench.pass(LEASE_MS + 50);
    bench.pass(LEASE_MS + 500);
    expect(bench.status().departed).toEqual([]);
    second!.speaks = false;
    third!.speaks = false;
    bench.pass(LEASE_MS + 100);
    // At the address of the first: of no use, the others have known for long that it is gone.
    const again = bench.join({ host: first!.host, port: first!.port });
    bench.pass(LEASE_MS * 5);
    expect(bench.state(again)).toBe('joining');
  });
});

describe('a node that dies beside others', () => {
  test('keeps nodes that join waiting until an active one knows of it, and a lease longer', () => {
    const bench = CoordinatorBench.settled(3);
    const [dead, first, second] = bench.nodes;
    first!.applies = false;
    second!.applies = false;
    bench.beat(dead!);
    dead!.speaks = false;
    bench.pass(LEASE_MS + 50);
    expect(bench.state(dead!)).toBeNull();
    const late = bench.join();
    bench.pass(LEASE_MS * 3);
    expect(bench.state(late)).toBe('joining');
    first!.applies = true;
    second!.applies = true;
    bench.pass(LEASE_MS - 100);
    expect(bench.state(late)).toBe('joining');
    bench.pass(200);
    expect(bench.state(late)).toBe('active');
  });

  test('does not let one become active in the epoch that removes it', () => {
    const bench = CoordinatorBench.settled(2);
    const [dead, alive] = bench.nodes;
    dead!.applies = false;
    const late = bench.join();
    bench.pass(100);
    expect(bench.state(late)).toBe('joining');
    dead!.speaks = false;
    while (bench.state(dead!) !== null) bench.pass(25);
    expect(bench.state(late)).toBe('joining');
    expect(bench.slots(alive!)).toBe(SLOT_COUNT);
    bench.settle();
    expect(bench.slots(late)).toBeGreaterThan(0);
  });

  test('without slots keeps nobody waiting', () => {
    const bench = CoordinatorBench.settled(1);
    const joining = bench.join({ applies: false });
    bench.pass(700);
    joining.speaks = false;
    bench.pass(LEASE_MS + 50);
    expect(bench.state(joining)).toBeNull();
    expect(bench.status().departed).toEqual([]);
  });
});

describe('the only node', () => {
  test('has nobody who could promise: the next one need not wait', () => {
    const { bench } = cutOff(1);
    expect(bench.status().departed).toEqual([]);
    const next = bench.join();
    bench.pass(LEASE_MS / 2);
    expect(bench.slots(next)).toBe(SLOT_COUNT);
  });

  test('beside one that joins is gone when that one knows, and a lease longer', () => {
    const bench = CoordinatorBench.settled(1);
    const [only] = bench.nodes;
    only!.applies = false;
    const next = bench.join();
    bench.beat(only!);
    only!.speaks = false;
    while (bench.state(only!) !== null) bench.pass(25);
    const removedMs = bench.nowMs;
    while (bench.state(next) === 'joining') bench.pass(25);
    expect(bench.nowMs - removedMs).toBeGreaterThan(LEASE_MS);
    expect(bench.nowMs - removedMs).toBeLessThan(LEASE_MS + 200);
    bench.settle();
    expect(bench.slots(next)).toBe(SLOT_COUNT);
  });

  test('that has not heard of the removal of another may have its promise', () => {
    const bench = CoordinatorBench.settled(2);
    const [first, second] = bench.nodes;
    first!.applies = false;
    bench.pass(100);
    second!.speaks = false;
    while (bench.state(second!) !== null) bench.pass(25);
    first!.speaks = false;
    while (bench.state(first!) !== null) bench.pass(25);
    const late = bench.join();
    bench.pass(LEASE_MS * 5);
    expect(bench.state(late)).toBe('joining');
  });
});
