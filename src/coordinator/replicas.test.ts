/** Replicas as the coordinator places them: step by step, none given up before others are whole, and at rest in the end, whatever nodes do meanwhile. */
import { describe, expect, test } from 'bun:test';
import { type BenchNode, CoordinatorBench, LEASE_MS } from '../../test/support/coordinator-bench.ts';
import { below } from '../../test/support/slot-clusters.ts';
import { seededRandom } from '../base/random.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import { NO_NODE } from '../topology/topology.ts';

function lost(bench: CoordinatorBench): number {
  return bench.nodes.reduce((sum, { copies }) => sum + copies.lostCount, 0);
}

/** Every slot has its replicas, no more, all whole; none is kept for anything. */
function checkAtRest(bench: CoordinatorBench, replicas: number): void {
  const { topology } = bench;
  const active = topology.nodes.filter(({ state }) => state === 'active');
  const zones = new Set(active.map(({ zone }) => zone)).size;
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    const owner = topology.ownerOf(slot)!;
    const copies = topology.replicasOf(slot);
    if (topology.hasKept(slot) || topology.isUnsure(slot)) throw new Error(`slot ${slot} is not settled`);
    const isWhole = copies.every(({ id }) => bench.nodeOf(id)!.copies.hasAll(slot));
    if (copies.length !== Math.min(replicas, active.length - 1) || !isWhole) {
      throw new Error(`slot ${slot} has ${copies.length} replicas, ${isWhole ? 'whole' : 'not all whole'}`);
    }
    const used = new Set([owner, ...copies].map(({ zone }) => zone)).size;
    if (used < Math.min(zones, 1 + copies.length)) throw new Error(`slot ${slot} is in ${used} of ${zones} zones`);
  }
}

/** Nodes of which `has` is true, by slot. */
function countOf(bench: CoordinatorBench, has: (node: BenchNode, slot: number) => boolean): Uint8Array {
  const counts = new Uint8Array(SLOT_COUNT);
  for (const node of bench.nodes.filter(({ speaks }) => speaks)) {
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) if (has(node, slot)) counts[slot]! += 1;
  }
  return counts;
}

