/** Rules 1 and 2 of the cluster's contract at the coordinator: who gets a lease, and when a node counts as dead. */
import { describe, expect, test } from 'bun:test';
import { CoordinatorBench, LEASE_MS, MemoryState } from '../../test/support/coordinator-bench.ts';
import { SLOT_COUNT } from '../topology/slots.ts';

describe('a lease', () => {
  test('is granted to members and to those who want to join, with the epoch', () => {
    const bench = CoordinatorBench.settled(2);
    for (const node of bench.nodes) {
      expect(bench.beat(node)).toEqual({
        type: 'lease',
        leaseMs: LEASE_MS,
        epoch: bench.epoch,
        coordinator: 'coordinator:7500',
        mayGo: false,
        moveBytesPerSecond: 0,
      });
    }
    expect(bench.beat(bench.join())?.type).toBe('lease');
  });

  test('is not granted before the election', () => {
    const bench = new CoordinatorBench();
    const node = bench.join();
    expect(bench.beat(node)).toEqual({ type: 'notLeader', leader: null });
    bench.step({ kind: 'leader', leader: 'other:7500' });
    expect(bench.beat(node)).toEqual({ type: 'notLeader', leader: 'other:7500' });
    expect(bench.writes).toEqual([]);
  });

  test('is not granted after the election has ended by the own clock, though nobody said so', () => {
    const bench = CoordinatorBench.settled(2);
    const [node] = bench.nodes;
    bench.electedUntilMs = bench.nowMs + 1;
    expect(bench.beat(node!)?.type).toBe('lease');
    bench.nowMs += 1;
    // Not its own address: the node would ask in a circle.
    expect(bench.beat(node!)).toEqual({ type: 'notLeader', leader: null });
    expect(bench.admin({ type: 'status' })).toEqual({ type: 'notLeader', leader: null });
    const { length } = bench.writes;
    bench.pass(LEASE_MS * 3);
    expect(bench.writes).toHaveLength(length);
  });

  test('is not granted after it was deposed, and all who wait are told who leads', () => {
    const bench = CoordinatorBench.settled(1);
    const watch = bench.request({ type: 'watch', cluster: 'bench', epoch: bench.epoch, node: null, waitMs: 10_000 });
    bench.writeMode = 'hold';
    const drain = bench.request({ type: 'drain', cluster: 'bench', node: bench.nodes[0]!.id });
    bench.depose('other:7500');
    for (const request of [watch, drain]) {
      expect(bench.answers.get(request)).toEqual({ type: 'notLeader', leader: 'other:7500' });
    }
    expect(bench.beat(bench.nodes[0]!)).toEqual({ type: 'notLeader', leader: 'other:7500' });
  });

  test('is granted on while the store is in trouble, as long as the election lasts', () => {
    const bench = CoordinatorBench.settled(2);
    bench.step({ kind: 'trouble', text: 'etcd does not answer' });
    bench.pass(LEASE_MS * 3);
    expect(bench.nodes.map(({ answer }) => answer?.type)).toEqual(['lease', 'lease']);
    expect(bench.status().trouble).toBe('etcd does not answer');
    bench.step({ kind: 'trouble', text: null });
    expect(bench.status().trouble).toBeNull();
    expect(bench.logs.filter((line) => line.includes('state store'))).toEqual([
      'warn: the state store: etcd does not answer; nodes go on as they are, and nothing is changed',
      'info: the state store answers again',
    ]);
  });
});

describe('a node', () => {
  test('is dead a lease after its last heartbeat came, and not before', () => {
    const bench = CoordinatorBench.settled(3);
    const [dead] = bench.nodes;
    bench.beat(dead!);
    dead!.speaks = false;
    bench.pass(LEASE_MS);
    expect(bench.state(dead!)).toBe('active');
    bench.pass(50);
    expect(bench.state(dead!)).toBeNull();
    expect(bench.topology.ownedCount).toBe(SLOT_COUNT);
    expect(bench.logs.some((line) => line.includes(`${dead!.id.slice(0, 8)} at 10.0.0.1:7001 is dead`))).toBeTrue();
  });

  test('that is being removed gets no lease, whatever comes of the write', () => {
    const bench = CoordinatorBench.settled(3);
    const [dead] = bench.nodes;
    dead!.speaks = false;
    bench.writeMode = 'hold';
    bench.pass(LEASE_MS + 700);
    expect(bench.state(dead!)).toBe('active');
    expect(bench.beat(dead!)).toMatchObject({ type: 'refused' });
    bench.release();
    expect(bench.state(dead!)).toBeNull();
    expect(bench.beat(dead!)).toMatchObject({ type: 'refused' });
    expect(bench.beat(bench.join())?.type).toBe('lease');
  });

  test('of an epoch from the future is refused and changes nothing', () => {
    const bench = CoordinatorBench.settled(2);
    const { epoch } = bench;
    const [node] = bench.nodes;
    node!.applies = false;
    node!.epoch = epoch + 5;
    expect(bench.beat(node!)).toMatchObject({ type: 'refused' });
    bench.pass(LEASE_MS * 3);
    expect(node!.answer).toMatchObject({ type: 'refused' });
    expect(bench.epoch).toBe(epoch);
  });

  test('is not dead because the coordinator itself was stopped', () => {
    const bench = CoordinatorBench.settled(3);
    const { epoch } = bench;
    bench.nowMs += LEASE_MS * 5;
    bench.step({ kind: 'tick' });
    bench.pass(LEASE_MS * 2);
    expect(bench.epoch).toBe(epoch);
    // But one that is dead is found all the same.
    bench.nodes[0]!.speaks = false;
    bench.nowMs += LEASE_MS * 5;
    bench.pass(LEASE_MS - 50);
    expect(bench.epoch).toBe(epoch);
    bench.pass(100);
    expect(bench.state(bench.nodes[0]!)).toBeNull();
  });
});

