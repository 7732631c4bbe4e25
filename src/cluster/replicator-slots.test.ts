/** Slots that come and go while a stream runs, another source, a replica that takes over; and the two ends hear of it in any order. */
import { describe, expect, test } from 'bun:test';
import {
  expectSame,
  openReplicaRun,
  REPLICA_KEYS,
  REPLICA_SLOTS,
  type ReplicaRun,
  settle,
} from '../../test/support/replica-run.ts';
import type { NetNode } from '../../test/support/replica-net.ts';
import { slotOf } from '../../test/support/workload-model.ts';
import { auditStore } from '../store/audit.ts';

const HALF = REPLICA_SLOTS.filter((slot) => slot % 2 === 0);
const OTHER_HALF = REPLICA_SLOTS.filter((slot) => slot % 2 !== 0);

function keysOf(slots: readonly number[]): string[] {
  return REPLICA_KEYS.filter((key) => slots.includes(slotOf(key)));
}

function replicate({ primary, replica }: ReplicaRun, slots: readonly number[]): void {
  primary.mover.replicateTo(primary.node.id, [{ node: replica.node, slots }]);
}

function copy({ primary, replica }: ReplicaRun, slots: readonly number[]): void {
  replica.mover.copyFrom(replica.node.id, [{ node: primary.node, slots }]);
}

function passMs(run: ReplicaRun, ms: number, operations = 0): void {
  const endMs = run.net.nowMs + ms;
  run.net.run(() => {
    run.operate(operations);
    return run.net.nowMs >= endMs;
  });
}

describe('slots', () => {
  test('that are added are copied beside those that are synced, which stay so', () => {
    const run = openReplicaRun(1);
    const { net, primary, replica } = run;
    net.pair(primary, replica, HALF);
    settle(run, HALF);
    copy(run, REPLICA_SLOTS);
    replicate(run, REPLICA_SLOTS);
    net.run(() => {
      run.operate(10);
      expect(HALF.every((slot) => replica.syncedFrom(primary).includes(slot))).toBe(true);
      return replica.syncedFrom(primary).length === REPLICA_SLOTS.length;
    });
    expectSame(run);
    expect(primary.mover.replicaFigures.fullCopies).toBe(0);
  });

  test('that are removed are sent no more, and what the replica has of them stays until it is deleted', () => {
    const run = openReplicaRun(2);
    const { net, primary, replica } = run;
    net.pair(primary, replica, REPLICA_SLOTS);
    settle(run);
    replicate(run, HALF);
    copy(run, HALF);
    const before = replica.items(OTHER_HALF, net.wallMs);
    expect(before.length).toBeGreaterThan(100);
    const goesOnMs = net.nowMs;
    primary.batch(() => {
      for (const key of REPLICA_KEYS) primary.driver.set(key, 'after', net.wallMs);
    });
    passMs(run, 10);
    net.nowMs = goesOnMs;
    expect(replica.items(OTHER_HALF, net.wallMs)).toEqual(before);
    expectSame(run, HALF);
    expect(replica.store.parts.keptSlots.count).toBe(HALF.length);
    replica.mover.purge(7, OTHER_HALF);
    net.run(() => replica.purged.includes(7));
    expect(replica.items(OTHER_HALF, net.wallMs)).toEqual([]);
  });

  test.each([3, 4, 5, 6])('come and go at random, at one end before the other, seed %i', (seed) => {
    const run = openReplicaRun(seed, { bytesPerSecond: 3_000_000 });
    const { net, random } = run;
    const some = (): number[] => REPLICA_SLOTS.filter(() => random() < 0.7);
    copy(run, some());
    replicate(run, some());
    for (let ticks = 0; ticks < 1500; ticks += 1) {
      run.operate(Math.floor(random() * 10));
      if (random() < 0.03) copy(run, random() < 0.1 ? [] : some());
      if (random() < 0.03) replicate(run, random() < 0.1 ? [] : some());
      if (random() < 0.02) net.cut();
      if (random() < 0.3) net.connect();
      net.tick(1);
    }
    copy(run, REPLICA_SLOTS);
    replicate(run, REPLICA_SLOTS);
    expectSame(run);
  });

  test('whose topology the replica does not know yet are asked for again, and hold nothing up', () => {
    const run = openReplicaRun(7);
    const { net, primary, replica } = run;
    replicate(run, REPLICA_SLOTS);
    passMs(run, 200, 5);
    expect(replica.store.stats().itemCount).toBe(0);
    copy(run, HALF);
    net.run(() => replica.syncedFrom(primary).length === HALF.length);
    // The replica has said of the others that it has them not.
    passMs(run, 300, 5);
    expect(primary.syncedTo(replica)).toEqual(HALF);
    expect(replica.items(OTHER_HALF, net.wallMs)).toEqual([]);
    copy(run, REPLICA_SLOTS);
    expectSame(run);
    expect(primary.mover.replicaFigures.fullCopies).toBe(0);
  });

  test('that the replica gave up and takes again, of which the primary heard nothing, are copied anew', () => {
    const run = openReplicaRun(8);
    const { net, primary, replica } = run;
    net.pair(primary, replica, REPLICA_SLOTS);
    settle(run);
    copy(run, HALF);
    passMs(run, 20, 5);
    expect(replica.syncedFrom(primary)).toEqual(HALF);
    copy(run, REPLICA_SLOTS);
    // However many frames come meanwhile, each of which is answered with what is lacking.
    passMs(run, 200, 5);
    expect(replica.syncedFrom(primary)).toEqual(REPLICA_SLOTS);
    expectSame(run);
    expect(primary.mover.replicaFigures.fullCopies).toBe(0);
  });

  test('that are deleted at the primary because they are worthless are copied after that', () => {
    const run = openReplicaRun(9);
    const { net, primary, replica } = run;
    net.pair(primary, replica, REPLICA_SLOTS);
    settle(run);
    const { position } = primary.store.parts.changes;
    primary.mover.purge(1, HALF);
    expect(primary.table.confirmedCount(HALF[0]!, position)).toBe(0);
    expect(primary.table.confirmedCount(OTHER_HALF[0]!, position)).toBe(1);
    net.run(() => primary.purged.includes(1));
    expectSame(run);
    expect(replica.items(HALF, net.wallMs)).toEqual([]);
    expect(replica.items(OTHER_HALF, net.wallMs).length).toBeGreaterThan(100);
  });
});

