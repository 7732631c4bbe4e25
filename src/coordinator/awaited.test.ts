/** Nodes that keep their data: what becomes of their slots when they are gone, and when they come back. */
import { describe, expect, test } from 'bun:test';
import { BenchDisk } from '../../test/support/bench-disk.ts';
import { type BenchNode, CoordinatorBench, LEASE_MS } from '../../test/support/coordinator-bench.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import type { CoordinatorOptions } from './core.ts';

const DATA_WAIT_MS = 20_000;

/** `count` nodes that share all slots, and keep their data. */
function keeping(count: number, options: Partial<CoordinatorOptions> = {}): CoordinatorBench {
  const bench = new CoordinatorBench({ dataWaitMs: DATA_WAIT_MS, ...options });
  bench.elect();
  for (let n = 0; n < count; n += 1) bench.join({ disk: BenchDisk.empty() });
  bench.settle();
  return bench;
}

function die(...nodes: readonly BenchNode[]): void {
  for (const node of nodes) node.speaks = false;
}

/** The node is started again, at its address and with its disk. */
function startAgain(bench: CoordinatorBench, { host, port, disk, hands }: BenchNode): BenchNode {
  return bench.join({ host, port, hands, disk: disk!.found() });
}

/** Another coordinator, which knows nothing but what is stored. */
function follow(bench: CoordinatorBench, options: Partial<CoordinatorOptions> = {}): CoordinatorBench {
  bench.depose();
  const next = new CoordinatorBench({ dataWaitMs: DATA_WAIT_MS, ...options }, bench.store, bench.nowMs);
  // Nodes have ids by their number here.
  next.nodes.push(...bench.nodes);
  next.elect();
  return next;
}

function has(bench: CoordinatorBench, node: BenchNode, slots: readonly number[]): boolean {
  return slots.every((slot) => bench.topology.ownerOf(slot)?.id === node.id);
}

describe('a node that is gone', () => {
  test('leaves slots that wait for it, and has them again when it is back', () => {
    const bench = keeping(3);
    const [first] = bench.nodes as [BenchNode];
    const slots = bench.topology.slotsOf(first.id);
    die(first);
    bench.pass(LEASE_MS * 5);
    expect(bench.topology.ownedCount).toBe(SLOT_COUNT - slots.length);
    expect(bench.status().awaited).toEqual([
      { id: first.id, host: first.host, port: first.port, slots: slots.length, leftMs: expect.any(Number) as number },
    ]);
    const again = startAgain(bench, first);
    bench.settle();
    expect(has(bench, again, slots)).toBeTrue();
    expect(bench.status().awaited).toEqual([]);
    expect(bench.stored.awaited).toEqual([]);
    expect(bench.logs).toContain(
      `info: node ${again.id.slice(0, 8)} goes on with what its disk has of ${slots.length} slots`,
    );
    // Of its own time it says so: who gets the slot serves what it has only then.
    expect(bench.topology.beforeOf(slots[0]!)).toBeGreaterThan(0);
  });

  test('is not waited for longer than that: then its slots begin empty, and its disk is of no use', () => {
    const bench = keeping(3);
    const [first] = bench.nodes as [BenchNode];
    die(first);
    bench.pass(DATA_WAIT_MS - LEASE_MS);
    expect(bench.topology.ownedCount).toBeLessThan(SLOT_COUNT);
    bench.pass(3 * LEASE_MS);
    expect(bench.topology.ownedCount).toBe(SLOT_COUNT);
    expect(bench.logs.some((line) => line.includes('has not come back with its data in time'))).toBeTrue();
    const again = startAgain(bench, first);
    bench.settle();
    expect(again.disk!.told(0).copies).toEqual([]);
  });

  test('is not waited for at all where an operator says that it is gone', () => {
    const bench = keeping(3);
    const [first] = bench.nodes as [BenchNode];
    die(first);
    bench.pass(LEASE_MS * 3);
    expect(bench.admin({ type: 'forget', node: first.id })).toEqual({ type: 'done' });
    bench.pass(LEASE_MS);
    expect(bench.topology.ownedCount).toBe(SLOT_COUNT);
    expect(bench.status().awaited).toEqual([]);
  });

  test('is not waited for where nobody is to wait, nor where it keeps nothing', () => {
    for (const bench of [keeping(3, { dataWaitMs: 0 }), CoordinatorBench.settled(3)]) {
      die(bench.nodes[0]!);
      bench.pass(LEASE_MS * 2);
      expect(bench.topology.ownedCount).toBe(SLOT_COUNT);
    }
  });

  test('is waited for by the next coordinator, too, for as long', () => {
    const bench = keeping(3);
    const [first] = bench.nodes as [BenchNode];
    const slots = bench.topology.slotsOf(first.id);
    die(first);
    bench.pass(DATA_WAIT_MS - LEASE_MS);
    const next = follow(bench);
    next.pass(DATA_WAIT_MS - LEASE_MS);
    expect(next.topology.ownedCount).toBe(SLOT_COUNT - slots.length);
    const again = startAgain(next, first);
    next.settle();
    expect(has(next, again, slots)).toBeTrue();
  });

  test('gives way to a whole copy that lives, and its disk is of no use then', () => {
    const bench = keeping(3, { replicas: 1 });
    const [first] = bench.nodes as [BenchNode];
    die(first);
    bench.pass(LEASE_MS * 2);
    expect(bench.topology.ownedCount).toBe(SLOT_COUNT);
    const again = startAgain(bench, first);
    bench.settle();
    expect(again.disk!.told(0).copies).toEqual([]);
    expect(bench.stored.awaited).toEqual([]);
  });
});