describe('replicas', () => {
  test('are placed for a new cluster, and counted by status', () => {
    const bench = CoordinatorBench.settled(4, { replicas: 2 });
    checkAtRest(bench, 2);
    const status = bench.status();
    expect([status.replicas, status.missingCopies]).toEqual([2, 0]);
    const copies = status.nodes.reduce((sum, { replicaSlots }) => sum + replicaSlots, 0);
    expect(copies).toBe(2 * SLOT_COUNT);
    expect(status.nodes.every(({ replicaSlots, syncedSlots }) => replicaSlots === syncedSlots)).toBeTrue();
  });

  test('come and go as an operator wants', () => {
    const bench = CoordinatorBench.settled(3);
    expect(bench.topology.replicaCount).toBe(0);
    for (const replicas of [1, 2, 0, 2, 1]) {
      bench.admin({ type: 'limits', concurrentMoves: null, bytesPerSecond: null, replicas });
      bench.settle();
      expect(bench.status().replicas).toBe(replicas);
      checkAtRest(bench, replicas);
    }
    expect(lost(bench)).toBe(0);
  });

  test('that are missing are counted, where there are too few nodes', () => {
    const bench = CoordinatorBench.settled(1, { replicas: 1 });
    expect(bench.status().missingCopies).toBe(SLOT_COUNT);
    bench.join();
    bench.settle();
    expect(bench.status().missingCopies).toBe(0);
  });

  test('of a node that drains are copied by another before it gives them up', () => {
    const bench = CoordinatorBench.settled(4, { replicas: 1 });
    const [node] = bench.nodes;
    for (const other of bench.nodes) other.syncs = false;
    const copied = Array.from({ length: SLOT_COUNT }, (_, slot) => slot).filter((slot) =>
      bench.topology.replicasOf(slot).some(({ id }) => id === node!.id),
    );
    bench.admin({ type: 'drain', node: node!.id });
    bench.pass(LEASE_MS);
    const still = copied.filter((slot) => bench.topology.columnOf(slot, bench.topology.indexOf(node!.id)) >= 0);
    // Those that had to move stay with it for another reason: they are kept.
    expect(still.length).toBe(copied.length);
    for (const other of bench.nodes) other.syncs = true;
    bench.settle();
    checkAtRest(bench, 1);
    expect(lost(bench)).toBe(0);
  });

  test('of which an elected coordinator has not heard yet are not taken for missing', () => {
    const bench = CoordinatorBench.settled(4, { replicas: 1 });
    const [node] = bench.nodes;
    const { epoch } = bench;
    const self = bench.topology.indexOf(node!.id);
    const copied = Array.from({ length: SLOT_COUNT }, (_, slot) => bench.topology.columnOf(slot, self) >= 0);
    bench.depose();
    bench.elect();
    for (const one of bench.nodes) one.speaks = false;
    bench.admin({ type: 'drain', node: node!.id });
    bench.pass(LEASE_MS / 2);
    expect(bench.epoch).toBeGreaterThan(epoch);
    expect(copied.every((is, slot) => !is || bench.topology.columnOf(slot, self) >= 0)).toBeTrue();
    for (const one of bench.nodes) one.speaks = true;
    bench.settle();
    checkAtRest(bench, 1);
    expect(lost(bench)).toBe(0);
  });

  test('change together: an epoch for many copies that become whole one after the other', () => {
    const bench = CoordinatorBench.settled(4, { replicas: 1 });
    const dead = bench.nodes[0]!;
    for (const node of bench.nodes) node.syncs = false;
    dead.speaks = false;
    while (bench.topology.node(dead.id) !== null) bench.pass(25);
    bench.pass(LEASE_MS);
    const { epoch } = bench;
    for (let first = 0; first < SLOT_COUNT; first += 256) {
      for (const node of bench.nodes) node.copies.sync((slot) => slot >= first && slot < first + 256);
      bench.pass(25);
    }
    expect(bench.epoch - epoch).toBeLessThan(16);
  });

  test('that are not whole are sent a slot as a whole, and those that are take it over', () => {
    const bench = CoordinatorBench.settled(3, { replicas: 1 });
    for (const node of bench.nodes) node.hands = false;
    bench.admin({ type: 'drain', node: bench.nodes[0]!.id });
    bench.pass(200);
    const { topology } = bench;
    expect(topology.moves.length).toBeGreaterThan(0);
    for (const move of topology.moves) {
      const isCopied = move.slots.map((slot) => bench.nodeOf(move.to)!.copies.hasAll(slot));
      expect(new Set(isCopied).size).toBe(1);
      expect(topology.isToReplica(move)).toBe(isCopied[0]!);
    }
    for (const node of bench.nodes) node.hands = true;
    bench.settle();
    expect(lost(bench)).toBe(0);
  });
});

describe('failover', () => {
  test('moves all slots of a node to its replicas, and leaves it as one', () => {
    const bench = CoordinatorBench.settled(4, { replicas: 1 });
    const [node] = bench.nodes;
    const heirs = new Map(
      bench.topology.slotsOf(node!.id).map((slot) => [slot, bench.topology.replicasOf(slot)[0]!.id]),
    );
    expect(bench.admin({ type: 'failover', node: node!.id })).toEqual({ type: 'done' });
    bench.pass(LEASE_MS * 3);
    const wrong = [...heirs].filter(
      ([slot, heir]) => !bench.store.topologies.some((one) => one.ownerOf(slot)?.id === heir),
    );
    expect(wrong).toEqual([]);
    bench.settle();
    expect([bench.slots(node!), bench.state(node!), lost(bench)]).toEqual([0, 'draining', 0]);
    expect(bench.status().nodes[0]!.replicaSlots).toBeGreaterThan(0);
    bench.admin({ type: 'undrain', node: node!.id });
    bench.settle();
    expect(bench.slots(node!)).toBeGreaterThan(SLOT_COUNT / 5);
    checkAtRest(bench, 1);
  });

  test('is refused where a slot has no replica that could take it', () => {
    const bench = CoordinatorBench.settled(3, { replicas: 1 });
    const [node, other] = bench.nodes;
    other!.syncs = false;
    other!.copies.desync();
    bench.beat(other!);
    const answer = bench.admin({ type: 'failover', node: node!.id });
    expect(answer).toMatchObject({ type: 'refused' });
    expect(answer?.type === 'refused' && answer.text).toMatch(/\d+ of the \d+ slots of node 0+1 have no replica/);
    const none = CoordinatorBench.settled(2);
    const bare = none.admin({ type: 'failover', node: none.nodes[0]!.id });
    expect(bare?.type === 'refused' && bare.text).toContain('this cluster has no replicas');
    const unknown = none.admin({ type: 'failover', node: 'f'.repeat(40) });
    expect(unknown?.type === 'refused' && unknown.text).toContain('there is no node f');
  });
});

