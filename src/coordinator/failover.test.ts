/** Who gets the slots of a node that dies, where they have copies: at once or after a question, and always the most advanced. */
import { describe, expect, test } from 'bun:test';
import { type BenchNode, CoordinatorBench, LEASE_MS } from '../../test/support/coordinator-bench.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import { NO_NODE, type SlotMove } from '../topology/topology.ts';
import { isLater } from './heard-copies.ts';

function replicated(count: number, replicas: number, options: { concurrentMoves?: number } = {}): CoordinatorBench {
  return CoordinatorBench.settled(count, { replicas, ...options });
}

function die(bench: CoordinatorBench, ...nodes: readonly BenchNode[]): void {
  for (const node of nodes) node.speaks = false;
  while (nodes.some(({ id }) => bench.topology.node(id) !== null)) bench.pass(25);
}

function replicasOf(bench: CoordinatorBench, slot: number): readonly BenchNode[] {
  return bench.topology.replicasOf(slot).map(({ id }) => bench.nodeOf(id)!);
}

function lost(bench: CoordinatorBench): number {
  return bench.nodes.reduce((sum, { copies }) => sum + copies.lostCount, 0);
}

describe('the slots of a dead node', () => {
  test('go to their only copies with the epoch that removes it', () => {
    const bench = replicated(3, 1);
    const [dead] = bench.nodes;
    const heirs = new Map(bench.topology.slotsOf(dead!.id).map((slot) => [slot, replicasOf(bench, slot)[0]!.id]));
    die(bench, dead!);
    for (const [slot, heir] of heirs) expect(bench.topology.ownerOf(slot)?.id).toBe(heir);
    expect(bench.logs.filter((line) => line.includes('wait for what is known'))).toEqual([]);
    bench.settle();
    expect(lost(bench)).toBe(0);
  });

  test('go slot by slot to the copy that is the most advanced, also where positions come round', () => {
    const bench = replicated(4, 2);
    const [dead, ...others] = bench.nodes;
    others[0]!.copies.through = 0xffff_fff0;
    others[1]!.copies.through = 16;
    others[2]!.copies.through = 3;
    for (const node of others) bench.beat(node);
    const slots = bench.topology.slotsOf(dead!.id);
    const best = new Map(
      slots.map((slot) => {
        const [first, second] = replicasOf(bench, slot).map(({ copies, id }) => ({ id, through: copies.through }));
        return [slot, isLater(first!.through, second!.through) ? first!.id : second!.id];
      }),
    );
    const { epoch } = bench;
    die(bench, dead!);
    while (bench.topology.ownedCount < SLOT_COUNT) bench.pass(25);
    const later = bench.store.topologies.filter((topology) => topology.epoch > epoch + 1);
    const heirOf = (slot: number) => later.map((topology) => topology.ownerOf(slot)).find(Boolean);
    for (const slot of slots) expect(heirOf(slot)?.id).toBe(best.get(slot));
    expect(new Set(best.values())).toContain(others[1]!.id);
    bench.settle();
    expect(lost(bench)).toBe(0);
  });

  test('wait for a copy that has not been heard of, and get it', () => {
    const bench = replicated(4, 2);
    const [dead, late] = bench.nodes;
    late!.copies.through = 1000;
    const slots = bench.topology.slotsOf(dead!.id).filter((slot) => replicasOf(bench, slot).includes(late!));
    // It is alive, and does not apply the topology.
    late!.applies = false;
    die(bench, dead!);
    bench.pass(LEASE_MS / 2);
    for (const slot of slots) expect(bench.topology.ownerIndex(slot)).toBe(NO_NODE);
    late!.applies = true;
    bench.pass(200);
    for (const slot of slots) expect(bench.topology.ownerOf(slot)?.id).toBe(late!.id);
  });

  test('wait for no copy longer than a lease', () => {
    const bench = replicated(4, 2);
    const [dead, stuck] = bench.nodes;
    stuck!.applies = false;
    die(bench, dead!);
    expect(bench.topology.ownedCount).toBeLessThan(SLOT_COUNT);
    bench.pass(LEASE_MS + 200);
    expect(bench.topology.ownedCount).toBe(SLOT_COUNT);
    expect(lost(bench)).toBe(0);
  });

  test('are not waited for with a copy that has died too', () => {
    const bench = replicated(4, 2);
    const [dead, other] = bench.nodes;
    die(bench, dead!, other!);
    bench.settle();
    expect(bench.topology.ownedCount).toBe(SLOT_COUNT);
    expect(lost(bench)).toBe(0);
  });

  test('are empty where there was no whole copy, and nobody takes a part for it', () => {
    const bench = replicated(3, 1);
    const [dead, ...others] = bench.nodes;
    for (const node of others) {
      node.syncs = false;
      node.copies.desync();
      bench.beat(node);
    }
    const had = bench.topology.slotCountOf(dead!.id);
    die(bench, dead!);
    for (const node of others) node.syncs = true;
    bench.settle();
    expect(bench.topology.ownedCount).toBe(SLOT_COUNT);
    const emptied = bench.logs.map((line) => Number(/of (\d+) slots there is no whole copy/.exec(line)?.[1] ?? 0));
    expect(emptied.reduce((sum, count) => sum + count)).toBe(had);
  });

  test('are asked for by the next coordinator, where one dies in between', () => {
    const bench = replicated(4, 2);
    const [dead, late] = bench.nodes;
    late!.copies.through = 7;
    late!.applies = false;
    die(bench, dead!);
    bench.pass(100);
    expect(bench.topology.ownedCount).toBeLessThan(SLOT_COUNT);
    bench.depose();
    bench.elect();
    late!.applies = true;
    bench.pass(LEASE_MS / 2);
    expect(bench.topology.ownedCount).toBe(SLOT_COUNT);
    bench.settle();
    expect(lost(bench)).toBe(0);
  });
});

