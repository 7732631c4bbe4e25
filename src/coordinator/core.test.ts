/** What is stored, and when: one write at a time, each outcome of it, and two coordinators that both think they lead. */
import { describe, expect, test } from 'bun:test';
import { CLUSTER, CoordinatorBench, LEASE_MS, MemoryState } from '../../test/support/coordinator-bench.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import { decodeState, encodeState } from './coordinator-state.ts';

describe('a write', () => {
  test('is the only one until it has its outcome', () => {
    const bench = CoordinatorBench.settled(2);
    const { length } = bench.writes;
    bench.writeMode = 'hold';
    bench.join();
    bench.pass(LEASE_MS);
    bench.admin({ type: 'drain', node: bench.nodes[0]!.id });
    expect(bench.writes).toHaveLength(length + 1);
    bench.release();
    expect(bench.writes).toHaveLength(length + 2);
  });

  test('comes before anybody hears of the topology in it', () => {
    const bench = CoordinatorBench.settled(2);
    const { epoch } = bench;
    bench.writeMode = 'hold';
    bench.join();
    bench.pass(700);
    expect(bench.writes.at(-1)?.expectedRevision).toBe(bench.store.revision);
    expect(bench.epoch).toBe(epoch);
    expect(bench.beat(bench.nodes[0]!)).toMatchObject({ type: 'lease', epoch });
    expect(bench.status().epoch).toBe(epoch);
    bench.release();
    expect(bench.beat(bench.nodes[0]!)).toMatchObject({ type: 'lease', epoch: epoch + 1 });
  });

  test('whose outcome is unknown is made again, the same, until it is known', () => {
    const bench = CoordinatorBench.settled(2);
    const { epoch } = bench;
    const { revision } = bench.store;
    const { length } = bench.writes;
    bench.writeMode = 'lose';
    const node = bench.join();
    bench.pass(1000);
    const tries = bench.writes.slice(length);
    expect(tries.length).toBeGreaterThan(2);
    expect(tries.length).toBeLessThan(8);
    for (const { value, expectedRevision } of tries) {
      expect(Buffer.from(value).equals(tries[0]!.value)).toBeTrue();
      expect(expectedRevision).toBe(revision);
    }
    expect(bench.epoch).toBe(epoch);
    expect(bench.status().trouble).toBe('no answer');
    bench.writeMode = 'ok';
    bench.pass(250);
    expect(bench.epoch).toBeGreaterThan(epoch);
    expect(bench.state(node)).not.toBeNull();
    expect(bench.status().trouble).toBeNull();
    expect(bench.logs.filter((line) => line.includes('no answer'))).toHaveLength(1);
  });

  test('that is refused is tried again, and nobody hears of what is in it', () => {
    const bench = CoordinatorBench.settled(2);
    const { epoch } = bench;
    bench.writeMode = 'refuse';
    const node = bench.join();
    bench.pass(LEASE_MS * 3);
    expect(bench.epoch).toBe(epoch);
    expect(bench.nodes[0]!.answer?.type).toBe('lease');
    bench.writeMode = 'ok';
    bench.settle();
    expect(bench.slots(node)).toBeGreaterThan(0);
  });

  test('that meets what somebody else wrote is given up, and all is read again with a full wait', () => {
    const bench = CoordinatorBench.settled(2);
    const other = { ...bench.stored, nextMoveId: 777 };
    bench.store.value = encodeState(other);
    bench.store.revision += 1;
    bench.beat(bench.nodes[1]!);
    bench.nodes[1]!.speaks = false;
    bench.pass(LEASE_MS - 100);
    const request = bench.request({ type: 'drain', cluster: CLUSTER, node: bench.nodes[0]!.id });
    expect(bench.answers.get(request)).toEqual({ type: 'notLeader', leader: null });
    expect(bench.stored.nextMoveId).toBe(777);
    bench.pass(LEASE_MS);
    expect(bench.state(bench.nodes[1]!)).toBe('active');
    bench.pass(50);
    expect(bench.state(bench.nodes[1]!)).toBeNull();
    expect(bench.stored.nextMoveId).toBe(777);
  });

  test('from before an election says nothing about one after it', () => {
    const bench = CoordinatorBench.settled(2);
    const { length } = bench.writes;
    bench.writeMode = 'hold';
    bench.admin({ type: 'limits', concurrentMoves: 1, bytesPerSecond: null });
    bench.depose();
    bench.elect();
    bench.admin({ type: 'limits', concurrentMoves: 2, bytesPerSecond: null });
    expect(bench.writes).toHaveLength(length + 1);
    // The old one lands now, and only then the new one may go out: onto another revision than it knows.
    bench.release();
    expect(bench.writes).toHaveLength(length + 2);
    bench.release();
    bench.writeMode = 'ok';
    bench.pass(100);
    expect(bench.stored.settings.concurrentMoves).toBe(1);
    expect(bench.status().concurrentMoves).toBe(1);
  });
});

