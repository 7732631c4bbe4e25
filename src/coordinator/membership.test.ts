/** Rules 3 and 4 of the cluster's contract: how a node comes to its slots, and how it goes. */
import { describe, expect, test } from 'bun:test';
import { CLUSTER, CoordinatorBench, LEASE_MS } from '../../test/support/coordinator-bench.ts';
import { NODE_COUNT_MAX } from '../topology/ring.ts';
import { SLOT_COUNT } from '../topology/slots.ts';

describe('a node that joins', () => {
  test('is joining until every live node has an epoch that has it', () => {
    const bench = CoordinatorBench.settled(2);
    const [first, second] = bench.nodes;
    first!.applies = false;
    second!.applies = false;
    const third = bench.join();
    bench.pass(1000);
    const joinedAt = bench.epoch;
    expect(bench.state(third)).toBe('joining');
    expect(third.epoch).toBe(joinedAt);
    first!.epoch = joinedAt;
    bench.pass(LEASE_MS * 3);
    expect(bench.state(third)).toBe('joining');
    expect(bench.slots(third)).toBe(0);
    expect(bench.topology.moves).toEqual([]);
    second!.epoch = joinedAt;
    bench.pass(700);
    expect(bench.state(third)).toBe('active');
  });

  test('must know of itself, too', () => {
    const bench = CoordinatorBench.settled(1);
    const node = bench.join({ applies: false });
    bench.pass(LEASE_MS);
    expect(bench.state(node)).toBe('joining');
    node.applies = true;
    bench.pass(700);
    expect(bench.state(node)).toBe('active');
  });

  test('does not wait for one that is dead, and waits for one that may not be', () => {
    const bench = CoordinatorBench.settled(2);
    const [, silent] = bench.nodes;
    silent!.speaks = false;
    const third = bench.join();
    bench.pass(LEASE_MS - 700);
    expect(bench.state(third)).toBe('joining');
    bench.pass(LEASE_MS * 3);
    expect(bench.state(silent!)).toBeNull();
    expect(bench.state(third)).toBe('active');
  });

  test('waits behind an elected coordinator for those it has not heard', () => {
    const bench = CoordinatorBench.settled(2);
    const third = bench.join();
    bench.nodes[1]!.speaks = false;
    bench.pass(700);
    expect(bench.state(third)).toBe('joining');
    bench.depose();
    bench.elect();
    bench.pass(LEASE_MS);
    expect(bench.state(third)).toBe('joining');
  });

  test('gets its part, and each node the same within bounds', () => {
    const bench = CoordinatorBench.settled(4);
    expect(bench.topology.ownedCount).toBe(SLOT_COUNT);
    for (const node of bench.nodes) {
      expect(bench.slots(node)).toBeGreaterThanOrEqual(Math.floor((SLOT_COUNT / 4) * 0.95));
      expect(bench.slots(node)).toBeLessThanOrEqual(Math.ceil((SLOT_COUNT / 4) * 1.05));
    }
  });

  test('under an id that was removed is refused', () => {
    const bench = CoordinatorBench.settled(2);
    const [gone] = bench.nodes;
    gone!.speaks = false;
    bench.pass(LEASE_MS + 100);
    const answer = bench.beat(gone!);
    expect(answer?.type === 'refused' && answer.text).toContain('must drop what it has');
    bench.pass(LEASE_MS);
    expect(bench.state(gone!)).toBeNull();
  });

  test('at the address of one that is silent waits until that is dead', () => {
    const bench = CoordinatorBench.settled(2);
    const [before] = bench.nodes;
    before!.speaks = false;
    const after = bench.join({ host: before!.host, port: before!.port });
    bench.pass(LEASE_MS - 700);
    expect(after.answer?.type).toBe('lease');
    expect(bench.state(after)).toBeNull();
    bench.settle();
    expect(bench.state(before!)).toBeNull();
    expect(bench.slots(after)).toBeGreaterThan(0);
  });

  test('at the address of one that lives is refused', () => {
    const bench = CoordinatorBench.settled(1);
    const [first] = bench.nodes;
    const twin = bench.join({ host: first!.host, port: first!.port });
    bench.pass(LEASE_MS * 2);
    expect(twin.answer).toMatchObject({ type: 'refused' });
    expect(bench.state(twin)).toBeNull();
    expect(bench.state(first!)).toBe('active');
  });

  test('is refused where the cluster is full', () => {
    const bench = new CoordinatorBench();
    bench.elect();
    bench.writeMode = 'hold';
    for (let n = 0; n <= NODE_COUNT_MAX; n += 1) bench.beat(bench.join({ host: `h${n}`, speaks: false }));
    bench.release();
    bench.release();
    expect(bench.topology.nodes).toHaveLength(NODE_COUNT_MAX);
    expect(bench.beat(bench.join({ host: 'late' }))).toMatchObject({ type: 'refused' });
  });
});

