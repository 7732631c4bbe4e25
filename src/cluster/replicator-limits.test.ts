/** Where something runs out: the change log, the room for changes, the memory of the replica; and bytes that are no frame. */
import { describe, expect, test } from 'bun:test';
import { NET_WALL_MS } from '../../test/support/replica-net.ts';
import {
  expectSame,
  openReplicaRun,
  REPLICA_KEYS,
  REPLICA_SLOTS,
  type ReplicaRun,
  settle,
} from '../../test/support/replica-run.ts';
import { slotOf } from '../../test/support/workload-model.ts';
import { seededRandom } from '../base/random.ts';
import { auditStore } from '../store/audit.ts';
import { WriteResult } from '../store/types.ts';
import { RECORD_BYTES_MAX } from './item-records.ts';
import {
  decodeStreamReply,
  newStreamFrame,
  sealStreamFrame,
  STREAM_HEADER_BYTES,
  StreamOutcome,
} from './stream-frames.ts';

/** Writes `count` different keys of the slots of the run. */
function writeMany({ net, primary }: ReplicaRun, count: number, valueBytes = 100): void {
  primary.batch(() => {
    for (let number = 0; number < count; number += 1) {
      const key = `{${REPLICA_KEYS[number % REPLICA_KEYS.length]}}${number}`;
      if (primary.driver.set(key, 'v'.repeat(valueBytes), net.wallMs) !== WriteResult.stored)
        throw new Error('no room');
    }
  });
}

describe('the primary', () => {
  test('copies all anew where the change log overflowed, and never makes a writer wait', () => {
    const run = openReplicaRun(1, { changeLogBytes: 2 ** 18 });
    const { net, primary, replica } = run;
    net.pair(primary, replica, REPLICA_SLOTS);
    settle(run);
    const { position } = primary.store.parts.changes;
    writeMany(run, 30_000);
    net.tick(1);
    expect(primary.table.confirmedCount(REPLICA_SLOTS[0]!, position)).toBe(0);
    expect(REPLICA_SLOTS.some((slot) => primary.store.writersWait(slot))).toBe(false);
    expectSame(run);
    expect(primary.mover.replicaFigures).toEqual({ fullCopies: 1, lostCount: 1 });
  });

  test('keeps so many changes for a replica that is away, and copies all anew beyond that', () => {
    const run = openReplicaRun(2);
    const { net, primary, replica } = run;
    net.pair(primary, replica, REPLICA_SLOTS);
    settle(run);
    net.cut();
    const memory = (): number => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
    Bun.gc(true);
    const before = memory();
    for (let round = 0; round < 60; round += 1) {
      primary.batch(() => {
        for (let number = 0; number < 2000; number += 1)
          primary.driver.set(`{${REPLICA_KEYS[number % 600]}}${round}:${number}`, 'v', net.wallMs);
      });
      net.tick(5);
      if (round === 10) expect(primary.mover.replicaFigures.fullCopies).toBe(0);
    }
    Bun.gc(true);
    expect(memory() - before).toBeLessThan(60 * 2 ** 20);
    expect(primary.mover.replicaFigures.fullCopies).toBe(1);
    expect(primary.last.targets[0]).toMatchObject({ synced: [], error: 'more was changed than the replica took' });
    expectSame(run);
    expect(primary.mover.replicaFigures.fullCopies).toBe(1);
    expect(primary.last.targets[0]!.error).toBeNull();
  });

  test('begins full copies again more and more seldom, to a replica that cannot keep up', () => {
    const run = openReplicaRun(3, { memoryBytes: 128 * 2 ** 20 });
    const { net, primary, replica } = run;
    net.pair(primary, replica, REPLICA_SLOTS);
    settle(run);
    let number = 0;
    net.frameEveryMs = 40;
    net.run(
      () => {
        primary.batch(() => {
          for (let count = 0; count < 2500; count += 1, number += 1)
            primary.driver.set(`{${REPLICA_KEYS[number % 600]}}${number % 60_000}`, 'v'.repeat(600), net.wallMs);
        });
        return net.nowMs > 20_000;
      },
      { ms: 100 },
    );
    expect(primary.mover.replicaFigures.fullCopies).toBeGreaterThan(1);
    expect(primary.mover.replicaFigures.fullCopies).toBeLessThan(6);
    expectSame(run);
  });

  test('copies at its pace, and sends changes as they come', () => {
    const run = openReplicaRun(4, { bytesPerSecond: 400_000 });
    const { net, primary, replica } = run;
    writeMany(run, 10_000, 200);
    net.pair(primary, replica, REPLICA_SLOTS.slice(0, 10));
    settle(run, REPLICA_SLOTS.slice(0, 10));
    net.pair(primary, replica, REPLICA_SLOTS);
    const beganMs = net.nowMs;
    let lateMs = 0;
    const key = REPLICA_KEYS.find((one) => slotOf(one) === REPLICA_SLOTS[3])!;
    net.run(
      () => {
        if (replica.syncedFrom(primary).length === REPLICA_SLOTS.length) return true;
        const value = `${net.nowMs}`;
        primary.batch(() => primary.driver.set(key, value, net.wallMs));
        net.run(
          () => replica.store.has(replica.driver.key(key), net.wallMs) && replica.driver.get(key, net.wallMs) === value,
        );
        lateMs = Math.max(lateMs, net.nowMs - Number(value));
        return false;
      },
      { ms: 10 },
    );
    expect(net.nowMs - beganMs).toBeGreaterThan(4000);
    expect(lateMs).toBeLessThan(20);
    expectSame(run);
  });

  test('serves on where the replica has no memory, says why, and tries again', () => {
    const run = openReplicaRun(5, {}, { memoryBytes: 2 * 2 ** 20 });
    const { net, primary, replica, model } = run;
    writeMany(run, 600, 8000);
    net.pair(primary, replica, REPLICA_SLOTS);
    net.run(() => primary.last.targets[0]?.error !== null && primary.last.targets.length > 0);
    expect(primary.last.targets[0]!.error).toMatch(/no memory left|too much of the memory/);
    expect(model.differences(() => primary.store, net.wallMs)).toEqual([]);
    // What it had of the copy is gone, so that it can keep something of its own.
    net.run(() => replica.store.stats().itemCount === 0, { ms: 10 });
    primary.batch(() => {
      for (let number = 0; number < 600; number += 1)
        primary.driver.delete(`{${REPLICA_KEYS[number]}}${number}`, net.wallMs);
      for (const key of REPLICA_KEYS)
        for (const database of [0, 1, 2]) primary.driver.set(key, 'short', net.wallMs, () => {}, database);
    });
    const failedMs = net.nowMs;
    settle(run);
    expect(net.nowMs - failedMs).toBeGreaterThan(500);
    expectSame(run);
    expect(primary.last.targets[0]!.error).toBeNull();
  });
});

