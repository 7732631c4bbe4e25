/** What an operator asks for: it is answered once it is stored, and slots move after that, no more than must. */
import { describe, expect, test } from 'bun:test';
import { CoordinatorBench, LEASE_MS } from '../../test/support/coordinator-bench.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import { changeFor } from './admin.ts';
import { WEIGHTS_MAX } from './coordinator-state.ts';
import { Membership } from './membership.ts';

describe('drain', () => {
  test('empties the node, and keeps it empty until undrain', () => {
    const bench = CoordinatorBench.settled(3);
    const [node] = bench.nodes;
    expect(bench.admin({ type: 'drain', node: node!.id })).toEqual({ type: 'done' });
    expect(bench.state(node!)).toBe('draining');
    bench.settle();
    expect(bench.slots(node!)).toBe(0);
    expect(bench.topology.ownedCount).toBe(SLOT_COUNT);
    bench.join();
    bench.settle();
    expect(bench.slots(node!)).toBe(0);
    expect(bench.admin({ type: 'undrain', node: node!.id })).toEqual({ type: 'done' });
    bench.settle();
    expect(bench.state(node!)).toBe('active');
    expect(bench.slots(node!)).toBeGreaterThan(0);
  });

  test('of all nodes leaves the slots where they are', () => {
    const bench = CoordinatorBench.settled(2);
    for (const { id } of bench.nodes) bench.admin({ type: 'drain', node: id });
    bench.pass(LEASE_MS);
    expect(bench.topology.ownedCount).toBe(SLOT_COUNT);
    expect(bench.topology.moves).toEqual([]);
  });

  test('does not leave slots to nobody: where only drained nodes stay, they take what others leave', () => {
    const bench = CoordinatorBench.settled(3);
    const [drained, leaving, dying] = bench.nodes;
    bench.admin({ type: 'drain', node: drained!.id });
    bench.settle();
    expect(bench.slots(drained!)).toBe(0);
    dying!.speaks = false;
    leaving!.leaving = true;
    bench.settle();
    expect(bench.topology.nodes.map(({ id }) => id)).toEqual([drained!.id]);
    expect(bench.slots(drained!)).toBe(SLOT_COUNT);
    // It is to be empty as soon as somebody else is there.
    expect(bench.state(drained!)).toBe('draining');
    const next = bench.join();
    bench.settle();
    expect(bench.slots(next)).toBe(SLOT_COUNT);
  });

  test('cancels moves to the node, and undrain those from it', () => {
    const bench = CoordinatorBench.settled(2);
    for (const node of bench.nodes) node.hands = false;
    const third = bench.join({ hands: false });
    while (bench.topology.moves.length === 0) bench.pass(100);
    const [move] = bench.topology.moves;
    bench.admin({ type: 'drain', node: third.id });
    expect(bench.beat(bench.nodeOf(move!.from)!)).toMatchObject({ type: 'lease', cancel: [move!.id] });
    bench.nodeOf(move!.from)!.progress.set(move!.id, { state: 'failed', error: 'cancelled' });
    bench.beat(bench.nodeOf(move!.from)!);
    expect(bench.topology.moves.some(({ id }) => id === move!.id)).toBeFalse();
    expect(bench.stored.cancelled.has(move!.id)).toBeFalse();
    expect(bench.beat(bench.nodeOf(move!.from)!)).not.toHaveProperty('cancel');

    bench.admin({ type: 'undrain', node: third.id });
    bench.admin({ type: 'drain', node: bench.nodes[0]!.id });
    bench.pass(1500);
    const away = bench.topology.moves.filter(({ from }) => from === bench.nodes[0]!.id);
    expect(away.length).toBeGreaterThan(0);
    bench.admin({ type: 'undrain', node: bench.nodes[0]!.id });
    expect(bench.beat(bench.nodes[0]!)).toMatchObject({ cancel: away.map(({ id }) => id) });
  });
});

describe('weight', () => {
  test('moves the least that it can', () => {
    const bench = CoordinatorBench.settled(3);
    const before = bench.topology;
    const [heavy] = bench.nodes;
    expect(bench.admin({ type: 'weight', node: heavy!.id, weight: 2 })).toEqual({ type: 'done' });
    bench.settle();
    let moved = 0;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (before.ownerOf(slot)!.id === bench.topology.ownerOf(slot)!.id) continue;
      moved += 1;
      expect(bench.topology.ownerOf(slot)!.id).toBe(heavy!.id);
    }
    const fair = SLOT_COUNT / 2;
    expect(bench.slots(heavy!)).toBeGreaterThanOrEqual(Math.floor(fair * 0.95));
    expect(moved).toBe(bench.slots(heavy!) - before.slotCountOf(heavy!.id));
  });

  test('counts over what the node says, also when it starts anew', () => {
    const bench = CoordinatorBench.settled(2);
    const [node] = bench.nodes;
    bench.admin({ type: 'weight', node: node!.id, weight: 3 });
    node!.weight = 7;
    bench.pass(LEASE_MS);
    expect(bench.topology.node(node!.id)?.weight).toBe(3);
    node!.speaks = false;
    const again = bench.join({ host: node!.host, port: node!.port, weight: 5 });
    bench.settle();
    expect(bench.topology.node(again.id)?.weight).toBe(3);
  });

  test('of addresses that come and go are not kept without end', () => {
    const bench = CoordinatorBench.settled(1);
    const { stored } = bench;
    const known = Array.from({ length: WEIGHTS_MAX }, (_unused, n) => [`host-${n}:7000`, 2] as const);
    const wanted = changeFor(
      { type: 'weight', cluster: 'bench', node: bench.nodes[0]!.id, weight: 5 },
      stored,
      new Membership(LEASE_MS),
    );
    const change = 'change' in wanted ? wanted.change : null;
    const { weights } = change!({ ...stored, settings: { ...stored.settings, weights: new Map(known) } }).settings;
    expect(weights.size).toBe(WEIGHTS_MAX);
    expect(weights.get('10.0.0.1:7001')).toBe(5);
    expect([...weights.keys()][0]).toBe('host-1:7000');
  });
});