describe('all nodes at once', () => {
  test.each([0, 1])(
    'are back with everything, with %p replicas, and a coordinator that knows none of them',
    (replicas) => {
      const bench = keeping(3, { replicas });
      const before = bench.nodes.map((node) => bench.topology.slotsOf(node.id));
      const nodes = [...bench.nodes];
      die(...nodes);
      const next = follow(bench, { replicas });
      const again = nodes.map((node) => startAgain(next, node));
      next.settle();
      for (const [index, node] of again.entries()) expect(has(next, node, before[index]!)).toBeTrue();
      expect(next.logs.some((line) => line.includes('slots that nobody had get an owner'))).toBeFalse();
    },
  );

  test('some ms apart: who was promoted after its death never served, and the disk of the one before counts', () => {
    const bench = keeping(3, { replicas: 1 });
    const before = bench.nodes.map((node) => bench.topology.slotsOf(node.id));
    const nodes = [...bench.nodes];
    die(nodes[0]!);
    bench.pass(LEASE_MS / 4);
    // Their leases last a while, so they are still given the slots of the first.
    die(nodes[1]!, nodes[2]!);
    bench.pass(LEASE_MS * 3);
    expect(bench.topology.nodes).toEqual([]);
    const promoted = bench.store.topologies.some((topology) =>
      before[0]!.some((slot) => topology.ownerOf(slot)?.id === nodes[1]!.id),
    );
    expect(promoted).toBeTrue();
    const again = nodes.map((node) => startAgain(bench, node));
    bench.settle();
    for (const [index, node] of again.entries()) expect(has(bench, node, before[index]!)).toBeTrue();
  });
});