/** What happens in a random run, once a while. */
function disturb(bench: CoordinatorBench, random: () => number): void {
  const live = bench.nodes.filter(({ speaks, leaving }) => speaks && !leaving);
  const some = live[below(random, live.length)]!;
  const chance = random();
  if (chance < 0.25 && live.length < 8) bench.join({ zone: `zone-${below(random, 3)}` });
  else if (chance < 0.4 && live.length > 2) some.leaving = true;
  else if (chance < 0.55 && live.length > 2) bench.admin({ type: 'drain', node: some.id });
  else if (chance < 0.65) bench.admin({ type: 'undrain', node: some.id });
  else if (chance < 0.75) bench.admin({ type: 'weight', node: some.id, weight: 1 + below(random, 4) });
  else if (chance < 0.9) bench.admin({ type: 'failover', node: some.id });
  else {
    // It says so at once.
    some.copies.desync();
    bench.beat(some);
  }
}

/** The fewest nodes that could have copies of a slot, in any topology since `epoch`. */
function holderCount(bench: CoordinatorBench, epoch: number): number {
  const counts: number[] = [];
  for (let at = epoch; at <= bench.epoch; at += 1) {
    counts.push(bench.topologyOf(at).nodes.filter(({ state }) => state === 'active').length);
  }
  return Math.min(...counts);
}

/** Lets time pass in small steps, in which copies become whole here and there, and checks after each that no plan has given up a whole copy that was needed. */
function passWatched(bench: CoordinatorBench, random: () => number, replicas: number): void {
  for (let step = 0; step < 24; step += 1) {
    const { epoch } = bench;
    const before = countOf(bench, ({ copies }, slot) => copies.hasToldAll(slot));
    bench.pass(25);
    const after = countOf(bench, ({ copies }, slot) => copies.hasAll(slot));
    // Where all nodes have it, one of them has to begin anew for a new owner.
    const least = Math.min(replicas + 1, holderCount(bench, epoch) - 1);
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (after[slot]! >= Math.min(before[slot]!, least)) continue;
      throw new Error(
        `epochs ${epoch} to ${bench.epoch}: slot ${slot} was whole ${before[slot]} times, and is ${after[slot]}`,
      );
    }
    const synced = below(random, 16);
    for (const { copies } of bench.nodes) copies.sync((slot) => slot % 16 === synced);
  }
}

test('no plan gives up a copy that is needed, and all come to rest', () => {
  for (let seed = 1; seed <= 6; seed += 1) {
    const random = seededRandom(seed);
    const replicas = 1 + (seed % 3);
    const bench = new CoordinatorBench({ replicas });
    bench.elect();
    for (let n = 0; n < 3 + below(random, 3); n += 1) bench.join({ zone: `zone-${below(random, 3)}` });
    bench.settle();
    for (const node of bench.nodes) node.syncs = false;
    for (let round = 0; round < 6; round += 1) {
      const count = bench.nodes.length;
      disturb(bench, random);
      for (const node of bench.nodes.slice(count)) node.syncs = false;
      passWatched(bench, random, replicas);
    }
    for (const node of bench.nodes) node.syncs = true;
    for (const { id } of bench.topology.nodes) bench.admin({ type: 'undrain', node: id });
    bench.settle();
    expect(bench.topology.slotsOf(bench.topology.nodes[0]!.id).length).toBeGreaterThan(0);
    checkAtRest(bench, replicas);
    expect(lost(bench)).toBe(0);
  }
}, 120_000);

test('deaths one at a time lose nothing while all copies were whole', () => {
  for (let seed = 1; seed <= 4; seed += 1) {
    const random = seededRandom(seed);
    const replicas = 1 + (seed % 2);
    const bench = CoordinatorBench.settled(4 + below(random, 3), { replicas });
    for (let round = 0; round < 2; round += 1) {
      const live: BenchNode[] = bench.nodes.filter(({ speaks }) => speaks);
      for (const node of live) node.copies.through = below(random, 1000);
      live[below(random, live.length)]!.speaks = false;
      bench.settle();
      expect(bench.topology.ownedCount).toBe(SLOT_COUNT);
      expect(lost(bench)).toBe(0);
      checkAtRest(bench, Math.min(replicas, bench.topology.nodes.length - 1));
      bench.join();
      bench.settle();
    }
    expect(bench.topology.ownerIndex(0)).not.toBe(NO_NODE);
  }
}, 120_000);