describe('a replica', () => {
  test('that has another source deletes what it had of the old one, as the new one begins', () => {
    const run = openReplicaRun(21);
    const { net, primary, replica } = run;
    net.pair(primary, replica, REPLICA_SLOTS);
    settle(run);
    const next = net.add('c');
    next.batch(() => {
      for (const key of keysOf(HALF)) next.driver.set(key, 'of the next', net.wallMs);
    });
    net.remove(primary);
    const had = replica.items(REPLICA_SLOTS, net.wallMs);
    replica.mover.copyFrom(replica.node.id, [{ node: next.node, slots: REPLICA_SLOTS }]);
    net.tick(1);
    expect(replica.syncedFrom(primary)).toEqual([]);
    // Until then it is better than nothing.
    expect(replica.items(REPLICA_SLOTS, net.wallMs)).toEqual(had);
    next.mover.replicateTo(next.node.id, [{ node: replica.node, slots: REPLICA_SLOTS }]);
    expectSame({ ...run, primary: next });
    expect(replica.items(REPLICA_SLOTS, net.wallMs)).toHaveLength(keysOf(HALF).length);
  });

  test('that takes over has all it had, as its own, and nothing is written there by frames that come late', () => {
    const run = openReplicaRun(22);
    const { net, primary, replica } = run;
    net.pair(primary, replica, REPLICA_SLOTS);
    settle(run);
    const late: Uint8Array[] = [];
    net.tamper = (frame) => {
      late.push(frame.slice());
      return [];
    };
    primary.batch(() => {
      primary.store.beginExclusive();
      primary.store.flush(-1, net.wallMs);
      primary.store.endExclusive();
      for (const key of REPLICA_KEYS) primary.driver.set(key, 'too late', net.wallMs);
    });
    passMs(run, 20);
    expect(late.length).toBeGreaterThan(0);
    const had = replica.items(REPLICA_SLOTS, net.wallMs);
    expect(had.length).toBeGreaterThan(500);
    // The flush has come and waits for its turn; the rest comes after it has taken over.
    replica.take(late[0]!);
    replica.mover.copyFrom(replica.node.id, []);
    for (const frame of late) replica.take(frame);
    for (let steps = 0; steps < 50; steps += 1) replica.mover.step(net.nowMs, net.wallMs);
    expect(replica.items(REPLICA_SLOTS, net.wallMs)).toEqual(had);
    expect(replica.store.parts.keptSlots.count).toBe(0);
    // What has expired goes by itself from now on.
    net.nowMs += 10_000;
    for (let steps = 0; steps < 100; steps += 1) replica.janitor.step(net.wallMs);
    expect(replica.items(REPLICA_SLOTS, net.wallMs).length).toBe(replica.store.stats().itemCount);
    expect(auditStore(replica.store.parts)).toEqual([]);
  });

  test('that was restarted, or lost its memory of the stream, gets all anew', () => {
    const run = openReplicaRun(23);
    const { net, primary, replica } = run;
    net.pair(primary, replica, REPLICA_SLOTS);
    settle(run);
    replica.mover.copyFrom(replica.node.id, []);
    copy(run, REPLICA_SLOTS);
    net.tick(0);
    expect(replica.syncedFrom(primary)).toEqual([]);
    run.operate(100);
    expectSame(run);
    expect(primary.mover.replicaFigures.fullCopies).toBe(1);
    const again = net.add('b');
    net.remove(replica);
    again.mover.copyFrom(again.node.id, [{ node: primary.node, slots: REPLICA_SLOTS }]);
    passMs(run, 20, 10);
    const { position } = primary.store.parts.changes;
    expect(primary.table.confirmedCount(HALF[0]!, position)).toBe(0);
    expectSame({ ...run, replica: again });
    expect(primary.mover.replicaFigures.fullCopies).toBe(2);
  });

  test('takes nothing of a primary that was restarted before, and all of the new one', () => {
    const run = openReplicaRun(24);
    const { net, primary, replica } = run;
    net.pair(primary, replica, REPLICA_SLOTS);
    settle(run);
    const old: Uint8Array[] = [];
    net.tamper = (frame) => {
      old.push(frame.slice());
      return [frame];
    };
    run.operate(100);
    passMs(run, 300);
    const again: NetNode = net.add('a');
    net.remove(primary);
    again.batch(() => again.driver.set(REPLICA_KEYS[0]!, 'new', net.wallMs));
    again.mover.replicateTo(again.node.id, [{ node: replica.node, slots: REPLICA_SLOTS }]);
    const next = { ...run, primary: again };
    expectSame(next);
    for (const frame of old) replica.take(frame);
    expectSame(next);
    expect(replica.items(REPLICA_SLOTS, net.wallMs)).toHaveLength(1);
  });

  test('gets what each of its sources has', () => {
    const run = openReplicaRun(25);
    const { net, primary, replica } = run;
    const other = net.add('c');
    other.batch(() => {
      for (const key of keysOf(OTHER_HALF)) other.driver.set(key, 'other', net.wallMs);
    });
    replica.mover.copyFrom(replica.node.id, [
      { node: primary.node, slots: HALF },
      { node: other.node, slots: OTHER_HALF },
    ]);
    replicate(run, HALF);
    other.mover.replicateTo(other.node.id, [{ node: replica.node, slots: OTHER_HALF }]);
    passMs(run, 100, 10);
    expectSame(run, HALF);
    expectSame({ ...run, primary: other }, OTHER_HALF);
    expect(replica.store.parts.keptSlots.count).toBe(REPLICA_SLOTS.length);
  });
});