/** Four nodes that are within bounds, but not even. */
function uneven(): CoordinatorBench {
  const bench = CoordinatorBench.settled(3);
  bench.join();
  bench.settle();
  return bench;
}

describe('rebalance', () => {
  test('shows in a dry run what would move, and changes nothing', () => {
    const bench = uneven();
    const { length } = bench.writes;
    const answer = bench.admin({ type: 'rebalance', dryRun: true });
    expect(answer?.type).toBe('plan');
    expect(bench.writes).toHaveLength(length);
    expect(bench.stored.settings.tight).toBeFalse();
  });

  test('places to the slot, once', () => {
    const bench = uneven();
    const plan = bench.admin({ type: 'rebalance', dryRun: true });
    const slots = plan?.type === 'plan' ? plan.transfers.reduce((sum, transfer) => sum + transfer.slots, 0) : 0;
    expect(slots).toBeGreaterThan(0);
    expect(bench.admin({ type: 'rebalance', dryRun: false })).toEqual(plan);
    bench.settle();
    for (const node of bench.nodes) {
      expect(Math.abs(bench.slots(node) - SLOT_COUNT / 4)).toBeLessThan(1);
    }
    expect(bench.stored.settings.tight).toBeFalse();
    expect(bench.admin({ type: 'rebalance', dryRun: false })).toEqual({ type: 'plan', transfers: [] });
  });
});

describe('limits and cancel', () => {
  test('limits are stored, told with the next lease, and count from then on', () => {
    const bench = CoordinatorBench.settled(3);
    bench.admin({ type: 'limits', concurrentMoves: 1, bytesPerSecond: 1_000_000 });
    bench.admin({ type: 'limits', concurrentMoves: null, bytesPerSecond: null });
    expect(bench.status()).toMatchObject({ concurrentMoves: 1, moveBytesPerSecond: 1_000_000 });
    expect(bench.beat(bench.nodes[0]!)).toMatchObject({ moveBytesPerSecond: 1_000_000 });
    for (const node of bench.nodes) node.hands = false;
    bench.join({ hands: false });
    bench.pass(LEASE_MS * 2);
    expect(bench.topology.moves).toHaveLength(1);
  });

  test('cancel gives up what runs, and begins nothing until limits says so', () => {
    const bench = CoordinatorBench.settled(3);
    for (const node of bench.nodes) node.hands = false;
    bench.join({ hands: false });
    while (bench.topology.moves.length === 0) bench.pass(100);
    const ids = bench.topology.moves.map(({ id }) => id);
    expect(bench.admin({ type: 'cancel' })).toEqual({ type: 'done' });
    expect(bench.stored.cancelled).toEqual(new Set(ids));
    for (const move of bench.topology.moves) {
      bench.nodeOf(move.from)!.progress.set(move.id, { state: 'failed', error: 'cancelled' });
    }
    bench.pass(LEASE_MS * 2);
    expect(bench.topology.moves).toEqual([]);
    expect(bench.stored.cancelled.size).toBe(0);
    for (const node of bench.nodes) node.hands = true;
    bench.admin({ type: 'limits', concurrentMoves: 4, bytesPerSecond: null });
    bench.settle();
    expect(bench.status().plannedSlots).toBe(0);
  });
});

describe('whatever is asked', () => {
  test('of a node that is not there is refused', () => {
    const bench = CoordinatorBench.settled(1);
    const { length } = bench.writes;
    const node = 'f'.repeat(40);
    for (const answer of [
      bench.admin({ type: 'drain', node }),
      bench.admin({ type: 'undrain', node }),
      bench.admin({ type: 'weight', node, weight: 2 }),
      bench.admin({ type: 'forget', node }),
    ]) {
      expect(answer).toEqual({ type: 'refused', text: `there is no node ${node}` });
    }
    expect(bench.writes).toHaveLength(length);
  });

  test('is answered once it is stored, and together where a write was in flight', () => {
    const bench = CoordinatorBench.settled(2);
    bench.writeMode = 'hold';
    const [first, second] = bench.nodes;
    const requests = [
      bench.request({ type: 'weight', cluster: 'bench', node: first!.id, weight: 4 }),
      bench.request({ type: 'weight', cluster: 'bench', node: second!.id, weight: 5 }),
      bench.request({ type: 'drain', cluster: 'bench', node: second!.id }),
    ];
    expect(requests.map((request) => bench.answers.has(request))).toEqual([false, false, false]);
    bench.release();
    expect(requests.map((request) => bench.answers.has(request))).toEqual([true, false, false]);
    bench.release();
    expect(requests.map((request) => bench.answers.get(request))).toEqual([
      { type: 'done' },
      { type: 'done' },
      { type: 'done' },
    ]);
    expect(bench.topology.nodes).toMatchObject([{ weight: 4 }, { weight: 5, state: 'draining' }]);
  });

  test('and was not begun when the asker went away, is not done', () => {
    const bench = CoordinatorBench.settled(2);
    bench.writeMode = 'hold';
    bench.admin({ type: 'limits', concurrentMoves: 2, bytesPerSecond: null });
    const request = bench.request({ type: 'drain', cluster: 'bench', node: bench.nodes[0]!.id });
    bench.step({ kind: 'gone', request });
    bench.writeMode = 'ok';
    bench.release();
    expect(bench.state(bench.nodes[0]!)).toBe('active');
    expect(bench.stored.settings.concurrentMoves).toBe(2);
  });
});
