/** Moves that are given up, fail, or meet what was there before; the pace of a move; and what a target does with bytes that are no frame. */
import { describe, expect, test } from 'bun:test';
import { expectMoved, isMoved, KEYS, MOVED, openRun } from '../../test/support/move-run.ts';
import { StoreDriver } from '../../test/support/store-driver.ts';
import { RIGHT, TwoMovers, WALL_MS } from '../../test/support/two-movers.ts';
import { slotOf } from '../../test/support/workload-model.ts';
import { seededRandom } from '../base/random.ts';
import { auditStore } from '../store/audit.ts';
import { FRAME_BYTES_MAX } from './move-frames.ts';

describe('a move', () => {
  test('can be given up at any point, and another one begins with nothing of it', () => {
    const run = openRun(71, { bytesPerSecond: 2_000_000 });
    const { movers, model, random, storeOf } = run;
    for (let move = 1; move <= 8; move += 1) {
      movers.begin(move, MOVED);
      const untilMs = movers.nowMs + move * 17;
      movers.pausesAtOnce = false;
      movers.run(() => {
        for (let count = 0; count < 10; count += 1) model.operate(storeOf, movers.wallMs);
        return movers.nowMs > untilMs;
      });
      movers.leftMover.endMove(move, 'cancelled');
      movers.rightMover.endMove(move, 'cancelled');
      if (random() < 0.5) movers.rightMover.purge(move, MOVED);
    }
    movers.pausesAtOnce = true;
    movers.begin(9, MOVED);
    movers.run(() => movers.isHanded);
    expectMoved(run);
  });

  test('begins with nothing of what the target had in these slots, however long that takes to delete', () => {
    const run = openRun(75);
    const { movers } = run;
    const ghosts = new StoreDriver(movers.right);
    movers.right.enter();
    for (let number = 0; number < 30_000; number += 1)
      ghosts.set(`{${KEYS[number % 600]}}${number}`, 'old', movers.wallMs);
    for (const key of KEYS) ghosts.set(key, 'old', movers.wallMs);
    movers.right.leave();
    movers.begin(1, MOVED);
    movers.run(() => movers.isHanded);
    expectMoved(run);
    for (const slot of MOVED) expect(movers.right.slotCount(slot)).toBeLessThan(20);
  });

  test('keeps what was in use in memory where the target has to evict', () => {
    const movers = new TwoMovers({ rightMemoryBytes: 4 * 2 ** 20, eviction: 's3fifo' });
    const driver = new StoreDriver(movers.left);
    movers.left.enter();
    for (let number = 0; number < 3000; number += 1) driver.set(`k${number}`, 'v'.repeat(300), movers.wallMs);
    for (let number = 0; number < 3000; number += 3) driver.get(`k${number}`, movers.wallMs);
    movers.left.leave();
    const slots = [...new Set(Array.from({ length: 3000 }, (_, number) => slotOf(`k${number}`)))];
    movers.begin(1, slots);
    movers.run(() => movers.isHanded);
    const target = new StoreDriver(movers.right);
    movers.right.enter();
    for (let number = 0; number < 16_000; number += 1) target.set(`new${number}`, 'v'.repeat(300), movers.wallMs);
    const left = { used: 0, other: 0 };
    for (let number = 0; number < 3000; number += 1)
      if (movers.right.has(target.key(`k${number}`), movers.wallMs)) left[number % 3 === 0 ? 'used' : 'other'] += 1;
    movers.right.leave();
    expect(movers.right.stats().evicted).toBeGreaterThan(1000);
    expect(left.used).toBeGreaterThan(900);
    expect(left.other).toBeLessThan(500);
  });

  test('keeps to its pace', () => {
    const { movers } = openRun(81, { bytesPerSecond: 100_000 });
    for (let number = 0; number < 600; number += 1) {
      const driver = new StoreDriver(movers.left);
      movers.left.enter();
      driver.set(`key:${number}`, 'v'.repeat(2000), movers.wallMs);
      movers.left.leave();
    }
    movers.begin(1, MOVED);
    movers.run(() => movers.isHanded);
    const bytes = movers.last!.bytes;
    // The first burst is 256 KiB.
    expect(movers.nowMs).toBeGreaterThan(((bytes - 2 * 256 * 1024) / 100_000) * 1000);
    expect(bytes).toBeGreaterThan(550_000);
  });

  test('fails, and leaves the source as it was, where the target has no memory', () => {
    const run = openRun(91, { rightMemoryBytes: 2 ** 20 * 1.5 });
    const { movers, model } = run;
    const driver = new StoreDriver(movers.left);
    movers.left.enter();
    for (let number = 0; number < 600; number += 1) driver.set(`big:{key:${number}}`, 'v'.repeat(8000), movers.wallMs);
    movers.left.leave();
    movers.begin(1, MOVED);
    movers.run(() => movers.error !== null);
    expect(movers.error).toMatch(/no memory|no room/);
    expect(movers.rightReports.at(-1)!.state).toBe('failed');
    movers.leftMover.endMove(1, 'cancelled');
    movers.rightMover.endMove(1, 'cancelled');
    movers.rightMover.purge(1, MOVED);
    movers.run(() => movers.purged.includes(1));
    expect(movers.right.stats().itemCount).toBe(0);
    expect(model.differences(() => movers.left, movers.wallMs)).toEqual([]);
    expect(movers.log.consumerCount).toBe(0);
  });

  test('waits for a target that has not heard of it yet, and fails where the target forgot it', () => {
    const { movers } = openRun(101);
    movers.leftMover.beginExport({ id: 3, from: 'a', to: 'b', slots: MOVED }, RIGHT, 'copy');
    for (let ticks = 0; ticks < 500; ticks += 1) {
      movers.connect();
      movers.tick(1);
    }
    expect(movers.last!.state).toBe('copying');
    expect(movers.last!.items).toBe(0);
    movers.rightMover.beginImport({ id: 3, from: 'a', to: 'b', slots: MOVED }, RIGHT, 'copy');
    movers.pausesAtOnce = false;
    movers.run(() => movers.last!.state === 'ready');
    movers.rightMover.endMove(3, 'cancelled');
    movers.isPaused = true;
    movers.leftMover.shipRest(3);
    const driver = new StoreDriver(movers.left);
    movers.left.enter();
    for (const key of KEYS) driver.set(key, 'new', movers.wallMs);
    movers.left.leave();
    movers.run(() => movers.last!.state === 'failed');
    expect(movers.last!.error).toContain('lost what it had');
  });

  test('ends the pause where the target does not answer in it', () => {
    const { movers } = openRun(111);
    movers.pausesAtOnce = false;
    movers.begin(1, MOVED);
    movers.run(() => movers.last?.state === 'ready');
    const driver = new StoreDriver(movers.left);
    movers.left.enter();
    for (const key of KEYS) driver.set(key, 'new', movers.wallMs);
    movers.left.leave();
    movers.cut();
    movers.leftMover.shipRest(1);
    const beganMs = movers.nowMs;
    while (movers.error === null) movers.tick(10);
    expect(movers.nowMs - beganMs).toBeLessThan(1100);
  });

  test('is complete only with the last frame, and is given up where that does not come', () => {
    const run = openRun(115);
    const { movers } = run;
    movers.pausesAtOnce = false;
    movers.begin(1, MOVED);
    movers.run(() => movers.last?.state === 'ready');
    const driver = new StoreDriver(movers.left);
    movers.left.enter();
    for (const key of KEYS.slice(0, 100)) driver.set(key, 'new', movers.wallMs);
    movers.left.leave();
    movers.tamper = () => null;
    movers.leftMover.shipRest(1);
    movers.run(() => movers.last?.state === 'drained');
    const beganMs = movers.nowMs;
    movers.run(() => movers.error !== null, { ms: 10 });
    expect([movers.isHanded, movers.error]).toEqual([false, 'the last frames did not come within 1000 ms']);
    expect(movers.nowMs - beganMs).toBeLessThan(1300);
    // The source has not lost anything by it.
    movers.rightMover.endMove(1, 'cancelled');
    movers.tamper = (frame) => frame;
    movers.pausesAtOnce = true;
    movers.error = null;
    movers.begin(2, MOVED);
    movers.run(() => movers.isHanded);
    const target = new StoreDriver(movers.right);
    movers.right.enter();
    for (const key of KEYS.slice(0, 100)) {
      if (isMoved.has(slotOf(key))) expect(target.get(key, movers.wallMs)).toBe('new');
    }
    movers.right.leave();
  });

  test('sends the last frames again over a new connection', () => {
    const run = openRun(117);
    const { movers } = run;
    movers.begin(1, MOVED);
    movers.tamper = (frame) => (movers.last?.state === 'drained' ? null : frame);
    const key = KEYS.find((each) => isMoved.has(slotOf(each)))!;
    movers.onPause = (paused) => {
      if (paused) new StoreDriver(movers.left).set(key, 'the last one', movers.wallMs);
    };
    movers.run(() => movers.last?.state === 'drained');
    movers.cut();
    movers.tamper = (frame) => frame;
    movers.run(() => movers.isHanded || movers.error !== null);
    expect(movers.error).toBeNull();
    movers.right.enter();
    expect(new StoreDriver(movers.right).get(key, movers.wallMs)).toBe('the last one');
    movers.right.leave();
  });

  test('has other work wait while it is handed over, but not for long', () => {
    const { movers } = openRun(119);
    movers.pausesAtOnce = false;
    movers.begin(1, MOVED);
    movers.run(() => movers.last?.state === 'ready');
    const beganMs = movers.nowMs;
    movers.leftMover.purge(
      5,
      [...new Set(KEYS.map(slotOf))].filter((slot) => !isMoved.has(slot)),
    );
    movers.run(() => movers.purged.length > 0);
    expect(movers.nowMs - beganMs).toBeGreaterThanOrEqual(8);
    expect(movers.nowMs - beganMs).toBeLessThan(50);
  });
});