describe('an elected coordinator', () => {
  /** What two nodes left to it, one of which is dead. */
  function successor(): CoordinatorBench {
    const before = CoordinatorBench.settled(2);
    const after = new CoordinatorBench({}, before.store, before.nowMs);
    before.depose();
    after.nodes.push(...before.nodes);
    after.nodes[0]!.speaks = false;
    return after;
  }

  test('waits a whole lease before it calls anybody dead', () => {
    const bench = successor();
    bench.elect();
    const { epoch } = bench;
    bench.pass(LEASE_MS);
    expect(bench.epoch).toBe(epoch);
    bench.pass(50);
    expect(bench.state(bench.nodes[0]!)).toBeNull();
    expect(bench.slots(bench.nodes[1]!)).toBe(SLOT_COUNT);
  });

  test('waits again after each election', () => {
    const bench = successor();
    bench.elect();
    bench.pass(LEASE_MS - 100);
    bench.depose();
    bench.elect();
    bench.pass(LEASE_MS);
    expect(bench.state(bench.nodes[0]!)).toBe('active');
    bench.pass(50);
    expect(bench.state(bench.nodes[0]!)).toBeNull();
  });

  test('waits for the longer leases that another one granted', () => {
    const before = CoordinatorBench.settled(2);
    before.depose();
    const bench = new CoordinatorBench({ leaseMs: 500 }, before.store, before.nowMs);
    bench.nodes.push(...before.nodes);
    bench.nodes[0]!.speaks = false;
    bench.elect();
    bench.pass(LEASE_MS);
    expect(bench.nodes[1]!.answer).toMatchObject({ type: 'lease', leaseMs: 500 });
    expect(bench.state(bench.nodes[0]!)).toBe('active');
    bench.pass(50);
    expect(bench.state(bench.nodes[0]!)).toBeNull();
    bench.pass(100);
    expect(bench.stored.leaseMs).toBe(500);
  });

  test('grants a longer lease once others can know that they must wait for it', () => {
    const before = CoordinatorBench.settled(1, { leaseMs: 500 });
    before.depose();
    const bench = new CoordinatorBench({}, before.store, before.nowMs);
    bench.nodes.push(...before.nodes);
    bench.writeMode = 'hold';
    bench.elect();
    expect(bench.beat(bench.nodes[0]!)).toMatchObject({ type: 'lease', leaseMs: 500 });
    bench.release();
    expect(bench.stored.leaseMs).toBe(LEASE_MS);
    expect(bench.beat(bench.nodes[0]!)).toMatchObject({ type: 'lease', leaseMs: LEASE_MS });
  });

  test('that finds what it cannot read gives up and writes nothing', () => {
    const store = new MemoryState();
    store.value = Buffer.from('what is this');
    store.revision = 7;
    const bench = new CoordinatorBench({}, store);
    bench.elect();
    bench.join();
    bench.pass(LEASE_MS);
    expect(bench.gaveUp).toMatchObject({ code: 'InvalidTopology' });
    expect(bench.writes).toEqual([]);
    expect(bench.nodes[0]!.answer).toEqual({ type: 'notLeader', leader: null });
  });

  test('of another cluster gives up', () => {
    const before = CoordinatorBench.settled(1);
    before.depose();
    const bench = new CoordinatorBench({ cluster: 'other' }, before.store, before.nowMs);
    bench.elect();
    expect(bench.gaveUp?.message).toContain('is of the cluster "bench"');
  });
});
