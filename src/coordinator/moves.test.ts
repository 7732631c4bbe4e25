/** Moves at the coordinator: when they begin, in which numbers, and how each of their ends changes who owns what. */
import { describe, expect, test } from 'bun:test';
import { type BenchNode, CoordinatorBench, LEASE_MS } from '../../test/support/coordinator-bench.ts';
import type { SlotMove } from '../topology/topology.ts';

/** Two nodes that share all slots, and a third that waits for its part; nothing is handed over by itself. */
function moving(options: ConstructorParameters<typeof CoordinatorBench>[0] = {}): CoordinatorBench {
  const bench = CoordinatorBench.settled(2, options);
  for (const node of bench.nodes) node.hands = false;
  bench.join({ hands: false });
  while (bench.topology.moves.length === 0) bench.pass(100);
  return bench;
}

function firstMove(bench: CoordinatorBench): { move: SlotMove; from: BenchNode; to: BenchNode } {
  const move = bench.topology.moves[0]!;
  return { move, from: bench.nodeOf(move.from)!, to: bench.nodeOf(move.to)! };
}

function ownersOf(bench: CoordinatorBench, { slots }: SlotMove): readonly (string | null)[] {
  return [...new Set(slots.map((slot) => bench.topology.ownerOf(slot)?.id ?? null))];
}

describe('moves begin', () => {
  test('one for each pair of nodes, with so many slots, and no more of them at once than may be', () => {
    const bench = CoordinatorBench.settled(4, { concurrentMoves: 3, slotsPerMove: 10 });
    for (const node of bench.nodes) node.hands = false;
    bench.join({ hands: false });
    bench.pass(LEASE_MS * 2);
    const { moves } = bench.topology;
    expect(moves).toHaveLength(3);
    expect(moves.map(({ slots }) => slots.length)).toEqual([10, 10, 10]);
    expect(new Set(moves.map(({ from, to }) => `${from} ${to}`)).size).toBe(3);
  });

  test('with more slots where there are few items in them', () => {
    const bench = CoordinatorBench.settled(2, { slotsPerMove: 10 });
    for (const node of bench.nodes) node.items = 3;
    bench.join({ hands: false });
    bench.pass(LEASE_MS);
    expect(bench.topology.moves.length).toBeGreaterThan(0);
    for (const { slots } of bench.topology.moves) expect(slots.length).toBe(1024);
  });

  test('under ids that no move had before', () => {
    const bench = CoordinatorBench.settled(3, { slotsPerMove: 500 });
    bench.join();
    bench.settle();
    const ids = bench.store.topologies.flatMap(({ moves }, index, all) => {
      const before = new Set(all[index - 1]?.moves.map(({ id }) => id));
      return moves.map(({ id }) => id).filter((id) => !before.has(id));
    });
    expect(ids.length).toBeGreaterThan(5);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Math.max(...ids)).toBeLessThan(bench.stored.nextMoveId);
  });

  test('not where none may', () => {
    const bench = CoordinatorBench.settled(1, { concurrentMoves: 0 });
    bench.join();
    bench.settle();
    expect(bench.topology.moves).toEqual([]);
    expect(bench.slots(bench.nodes[1]!)).toBe(0);
    expect(bench.status().plannedSlots).toBeGreaterThan(0);
  });

  test('not with a node that has not been heard since the election', () => {
    const bench = moving();
    for (const node of bench.nodes) node.hands = true;
    bench.nodes[0]!.speaks = false;
    bench.depose();
    bench.elect();
    const begun = new Set(bench.topology.moves.map(({ id }) => id));
    bench.pass(LEASE_MS - 100);
    const since = bench.topology.moves.filter(({ id }) => !begun.has(id));
    expect(since.filter(({ from, to }) => [from, to].includes(bench.nodes[0]!.id))).toEqual([]);
  });
});