describe('a replica that evicts', () => {
  test('gives its own items up for those that it keeps, and only them', () => {
    const run = openReplicaRun(11, {}, { memoryBytes: 4 * 2 ** 20, eviction: 's3fifo' });
    const { net, primary, replica } = run;
    writeMany(run, 6000, 300);
    const own = Array.from({ length: 8000 }, (_, number) => `{own}${number}`);
    const fill = (): void =>
      replica.batch(() => {
        for (const key of own) replica.driver.set(key, 'v'.repeat(400), net.wallMs);
      });
    fill();
    net.pair(primary, replica, REPLICA_SLOTS);
    expectSame(run);
    fill();
    for (let steps = 0; steps < 50; steps += 1) replica.janitor.step(net.wallMs);
    expectSame(run);
    expect(replica.store.stats().evicted).toBeGreaterThan(3000);
    expect(primary.mover.replicaFigures.fullCopies).toBe(0);
  });

  test('gives a copy up that takes nearly all of its memory', () => {
    const run = openReplicaRun(12, {}, { memoryBytes: 4 * 2 ** 20, eviction: 's3fifo' });
    const { net, primary, replica } = run;
    writeMany(run, 10_000, 320);
    net.pair(primary, replica, REPLICA_SLOTS);
    net.run(() => primary.last.targets.length > 0 && primary.last.targets[0]!.error !== null);
    expect(primary.last.targets[0]!.error).toMatch(/memory/);
    replica.mover.copyFrom(replica.node.id, []);
    replica.batch(() => {
      for (let number = 0; number < 5000; number += 1)
        expect(replica.driver.set(`own${number}`, 'v'.repeat(400), net.wallMs)).toBe(WriteResult.stored);
    });
    expect(auditStore(replica.store.parts)).toEqual([]);
  });
});