describe('two coordinators', () => {
  test('never both write: who is not elected any more learns it from the store', () => {
    const store = new MemoryState();
    const first = new CoordinatorBench({}, store);
    first.elect();
    first.join();
    first.settle();
    const second = new CoordinatorBench({ address: 'second:7500' }, store, first.nowMs);
    second.nodes.push(...first.nodes);
    second.elect();
    // The first has not heard of it, and by its own clock its election lasts.
    const { revision } = store;
    first.join();
    first.pass(700);
    expect(store.revision).toBe(revision);
    expect(first.core.topology).toBeNull();
    expect(first.beat(first.nodes[0]!)).toEqual({ type: 'notLeader', leader: null });
    second.join({ id: 'd'.repeat(40), port: 7050 });
    second.settle();
    expect(second.topology.nodes).toHaveLength(2);
    const epochs = store.topologies.map(({ epoch }) => epoch);
    expect(epochs).toEqual(epochs.toSorted((left, right) => left - right));
  });
});

describe('thirty random lives of a cluster', () => {
  test('keep each epoch after the other, each slot with one owner, and ids of moves unused', () => {
    let chance = 12_345;
    const below = (limit: number): number => {
      chance = (Math.imul(chance, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((chance / 2 ** 32) * limit);
    };
    for (let life = 0; life < 30; life += 1) {
      const bench = new CoordinatorBench();
      bench.elect();
      for (let n = 0; n < 2 + below(3); n += 1) bench.join({ weight: 1 + below(3) });
      for (let steps = 0; steps < 12; steps += 1) {
        const node = bench.nodes[below(bench.nodes.length)]!;
        switch (below(7)) {
          case 0:
            if (bench.nodes.length < 7) bench.join();
            break;
          case 1:
            node.speaks = !node.speaks;
            break;
          case 2:
            bench.admin({ type: below(2) === 0 ? 'drain' : 'undrain', node: node.id });
            break;
          case 3:
            bench.admin({ type: 'weight', node: node.id, weight: 1 + below(4) });
            break;
          case 4:
            bench.writeMode = (['ok', 'lose', 'refuse'] as const)[below(3)]!;
            break;
          case 5:
            bench.depose();
            bench.elect();
            break;
          case 6:
            node.hands = !node.hands;
        }
        bench.pass(below(LEASE_MS));
      }
      checkHistory(bench);
    }
  }, 30_000);
});

function checkHistory({ store }: CoordinatorBench): void {
  let epoch = 0;
  const gone = new Set<number>();
  let running = new Set<number>();
  for (const value of store.values) {
    const { topology, nextMoveId } = decodeState(value, CLUSTER);
    expect(topology.epoch - epoch).toBeLessThanOrEqual(1);
    expect(topology.epoch).toBeGreaterThanOrEqual(epoch);
    epoch = topology.epoch;
    const now = new Set(topology.moves.map(({ id }) => id));
    for (const id of running) if (!now.has(id)) gone.add(id);
    for (const id of now) {
      expect(gone.has(id)).toBeFalse();
      expect(id).toBeLessThan(nextMoveId);
    }
    running = now;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1024) {
      const owner = topology.ownerOf(slot);
      if (owner !== null) expect(owner.state).not.toBe('joining');
    }
  }
}