describe('a dead node', () => {
  test("'s slots go to active nodes, at once and in one epoch", () => {
    const bench = CoordinatorBench.settled(4);
    const { epoch } = bench;
    const [dead] = bench.nodes;
    const before = bench.topology;
    dead!.speaks = false;
    bench.pass(LEASE_MS + 50);
    expect(bench.epoch).toBe(epoch + 1);
    const after = bench.topology;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      const owner = before.ownerOf(slot)!.id;
      if (owner === dead!.id) expect(after.ownerOf(slot)?.state).toBe('active');
      else expect(after.ownerOf(slot)!.id).toBe(owner);
    }
  });

  test("'s slots stay without an owner where nobody is active, until somebody is", () => {
    const bench = CoordinatorBench.settled(1);
    bench.nodes[0]!.speaks = false;
    bench.pass(LEASE_MS + 50);
    expect(bench.topology.nodes).toEqual([]);
    expect(bench.topology.ownedCount).toBe(0);
    const next = bench.join();
    bench.settle();
    expect(bench.slots(next)).toBe(SLOT_COUNT);
  });

  test('takes others with it in the same epoch', () => {
    const bench = CoordinatorBench.settled(5);
    const { epoch } = bench;
    for (const node of bench.nodes.slice(0, 3)) {
      bench.beat(node);
      node.speaks = false;
    }
    bench.pass(LEASE_MS + 50);
    expect(bench.epoch).toBe(epoch + 1);
    expect(bench.topology.nodes).toHaveLength(2);
    expect(bench.topology.ownedCount).toBe(SLOT_COUNT);
  });
});

describe('a node that leaves', () => {
  test('is drained, and told when it owns nothing any more', () => {
    const bench = CoordinatorBench.settled(3);
    const [leaving] = bench.nodes;
    leaving!.leaving = true;
    bench.beat(leaving!);
    expect(bench.state(leaving!)).toBe('draining');
    let before = bench.slots(leaving!);
    expect(before).toBeGreaterThan(0);
    for (let rounds = 0; bench.state(leaving!) !== null; rounds += 1) {
      expect(leaving!.answer).toMatchObject({ type: 'lease', mayGo: false });
      expect(rounds).toBeLessThan(1000);
      bench.pass(100);
      expect(bench.slots(leaving!)).toBeLessThanOrEqual(before);
      before = bench.slots(leaving!);
    }
    expect(before).toBe(0);
    expect(bench.beat(leaving!)).toMatchObject({ type: 'lease', mayGo: true });
    expect(bench.topology.ownedCount).toBe(SLOT_COUNT);
    expect(bench.logs.some((line) => line.endsWith('10.0.0.1:7001 has left'))).toBeTrue();
  });

  test('gets no more slots: moves to it are to be given up', () => {
    const bench = CoordinatorBench.settled(2);
    for (const node of bench.nodes) node.hands = false;
    const third = bench.join({ hands: false });
    while (bench.topology.moves.length === 0) bench.pass(100);
    third.leaving = true;
    bench.beat(third);
    expect(bench.stored.cancelled).toEqual(new Set(bench.topology.moves.map(({ id }) => id)));
  });

  test('while it joins goes at once', () => {
    const bench = CoordinatorBench.settled(1);
    const node = bench.join({ applies: false });
    bench.pass(700);
    node.leaving = true;
    bench.beat(node);
    expect(bench.state(node)).toBeNull();
    expect(bench.beat(node)).toMatchObject({ type: 'lease', mayGo: true });
  });

  test('and was never there may go', () => {
    const bench = CoordinatorBench.settled(1);
    expect(bench.beat(bench.join({ leaving: true }))).toMatchObject({ type: 'lease', mayGo: true });
    bench.pass(1000);
    expect(bench.topology.nodes).toHaveLength(1);
  });

  test('before it was let in does not come in any more', () => {
    const bench = CoordinatorBench.settled(1);
    const { epoch } = bench;
    bench.writeMode = 'refuse';
    bench.admin({ type: 'limits', concurrentMoves: 1, bytesPerSecond: null });
    const node = bench.join();
    bench.beat(node);
    node.leaving = true;
    expect(bench.beat(node)).toMatchObject({ type: 'lease', mayGo: true });
    bench.writeMode = 'ok';
    bench.pass(LEASE_MS);
    expect(bench.epoch).toBe(epoch);
  });

  test('and has slots that nobody can take stays', () => {
    const bench = CoordinatorBench.settled(1);
    bench.nodes[0]!.leaving = true;
    bench.pass(LEASE_MS * 2);
    expect(bench.slots(bench.nodes[0]!)).toBe(SLOT_COUNT);
    expect(bench.nodes[0]!.answer).toMatchObject({ type: 'lease', mayGo: false });
  });
});

