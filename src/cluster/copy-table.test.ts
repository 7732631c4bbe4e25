/** What data threads read of copies: how old they are at most, whatever happens to them and to what they are copied from. */
import { describe, expect, test } from 'bun:test';
import { openReplicaRun, REPLICA_KEYS, REPLICA_SLOTS, settle } from '../../test/support/replica-run.ts';
import { slotOf } from '../../test/support/workload-model.ts';
import type { NetNode } from '../../test/support/replica-net.ts';
import { CopyTable } from './copy-table.ts';

const NEVER = Number.NEGATIVE_INFINITY;

describe('a table', () => {
  test('tells what is copied, and how old it is by its source', () => {
    const writer = CopyTable.create();
    const table = CopyTable.attach(writer.memory);
    expect([table.has(5), table.freshAtMs(5)]).toEqual([false, NEVER]);
    writer.setFresh(3, 100.5);
    writer.setCopies([
      { source: 3, slots: [5, 7], isFollowed: (slot) => slot === 5 },
      { source: 0, slots: [16_383], isFollowed: () => true },
    ]);
    expect([5, 6, 7, 16_383].map((slot) => table.has(slot))).toEqual([true, false, true, true]);
    expect([5, 6, 7, 16_383].map((slot) => table.freshAtMs(slot))).toEqual([100.5, NEVER, NEVER, NEVER]);
    writer.setFresh(0, 7);
    expect([table.freshAtMs(16_383), table.freshAtMs(5)]).toEqual([7, 100.5]);
    expect(table.summary()).toEqual({ count: 3, freshAtMs: NEVER });
  });

  test('has another version after each change of copies, and none else', () => {
    const table = CopyTable.create();
    const { version } = table;
    table.setFresh(0, 1);
    expect(table.version).toBe(version);
    table.setCopies([{ source: 0, slots: [1], isFollowed: () => true }]);
    expect(table.version).toBe(version + 2);
  });
});

/** The number that the key was written with last, as `node` has it; 0 where it has none, or what was there before. */
function numberAt(node: NetNode, name: string, wallMs: number): number {
  const value = Number(node.driver.get(name, wallMs));
  return Number.isInteger(value) ? value : 0;
}

describe('what a replica says of the age of its copies', () => {
  test('is true at any time, with frames lost and doubled and connections cut', () => {
    for (let seed = 1; seed <= 3; seed += 1) {
      const run = openReplicaRun(seed);
      const { net, primary, replica, random } = run;
      net.pair(primary, replica, REPLICA_SLOTS);
      settle(run);
      net.tamper = (frame) => (random() < 0.03 ? [] : random() < 0.05 ? [frame, frame] : [frame]);
      const names = REPLICA_KEYS.slice(0, 20);
      /** Of each key: when it was written with which number. */
      const history = new Map(names.map((name) => [name, [] as { atMs: number; number: number }[]]));
      let written = 0;
      let youngest = Number.POSITIVE_INFINITY;
      for (let round = 0; round < 2000; round += 1) {
        if (random() < 0.004) net.cut();
        if (random() < 0.05) net.frameEveryMs = random() < 0.5 ? 0 : 5;
        if (random() < 0.02) primary.servesAll = !primary.servesAll;
        const name = names[Math.floor(random() * names.length)]!;
        written += 1;
        primary.batch(() => primary.driver.set(name, String(written), net.wallMs));
        history.get(name)!.push({ atMs: net.nowMs, number: written });
        if (random() < 0.9) net.connect();
        net.tick(random() < 0.1 ? 20 : 1);
        const looked = names[Math.floor(random() * names.length)]!;
        const freshAtMs = replica.copies.freshAtMs(slotOf(looked));
        youngest = Math.min(youngest, net.nowMs - freshAtMs);
        const before = history.get(looked)!.findLast(({ atMs }) => atMs < freshAtMs)?.number ?? 0;
        expect(numberAt(replica, looked, net.wallMs)).toBeGreaterThanOrEqual(before);
      }
      // It says something, too.
      expect(youngest).toBeLessThan(300);
    }
  });

  test('stays where it is while the primary does not serve all of its slots, and goes on when it does', () => {
    const run = openReplicaRun(1);
    const { net, primary, replica } = run;
    net.pair(primary, replica, REPLICA_SLOTS);
    settle(run);
    const slot = REPLICA_SLOTS[0]!;
    net.run(() => net.nowMs - replica.copies.freshAtMs(slot) < 500);
    primary.servesAll = false;
    const sinceMs = net.nowMs;
    for (let turn = 0; turn < 300; turn += 1) net.tick(10);
    expect(replica.copies.freshAtMs(slot)).toBeLessThanOrEqual(sinceMs);
    expect(replica.copies.has(slot)).toBe(true);
    primary.servesAll = true;
    net.run(() => net.nowMs - replica.copies.freshAtMs(slot) < 500, { ms: 10 });
  });

  test('is nothing of a slot that the primary has no more, before anything is said of later', () => {
    const run = openReplicaRun(1);
    const { net, primary, replica } = run;
    net.pair(primary, replica, REPLICA_SLOTS);
    settle(run);
    const [gone, ...rest] = REPLICA_SLOTS as [number, ...number[]];
    primary.mover.replicateTo(primary.node.id, [{ node: replica.node, slots: rest }]);
    const goneAtMs = net.nowMs;
    net.run(
      () => {
        expect(replica.copies.freshAtMs(gone)).toBeLessThanOrEqual(goneAtMs);
        return replica.copies.freshAtMs(rest[0]!) > goneAtMs;
      },
      { ms: 5 },
    );
    expect(replica.copies.freshAtMs(gone)).toBe(NEVER);
    // The copy is whole all the same, until the replica hears of another topology.
    expect(replica.copies.has(gone)).toBe(true);
    replica.mover.copyFrom(replica.node.id, [{ node: primary.node, slots: rest }]);
    expect(replica.copies.has(gone)).toBe(false);
    // Back again, it is copied anew.
    net.pair(primary, replica, REPLICA_SLOTS);
    settle(run);
    net.run(() => net.nowMs - replica.copies.freshAtMs(gone) < 500, { ms: 5 });
  });

  test('is taken back before anything is deleted', () => {
    const run = openReplicaRun(2);
    const { net, primary, replica } = run;
    net.pair(primary, replica, REPLICA_SLOTS);
    settle(run);
    const name = REPLICA_KEYS.find((key) => replica.driver.get(key, net.wallMs) !== null)!;
    const slot = slotOf(name);
    primary.mover.purge(1, [slot]);
    for (let turn = 0; turn < 200 && replica.copies.has(slot); turn += 1) {
      expect(replica.driver.get(name, net.wallMs)).not.toBeNull();
      net.connect();
      net.tick(1);
    }
    expect(replica.copies.has(slot)).toBe(false);
  });
});
