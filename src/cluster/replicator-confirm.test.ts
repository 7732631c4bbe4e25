/** What replicas have confirmed: how soon it is known, and that it is true. */
import { describe, expect, test } from 'bun:test';
import {
  openReplicaRun,
  REPLICA_KEYS,
  REPLICA_SLOTS,
  type ReplicaRun,
  settle,
} from '../../test/support/replica-run.ts';
import { slotOf } from '../../test/support/workload-model.ts';
import { KEY_SLOT_COUNT } from '../base/key-slot.ts';

const KEY = REPLICA_KEYS[0]!;
const SLOT = slotOf(KEY);

function write({ net, primary }: ReplicaRun, key: string, value = 'new'): number {
  primary.batch(() => primary.driver.set(key, value, net.wallMs));
  return primary.store.parts.changes.position;
}

function synced(seed: number): ReplicaRun {
  const run = openReplicaRun(seed);
  run.net.pair(run.primary, run.replica, REPLICA_SLOTS);
  settle(run);
  return run;
}

describe('a confirmation', () => {
  test('comes with the first step after somebody asked, and without that as the log is looked at, some ms later', () => {
    const run = synced(1);
    const { net, primary } = run;
    for (let round = 0; round < 20; round += 1) {
      net.run(() => run.random() < 0.3);
      const position = write(run, KEY, `${round}`);
      expect(primary.table.confirmedCount(SLOT, position)).toBe(0);
      const { wakes } = primary;
      primary.mover.confirmNow();
      expect(primary.wakes).toBe(wakes + 1);
      expect(primary.mover.mayRest).toBe(false);
      net.tick(0);
      expect(primary.table.confirmedCount(SLOT, position)).toBe(1);
      expect(primary.mover.mayRest).toBe(true);
    }
    expect(primary.mover.step(net.nowMs, net.wallMs) - net.nowMs).toBeLessThanOrEqual(5);
    net.run(() => primary.mover.step(net.nowMs, net.wallMs) - net.nowMs > 5);
    expect(primary.mover.step(net.nowMs, net.wallMs) - net.nowMs).toBeLessThanOrEqual(20);
  });

  test('comes at once though what was written is in slots without a replica', () => {
    const run = openReplicaRun(2);
    const { net, primary, replica } = run;
    const half = REPLICA_SLOTS.filter((slot) => slot % 2 === SLOT % 2);
    net.pair(primary, replica, half);
    settle(run, half);
    const other = REPLICA_KEYS.find((key) => slotOf(key) % 2 !== SLOT % 2)!;
    const before = primary.store.parts.changes.position;
    const position = write(run, other);
    expect(position).not.toBe(before);
    primary.mover.confirmNow();
    net.tick(0);
    expect(primary.table.confirmedCount(SLOT, position)).toBe(1);
    const later = write(run, other);
    net.run(() => primary.table.confirmedCount(SLOT, later) === 1, { ticksMax: 210 });
    expect(replica.last.sources[0]!.through).toBeLessThanOrEqual(later);
  });

  test('of a write means that the replica has it', () => {
    const run = synced(3);
    const { net, primary, replica, random } = run;
    net.frameEveryMs = 2;
    const written: { key: string; value: string; position: number }[] = [];
    const settled = new Map<string, number>();
    let checked = 0;
    net.run(() => {
      const key = REPLICA_KEYS[Math.floor(random() * 50)]!;
      const value = `${net.nowMs}.`.repeat(1 + Math.floor(random() * 20_000 * random() ** 8));
      written.push({ key, value, position: write(run, key, value) });
      if (random() < 0.2) primary.mover.confirmNow();
      if (random() < 0.01) net.cut();
      for (const { key: known, value: was, position } of written.splice(0)) {
        if (primary.table.confirmedCount(slotOf(known), position) === 0)
          written.push({ key: known, value: was, position });
        else {
          settled.set(known, Number(was.split('.')[0]));
          checked += 1;
        }
      }
      // It has that, or something newer.
      for (const [known, atMs] of settled) {
        const hasMs = Number(replica.driver.get(known, net.wallMs)?.split('.', 1)[0]);
        if (!(hasMs >= atMs)) throw new Error(`${known} of ${atMs} is confirmed, and the replica has ${hasMs}`);
      }
      return net.nowMs > 800;
    });
    expect(checked).toBeGreaterThan(500);
  });

  test('counts for slots that are synced alone', () => {
    const run = openReplicaRun(4, { bytesPerSecond: 200_000 });
    const { net, primary, replica } = run;
    net.pair(primary, replica, REPLICA_SLOTS);
    net.run(() => replica.store.stats().itemCount > 100);
    const position = write(run, KEY);
    primary.mover.confirmNow();
    net.tick(1);
    net.tick(1);
    expect(primary.table.confirmedCount(SLOT, position)).toBe(0);
    net.run(() => primary.table.confirmedCount(SLOT, position) === 1);
    expect(replica.syncedFrom(primary)).toEqual(REPLICA_SLOTS);
    expect(primary.table.confirmedCount((SLOT + 1) % KEY_SLOT_COUNT, position)).toBe(0);
  });

  test('is asked for in vain while the replica is away, and comes as it is back', () => {
    const run = synced(5);
    const { net, primary } = run;
    net.cut();
    const position = write(run, KEY);
    primary.mover.confirmNow();
    for (let ticks = 0; ticks < 50; ticks += 1) net.tick(5);
    expect(primary.table.confirmedCount(SLOT, position)).toBe(0);
    // Nobody is waited for who is not there.
    expect(primary.mover.mayRest).toBe(true);
    net.connect();
    net.tick(0);
    expect(primary.table.confirmedCount(SLOT, position)).toBe(1);
  });
});

test('a replica knows how old its copy is at most, as time passes and changes come or not', () => {
  const run = synced(11);
  const { net, primary, replica, random } = run;
  const ageMs = (): number => net.nowMs - replica.mover.freshAtMs(primary.node.id);
  // Nothing happens: frames without records tell that nothing does.
  net.run(() => {
    expect(ageMs()).toBeLessThan(450);
    return net.nowMs > 2000;
  });
  let value = 0;
  const writtenMs: number[] = [];
  const endMs = net.nowMs + 2000;
  net.frameEveryMs = 3;
  net.run(() => {
    if (random() < 0.7) {
      write(run, KEY, `${(value += 1)}`);
      writtenMs[value] = net.nowMs;
    }
    const seen = Number(replica.driver.get(KEY, net.wallMs) ?? 0);
    // What it does not have yet was written after the time that it names.
    if (value > seen && seen > 0) expect(writtenMs[seen + 1]!).toBeGreaterThanOrEqual(net.nowMs - ageMs());
    expect(ageMs()).toBeLessThan(450);
    return net.nowMs > endMs;
  });
  net.cut();
  for (let ticks = 0; ticks < 100; ticks += 1) net.tick(20);
  expect(ageMs()).toBeGreaterThan(1900);
  expect(replica.mover.freshAtMs('c'.repeat(40))).toBe(Number.NEGATIVE_INFINITY);
});