test('each of two replicas has its slots, and one that is away does not hold the other up', () => {
  const run = openReplicaRun(31);
  const { net, primary, replica } = run;
  const second = net.add('c');
  replica.mover.copyFrom(replica.node.id, [{ node: primary.node, slots: REPLICA_SLOTS }]);
  second.mover.copyFrom(second.node.id, [{ node: primary.node, slots: HALF }]);
  primary.mover.replicateTo(primary.node.id, [
    { node: replica.node, slots: REPLICA_SLOTS },
    { node: second.node, slots: HALF },
  ]);
  net.run(
    () => primary.syncedTo(replica).length + primary.syncedTo(second).length === REPLICA_SLOTS.length + HALF.length,
  );
  net.nodes.pop();
  run.operate(500);
  const { position } = primary.store.parts.changes;
  passMs(run, 50);
  expect(primary.table.confirmedCount(HALF[0]!, position)).toBe(1);
  expect(primary.table.copyCount(HALF[0]!)).toBe(2);
  expect(primary.table.copyCount(OTHER_HALF[0]!)).toBe(1);
  net.nodes.push(second);
  net.run(() => primary.table.confirmedCount(HALF[0]!, position) === 2, { ms: 20 });
  expect(second.items(HALF, net.wallMs)).toEqual(primary.items(HALF, net.wallMs));
  expect(replica.items(REPLICA_SLOTS, net.wallMs)).toEqual(primary.items(REPLICA_SLOTS, net.wallMs));
});