describe('a move ends', () => {
  test('when its target says that it has the slots', () => {
    const bench = moving();
    const { move, to } = firstMove(bench);
    to.handed = [move.id];
    bench.beat(to);
    expect(ownersOf(bench, move)).toEqual([to.id]);
    expect(bench.topology.moves.some(({ id }) => id === move.id)).toBeFalse();
  });

  test('when its source says that it has handed over', () => {
    const bench = moving();
    const { move, from, to } = firstMove(bench);
    from.progress.set(move.id, { state: 'handed' });
    bench.beat(from);
    expect(ownersOf(bench, move)).toEqual([to.id]);
  });

  test('together with others that are done, in one epoch', () => {
    const bench = moving();
    expect(bench.topology.moves).toHaveLength(2);
    const moves = [...bench.topology.moves];
    const { epoch } = bench;
    bench.writeMode = 'hold';
    // The first is being written while the others are told.
    const late = bench.join();
    bench.beat(late);
    for (const { id, to } of moves) {
      const target = bench.nodeOf(to)!;
      target.handed = [...target.handed, id];
      bench.beat(target);
    }
    expect(bench.epoch).toBe(epoch);
    bench.release();
    expect(bench.epoch).toBe(epoch + 1);
    bench.release();
    expect(bench.epoch).toBe(epoch + 2);
    for (const move of moves) expect(ownersOf(bench, move)).toEqual([move.to]);
  });

  test('without a change of owner where it failed, and is tried again later', () => {
    const bench = moving();
    const { move, from, to } = firstMove(bench);
    from.progress.set(move.id, { state: 'failed', error: 'the target is full' });
    bench.beat(from);
    expect(ownersOf(bench, move)).toEqual([from.id]);
    expect(bench.topology.moves.some((other) => other.from === from.id && other.to === to.id)).toBeFalse();
    expect(bench.logs).toContain(`info: move ${move.id} failed: the target is full`);
    bench.pass(1000);
    const again = bench.topology.moves.find((other) => other.from === from.id && other.to === to.id);
    expect(again?.id).toBeGreaterThan(move.id);
  });

  test('without a change of owner where the target has given it up', () => {
    const bench = moving();
    const { move, from, to } = firstMove(bench);
    bench.ask({
      type: 'heartbeat',
      cluster: 'bench',
      node: { id: to.id, host: to.host, port: to.port, peerPort: to.port + 1000, zone: '', weight: 1 },
      epoch: to.epoch,
      leaving: false,
      moves: [{ id: move.id, state: 'failed', items: 0, bytes: 0, itemsTotal: 0, lag: 0, error: 'no memory' }],
      handed: [],
      figures: { items: 0, bytes: 0, memoryBytes: 0 },
    });
    expect(ownersOf(bench, move)).toEqual([from.id]);
    expect(bench.logs).toContain(`info: move ${move.id} failed: no memory`);
  });

  test('with its source: the target has the slots, and nobody else', () => {
    const bench = moving();
    const { move, from, to } = firstMove(bench);
    from.speaks = false;
    bench.pass(LEASE_MS + 50);
    expect(bench.state(from)).toBeNull();
    expect(ownersOf(bench, move)).toEqual([to.id]);
  });

  test('with its target: the source keeps the slots', () => {
    const bench = moving();
    const { move, from, to } = firstMove(bench);
    to.speaks = false;
    bench.pass(LEASE_MS + 50);
    expect(bench.state(to)).toBeNull();
    expect(ownersOf(bench, move)).toEqual([from.id]);
    expect(bench.topology.moves).toEqual([]);
  });

  test('with its target, which had told that it has the slots: they do not fall back to the old copy by chance', () => {
    const bench = moving();
    const { move, from, to } = firstMove(bench);
    to.speaks = false;
    from.progress.set(move.id, { state: 'handed' });
    bench.writeMode = 'refuse';
    bench.pass(LEASE_MS + 300);
    bench.writeMode = 'ok';
    bench.pass(300);
    expect(bench.state(to)).toBeNull();
    expect(ownersOf(bench, move)).not.toContain(to.id);
    expect(ownersOf(bench, move)).not.toContain(null);
  });

  test('with both: somebody else has the slots', () => {
    const bench = CoordinatorBench.settled(3);
    for (const node of bench.nodes) node.hands = false;
    bench.join({ hands: false });
    while (bench.topology.moves.length === 0) bench.pass(100);
    const { move, from, to } = firstMove(bench);
    for (const node of [from, to]) {
      bench.beat(node);
      node.speaks = false;
    }
    bench.pass(LEASE_MS + 50);
    for (const owner of ownersOf(bench, move)) {
      expect(owner).not.toBeNull();
      expect([from.id, to.id]).not.toContain(owner);
    }
  });
});

describe('the plan', () => {
  test('comes to an end, with all nodes within bounds, and then nothing is written', () => {
    const bench = CoordinatorBench.settled(3);
    bench.join();
    bench.settle();
    expect(bench.status().plannedSlots).toBe(0);
    const { epoch } = bench;
    bench.pass(LEASE_MS * 5);
    expect(bench.epoch).toBe(epoch);
  });

  test('survives the coordinator: another one goes on where it was', () => {
    const bench = moving();
    const { move, to } = firstMove(bench);
    bench.depose();
    const next = new CoordinatorBench({}, bench.store, bench.nowMs);
    next.nodes.push(...bench.nodes);
    next.elect();
    expect(next.topology.moves.map(({ id }) => id)).toContain(move.id);
    for (const node of next.nodes) node.hands = true;
    next.pass(700);
    expect(ownersOf(next, move)).toEqual([to.id]);
    next.settle();
    expect(next.status().plannedSlots).toBe(0);
  });
});