describe('a move', () => {
  /** The first of two nodes gives slots to a third, which has not taken any over. */
  function moving(): { bench: CoordinatorBench; from: BenchNode; to: BenchNode; slots: readonly number[] } {
    const bench = keeping(2);
    const to = bench.join({ disk: BenchDisk.empty() });
    for (const node of bench.nodes) node.hands = false;
    bench.pass(LEASE_MS * 3);
    const [move] = bench.topology.moves;
    expect(move!.to).toBe(to.id);
    return { bench, from: bench.nodeOf(move!.from)!, to, slots: move!.slots };
  }

  test('that was done, and its target is gone: the slots wait for the target, not for who had them before', () => {
    const { bench, from, to, slots } = moving();
    const move = bench.topology.moveOf(slots[0]!)!;
    to.disk!.take(move, bench.topology);
    die(to);
    from.progress.set(move.id, { state: 'handed' });
    bench.pass(LEASE_MS * 3);
    expect(slots.every((slot) => bench.topology.ownerOf(slot) === null)).toBeTrue();
    die(from);
    bench.pass(LEASE_MS * 3);
    startAgain(bench, from);
    bench.pass(LEASE_MS * 3);
    expect(slots.every((slot) => bench.topology.ownerOf(slot) === null)).toBeTrue();
    const again = startAgain(bench, to);
    bench.pass(LEASE_MS * 3);
    expect(has(bench, again, slots)).toBeTrue();
  });

  test('that may have been done, and its target is gone: the target has the slots if its disk says so, else the source goes on', () => {
    for (const isTaken of [true, false]) {
      const { bench, from, to, slots } = moving();
      const move = bench.topology.moveOf(slots[0]!)!;
      from.progress.set(move.id, { isHanding: true });
      if (isTaken) to.disk!.take(move, bench.topology);
      die(to);
      bench.pass(LEASE_MS * 3);
      expect(slots.every((slot) => bench.topology.ownerOf(slot) === null)).toBeTrue();
      // What the source has is needed, perhaps.
      expect(from.disk!.told(0).copies).not.toEqual([]);
      const again = startAgain(bench, to);
      bench.pass(LEASE_MS * 3);
      expect(has(bench, isTaken ? again : from, slots)).toBeTrue();
    }
  });

  test('whose source is gone goes to the target if that has taken over, else it waits for the source', () => {
    for (const isTaken of [true, false]) {
      const { bench, from, to, slots } = moving();
      if (isTaken) to.takes.push(bench.topology.moveOf(slots[0]!)!.id);
      bench.pass(LEASE_MS);
      die(from);
      bench.pass(LEASE_MS * 3);
      if (isTaken) {
        expect(has(bench, to, slots)).toBeTrue();
        continue;
      }
      expect(slots.every((slot) => bench.topology.ownerOf(slot) === null)).toBeTrue();
      const again = startAgain(bench, from);
      bench.pass(LEASE_MS * 3);
      expect(has(bench, again, slots)).toBeTrue();
    }
  });

  test('whose nodes are both gone: the target has the slots if its disk says that it took over, else the source', () => {
    for (const isTaken of [true, false]) {
      const { bench, from, to, slots } = moving();
      if (isTaken) to.disk!.take(bench.topology.moveOf(slots[0]!)!, bench.topology);
      die(from, to);
      bench.pass(LEASE_MS * 3);
      const sourceAgain = startAgain(bench, from);
      bench.pass(LEASE_MS * 3);
      // Who of them has more is not known yet.
      expect(slots.every((slot) => bench.topology.ownerOf(slot) === null)).toBeTrue();
      const targetAgain = startAgain(bench, to);
      bench.pass(LEASE_MS * 3);
      expect(has(bench, isTaken ? targetAgain : sourceAgain, slots)).toBeTrue();
    }
  });
});

test('data that is newer than what is stored is not dropped: the node is refused', () => {
  const bench = keeping(2);
  const [first] = bench.nodes as [BenchNode];
  const fresh = new CoordinatorBench({ dataWaitMs: DATA_WAIT_MS });
  fresh.elect();
  const again = fresh.join({ disk: first.disk!.found() });
  fresh.pass(LEASE_MS);
  expect(again.answer).toMatchObject({ type: 'refused' });
  expect(again.disk!.told(0).copies).not.toEqual([]);
});