describe('the target', () => {
  test('answers what is no frame with an error, and stores nothing of it', () => {
    const movers = new TwoMovers();
    movers.begin(1, MOVED);
    const replies: Buffer[] = [];
    const random = seededRandom(5);
    for (let count = 0; count < 2000; count += 1) {
      const bytes = Buffer.alloc(Math.floor(random() * 200));
      for (let at = 0; at < bytes.length; at += 1) bytes[at] = Math.floor(random() * 256);
      if (random() < 0.9 && bytes.length > 16) {
        bytes.set([1, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        if (random() < 0.8) bytes[16] = 1 + Math.floor(random() * 4);
      }
      movers.rightMover.takeFrame(bytes, (reply) => void replies.push(Buffer.from(reply)));
      movers.rightMover.step(count, WALL_MS);
    }
    movers.rightMover.takeFrame(Buffer.alloc(FRAME_BYTES_MAX + 1), (reply) => void replies.push(Buffer.from(reply)));
    expect(replies.length).toBeGreaterThan(1500);
    expect(replies.at(-1)![1]).not.toBe(0);
    expect(movers.right.stats().itemCount).toBe(0);
    expect(auditStore(movers.right.parts)).toEqual([]);
  });
});

test('everything is dropped, and moves with it', () => {
  const { movers } = openRun(121);
  movers.begin(1, MOVED);
  movers.run(() => movers.last !== undefined && movers.last.items > 0);
  movers.leftMover.dropAll([]);
  movers.run(() => movers.dropped === 1);
  expect(movers.left.stats().itemCount).toBe(0);
  expect(movers.log.consumerCount).toBe(0);
});