/** A node that joins is sent slots, and nothing is handed over by itself. */
function moving(): { bench: CoordinatorBench; move: SlotMove; from: BenchNode; to: BenchNode } {
  const bench = replicated(3, 1);
  for (const node of bench.nodes) node.hands = false;
  bench.join({ hands: false });
  while (bench.topology.moves.length === 0) bench.pass(100);
  const move = bench.topology.moves.find((one) => !bench.topology.isToReplica(one))!;
  return { bench, move, from: bench.nodeOf(move.from)!, to: bench.nodeOf(move.to)! };
}

describe('a source that dies in a move', () => {
  test('leaves the slots to its replica, where the target says that it has nothing', () => {
    const { bench, move, from, to } = moving();
    const heirs = new Map(move.slots.map((slot) => [slot, replicasOf(bench, slot)[0]!.id]));
    const { epoch } = bench;
    die(bench, from);
    const later = bench.store.topologies.filter((topology) => topology.epoch > epoch);
    const first = later.find((topology) => topology.node(from.id) === null)!;
    for (const slot of move.slots) {
      expect([first.ownerOf(slot)?.id, first.isUnsure(slot), first.hasKept(slot)]).toEqual([to.id, true, true]);
    }
    bench.pass(200);
    for (const [slot, heir] of heirs) expect(bench.topology.ownerOf(slot)?.id).toBe(heir);
    for (const node of bench.nodes) node.hands = true;
    bench.settle();
    expect(lost(bench)).toBe(0);
  });

  test('leaves the slots to the target, where that has taken them over', () => {
    const { bench, move, from, to } = moving();
    from.speaks = false;
    // It has taken over, and does not say so before the source is dead.
    to.copies.apply(bench.topology);
    to.takes = [move.id];
    die(bench, from);
    bench.pass(300);
    for (const slot of move.slots) {
      expect([bench.topology.ownerOf(slot)?.id, bench.topology.isUnsure(slot)]).toEqual([to.id, false]);
    }
    for (const node of bench.nodes) node.hands = true;
    bench.settle();
    expect(lost(bench)).toBe(0);
  });
});

test('a target that dies before its handover is stored leaves the slots to the source, with what it had', () => {
  const { bench, move, from, to } = moving();
  to.speaks = false;
  bench.pass(LEASE_MS - 50);
  from.progress.set(move.id, { state: 'handed' });
  bench.nowMs += 100;
  bench.beat(from);
  expect(bench.topology.node(to.id)).toBeNull();
  expect(new Set(move.slots.map((slot) => bench.topology.ownerOf(slot)?.id))).toEqual(new Set([from.id]));
  for (const node of bench.nodes) node.hands = true;
  bench.settle();
  expect([bench.topology.ownedCount, lost(bench)]).toEqual([SLOT_COUNT, 0]);
});

test('positions are compared by their difference, and all of it is later than any', () => {
  expect(isLater(5, 4)).toBeTrue();
  expect(isLater(4, 5)).toBeFalse();
  expect(isLater(3, 0xffff_fff0)).toBeTrue();
  expect(isLater(0xffff_fff0, 3)).toBeFalse();
  expect(isLater(null, 3)).toBeTrue();
  expect(isLater(3, null)).toBeFalse();
  expect(isLater(null, null)).toBeFalse();
});
