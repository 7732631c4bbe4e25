/** Streams between real stores: what a replica has when it is at rest, whatever happened before. */
import { describe, expect, test } from 'bun:test';
import {
  expectSame,
  isSubset,
  openReplicaRun,
  REPLICA_KEYS,
  REPLICA_SLOTS,
  settle,
} from '../../test/support/replica-run.ts';
import { slotOf } from '../../test/support/workload-model.ts';

const HALF = REPLICA_SLOTS.filter((slot) => slot % 2 === 0);

describe('a replica', () => {
  test.each([1, 2, 3, 4, 5, 6])('has each item as it is at the primary, whatever is written, seed %i', (seed) => {
    const run = openReplicaRun(seed);
    const { net, primary, replica, model, random, operate } = run;
    net.pair(primary, replica, REPLICA_SLOTS);
    const endMs = net.nowMs + 300;
    net.run(() => {
      operate(Math.floor(random() * 60));
      if (random() < 0.02) model.flush(primary.store, Math.floor(random() * 4) - 1, () => true, net.wallMs);
      return net.nowMs >= endMs;
    });
    expectSame(run);
    expect(model.differences(() => replica.store, net.wallMs)).toEqual([]);
    expect(primary.last.targets[0]).toMatchObject({ error: null, lag: 0 });
    expect(replica.last.sources[0]!.through).toBe(primary.store.parts.changes.position >>> 0);
  });

  test.each([11, 12, 13, 14, 15, 16])('goes on where it was after the connection was cut, seed %i', (seed) => {
    const run = openReplicaRun(seed, { bytesPerSecond: 2_000_000 });
    const { net, primary, replica, model, random, operate } = run;
    net.pair(primary, replica, REPLICA_SLOTS);
    for (let ticks = 0; ticks < 800; ticks += 1) {
      operate(Math.floor(random() * 20));
      if (random() < 0.05) net.cut();
      if (random() < 0.3) net.connect();
      if (random() < 0.01) model.flush(primary.store, Math.floor(random() * 4) - 1, () => true, net.wallMs);
      net.tick(random() < 0.1 ? 5 : 1);
    }
    expectSame(run);
    expect(primary.mover.replicaFigures.fullCopies).toBe(0);
  });

  test.each([21, 22, 23, 24])('is not misled by frames that come twice, late or not at all, seed %i', (seed) => {
    const run = openReplicaRun(seed);
    const { net, primary, replica, random, operate } = run;
    const kept: Uint8Array[] = [];
    net.tamper = (frame) => {
      const choice = random();
      kept.push(frame.slice());
      if (choice < 0.1) return [];
      if (choice < 0.2) return [kept[Math.floor(random() * kept.length)]!];
      return choice < 0.3 ? [frame, kept[Math.floor(random() * kept.length)]!, frame] : [frame];
    };
    net.pair(primary, replica, REPLICA_SLOTS);
    const endMs = net.nowMs + 60_000;
    net.run(
      () => {
        operate(Math.floor(random() * 20));
        return net.nowMs >= endMs;
      },
      { ms: 100 },
    );
    expectSame(run);
    expect(primary.mover.replicaFigures.fullCopies).toBe(0);
  });

  test('has nothing that was evicted at the primary, nor what expired there', () => {
    const run = openReplicaRun(31, { memoryBytes: 3 * 2 ** 20, eviction: 's3fifo' }, { memoryBytes: 16 * 2 ** 20 });
    const { net, primary, replica } = run;
    net.pair(primary, replica, REPLICA_SLOTS);
    let number = 0;
    net.run(() => {
      primary.batch(() => {
        for (let count = 0; count < 40; count += 1, number += 1) {
          const key = `{${REPLICA_KEYS[number % 600]}}${number}`;
          primary.driver.set(key, 'v'.repeat(300), net.wallMs, (options) => {
            options.expiresAtMs = number % 3 === 0 ? net.wallMs + 1 + (number % 500) : 0;
          });
        }
      });
      primary.janitor.step(net.wallMs);
      return number > 30_000;
    });
    expect(primary.store.stats().evicted).toBeGreaterThan(5000);
    net.nowMs += 1000;
    for (let steps = 0; steps < 100; steps += 1) primary.janitor.step(net.wallMs);
    expectSame(run);
    expect(primary.store.stats().expired).toBeGreaterThan(1000);
    expect(replica.store.stats().itemCount).toBe(primary.store.stats().itemCount);
    expect(replica.store.stats()).toMatchObject({ evicted: 0, expired: 0 });
  });

  test('never has a key that the primary has not, and expires nothing by itself', () => {
    const run = openReplicaRun(35);
    const { net, primary, replica, random, operate } = run;
    net.pair(primary, replica, REPLICA_SLOTS);
    settle(run);
    for (let round = 0; round < 30; round += 1) {
      net.run(() => {
        operate(5);
        replica.janitor.step(net.wallMs);
        return random() < 0.1;
      });
      settle(run);
      expect(isSubset(replica.items(REPLICA_SLOTS, net.wallMs), primary.items(REPLICA_SLOTS, net.wallMs))).toBe(true);
      expect(replica.store.stats().expired).toBe(0);
    }
  });

  test('gets all anew where databases are exchanged, here or there', () => {
    const run = openReplicaRun(41);
    const { net, primary, replica, model, operate } = run;
    net.pair(primary, replica, REPLICA_SLOTS);
    settle(run);
    model.swap(primary.store, 0, 2);
    operate(50);
    expectSame(run);
    expect(primary.mover.replicaFigures.fullCopies).toBe(1);
    replica.batch(() => {
      replica.store.beginExclusive();
      replica.store.swapDatabases(0, 1);
      replica.store.endExclusive();
    });
    net.tick(1);
    expect(replica.syncedFrom(primary)).toEqual([]);
    operate(50);
    expectSame(run);
    expect(primary.mover.replicaFigures.fullCopies).toBe(2);
    expect(model.differences(() => replica.store, net.wallMs)).toEqual([]);
  });

  test('has half of the slots where it is to have half of them', () => {
    const run = openReplicaRun(45);
    const { net, primary, replica, operate } = run;
    net.pair(primary, replica, HALF);
    net.run(() => {
      operate(20);
      return net.nowMs > 100;
    });
    expectSame(run, HALF);
    expect(replica.store.stats().itemCount).toBe(HALF.reduce((sum, slot) => sum + primary.store.slotCount(slot), 0));
    expect(REPLICA_KEYS.some((key) => !HALF.includes(slotOf(key)))).toBe(true);
  });
});