describe('what a node tells of itself', () => {
  test('is in the topology, and changes with it', () => {
    const bench = CoordinatorBench.settled(1);
    const [node] = bench.nodes;
    node!.zone = 'north';
    node!.weight = 3;
    bench.beat(node!);
    expect(bench.topology.node(node!.id)).toMatchObject({ zone: 'north', weight: 3, port: 7001, peerPort: 8001 });
    const { epoch } = bench;
    bench.pass(LEASE_MS * 2);
    expect(bench.epoch).toBe(epoch);
  });

  test('with nothing new in it, changes nothing and writes nothing', () => {
    const bench = CoordinatorBench.settled(3);
    const { length } = bench.writes;
    bench.pass(LEASE_MS * 20);
    expect(bench.writes).toHaveLength(length);
  });
});

describe('a watch', () => {
  test('is answered as soon as a newer topology is stored, and not before', () => {
    const bench = CoordinatorBench.settled(1);
    const ask = { type: 'watch', cluster: CLUSTER, epoch: bench.epoch, node: null, waitMs: 10_000 } as const;
    const request = bench.request(ask);
    bench.writeMode = 'hold';
    bench.join();
    bench.pass(700);
    expect(bench.writes.length).toBeGreaterThan(0);
    expect(bench.answers.has(request)).toBeFalse();
    bench.writeMode = 'ok';
    bench.release();
    expect(bench.answers.get(request)).toMatchObject({ type: 'topology', epoch: ask.epoch + 1 });
  });

  test('of an older epoch is answered at once', () => {
    const bench = CoordinatorBench.settled(1);
    const answer = bench.ask({ type: 'watch', cluster: CLUSTER, epoch: 0, node: null, waitMs: 10_000 });
    expect(answer).toMatchObject({ type: 'topology', epoch: bench.epoch });
  });

  test('ends without news after its time', () => {
    const bench = CoordinatorBench.settled(1);
    const request = bench.request({ type: 'watch', cluster: CLUSTER, epoch: bench.epoch, node: null, waitMs: 1000 });
    bench.pass(975);
    expect(bench.answers.has(request)).toBeFalse();
    bench.pass(50);
    expect(bench.answers.get(request)).toEqual({ type: 'unchanged' });
  });

  test('of somebody who is gone is not answered', () => {
    const bench = CoordinatorBench.settled(1);
    const request = bench.request({ type: 'watch', cluster: CLUSTER, epoch: bench.epoch, node: null, waitMs: 1000 });
    bench.step({ kind: 'gone', request });
    bench.pass(2000);
    expect(bench.answers.has(request)).toBeFalse();
  });
});