describe('bytes that are no frame', () => {
  test('are answered with an error, and nothing of them is stored', () => {
    const run = openReplicaRun(21);
    const { net, primary, replica } = run;
    replica.mover.copyFrom(replica.node.id, [{ node: primary.node, slots: REPLICA_SLOTS }]);
    const name = { source: primary.node.id, target: replica.node.id, life: 1, attempt: 1 };
    const start = newStreamFrame(name, 0, 1);
    const replies: Buffer[] = [];
    const send = (bytes: Uint8Array): void => {
      replica.take(bytes, (reply) => void replies.push(Buffer.from(reply)));
      replica.mover.step(net.nowMs, NET_WALL_MS);
    };
    send(sealStreamFrame(start, 0, 0));
    expect(decodeStreamReply(replies[0]!)).toMatchObject({ outcome: StreamOutcome.stored, next: 1 });
    const random = seededRandom(5);
    for (let count = 0; count < 3000; count += 1) {
      const bytes = Buffer.alloc(Math.floor(random() * 300));
      for (let at = 0; at < bytes.length; at += 1) bytes[at] = Math.floor(random() * 256);
      if (random() < 0.9 && bytes.length > STREAM_HEADER_BYTES) {
        const head = sealStreamFrame(newStreamFrame(name, 1 + Math.floor(random() * 2)), 1, 1);
        bytes.set(head);
        if (random() < 0.8) bytes[STREAM_HEADER_BYTES] = 1 + Math.floor(random() * 7);
      }
      send(bytes);
      if (count % 100 === 0) send(sealStreamFrame(newStreamFrame({ ...name, attempt: 2 + count }, 0, 1), 0, 0));
    }
    send(Buffer.alloc(STREAM_HEADER_BYTES + RECORD_BYTES_MAX + 1));
    expect(decodeStreamReply(replies.at(-1)!).outcome).toBe(StreamOutcome.failed);
    expect(replies.length).toBeGreaterThan(2000);
    expect(replica.store.stats().itemCount).toBe(0);
    expect(auditStore(replica.store.parts)).toEqual([]);
  });

  test('in a reply make a full copy, and nothing worse', () => {
    const run = openReplicaRun(22);
    const { net, primary, replica } = run;
    net.pair(primary, replica, REPLICA_SLOTS);
    settle(run);
    let replies = 0;
    net.tamperReply = (reply) => {
      replies += 1;
      return replies === 3 ? Buffer.from('nonsense') : reply;
    };
    run.operate(100);
    net.run(() => replies > 5, { ms: 50 });
    expectSame(run);
    expect(primary.mover.replicaFigures.fullCopies).toBe(1);
  });

  test('of another node, or for another one, are refused', () => {
    const run = openReplicaRun(23);
    const { primary, replica } = run;
    replica.mover.copyFrom(replica.node.id, [{ node: primary.node, slots: REPLICA_SLOTS }]);
    const name = { source: primary.node.id, target: replica.node.id, life: 1, attempt: 1 };
    for (const other of [{ source: 'c'.repeat(40) }, { target: 'c'.repeat(40) }, { source: replica.node.id }]) {
      let outcome = -1;
      const frame = sealStreamFrame(newStreamFrame({ ...name, ...other }, 0, 1), 0, 0);
      replica.take(frame, (reply) => (outcome = decodeStreamReply(reply).outcome));
      expect(outcome).toBe(StreamOutcome.unknown);
    }
  });
});

test('everything is dropped, and streams with it, at either end', () => {
  const run = openReplicaRun(31);
  const { net, primary, replica } = run;
  net.pair(primary, replica, REPLICA_SLOTS);
  settle(run);
  replica.mover.dropAll([]);
  net.run(() => replica.dropped === 1);
  expect(replica.store.stats().itemCount).toBe(0);
  expect(replica.store.parts.keptSlots.count).toBe(0);
  primary.mover.dropAll([]);
  net.run(() => primary.dropped === 1);
  expect(primary.table.copyCount(REPLICA_SLOTS[0]!)).toBe(0);
  expect(primary.last.targets).toEqual([]);
});
