/** Moves between two stores while a random workload writes to them: what must be there at the end is known from a model. */
import { describe, expect, test } from 'bun:test';
import { StoreDriver } from '../../test/support/store-driver.ts';
import { RIGHT, TwoMovers, WALL_MS } from '../../test/support/two-movers.ts';
import { slotOf, StoreModel } from '../../test/support/workload-model.ts';
import { seededRandom } from '../base/random.ts';
import { auditStore } from '../store/audit.ts';
import type { Store } from '../store/store.ts';
import { WriteResult } from '../store/types.ts';
import { FRAME_BYTES_MAX } from './move-frames.ts';

const KEYS = Array.from({ length: 600 }, (_, number) => `key:${number}`);
/** Half of the keys' slots are moved. */
const MOVED = [...new Set(KEYS.map(slotOf))].filter((slot) => slot % 2 === 0).toSorted((left, right) => left - right);
const isMoved = new Set(MOVED);

interface Run {
  readonly movers: TwoMovers;
  readonly model: StoreModel;
  readonly random: () => number;
  /** Where a key of the slot is served now; null: nowhere, it is paused. */
  readonly storeOf: (slot: number) => Store | null;
}

function open(seed: number, options: ConstructorParameters<typeof TwoMovers>[0] = {}): Run {
  const movers = new TwoMovers(options);
  const random = seededRandom(seed);
  const model = new StoreModel({ random, keys: KEYS, longValueBytes: 2_500_000 });
  const storeOf = (slot: number): Store | null => {
    if (!isMoved.has(slot)) return movers.left;
    if (movers.isPaused) return null;
    if (movers.isHanded) return movers.right;
    return movers.left.writersWait(slot) ? null : movers.left;
  };
  for (let count = 0; count < 2000; count += 1) model.operate(storeOf, movers.wallMs);
  return { movers, model, random, storeOf };
}

function expectMoved({ movers, model, storeOf }: Run): void {
  expect(movers.error).toBeNull();
  expect(movers.isHanded).toBe(true);
  movers.leftMover.purge(777, MOVED);
  movers.run(() => movers.purged.includes(777));
  expect(model.differences((slot) => storeOf(slot)!, movers.wallMs)).toEqual([]);
  for (const slot of MOVED) expect(movers.left.slotCount(slot)).toBe(0);
  expect(auditStore(movers.left.parts)).toEqual([]);
  expect(auditStore(movers.right.parts)).toEqual([]);
  expect(movers.log.consumerCount).toBe(0);
  expect(MOVED.some((slot) => movers.left.writersWait(slot))).toBe(false);
}

describe('a move', () => {
  test.each([1, 2, 3, 4, 5, 6])('brings each item as it is, whatever is written meanwhile, seed %i', (seed) => {
    const run = open(seed);
    const { movers, model, random, storeOf } = run;
    movers.begin(1, MOVED);
    movers.run(() => {
      for (let count = Math.floor(random() * 60); count > 0; count -= 1) model.operate(storeOf, movers.wallMs);
      // A node holds a flush while slots of its are paused.
      if (random() < 0.04 && !movers.isPaused) {
        const isThere = (slot: number): boolean => !movers.isHanded || !isMoved.has(slot);
        model.flush(movers.left, Math.floor(random() * 4) - 1, isThere, movers.wallMs);
      }
      return movers.isHanded;
    });
    expectMoved(run);
  });

  test.each([11, 12, 13, 14, 15, 16])('goes on after the connection was cut at any point, seed %i', (seed) => {
    const run = open(seed, { bytesPerSecond: 2_000_000 });
    const { movers, model, random, storeOf } = run;
    movers.begin(1, MOVED);
    for (let ticks = 0; !movers.isHanded && movers.error === null; ticks += 1) {
      expect(ticks).toBeLessThan(20_000);
      for (let count = Math.floor(random() * 20); count > 0; count -= 1) model.operate(storeOf, movers.wallMs);
      if (random() < 0.05) movers.cut();
      if (random() < 0.3) movers.connect();
      movers.tick(random() < 0.1 ? 5 : 1);
    }
    expectMoved(run);
  });

  test.each([21, 22, 23])('is not misled by frames that come twice, late or not at all, seed %i', (seed) => {
    const run = open(seed);
    const { movers, model, random, storeOf } = run;
    const kept: Uint8Array[] = [];
    movers.tamper = (frame) => {
      const choice = random();
      kept.push(frame.slice());
      if (choice < 0.1) return null;
      return choice < 0.2 ? kept[Math.floor(random() * kept.length)]! : frame;
    };
    movers.begin(1, MOVED);
    movers.run(
      () => {
        for (let count = Math.floor(random() * 20); count > 0; count -= 1) model.operate(storeOf, movers.wallMs);
        return movers.isHanded || movers.error !== null;
      },
      { ms: 100 },
    );
    if (movers.error === null) expectMoved(run);
    // What is lost for seconds while the slots are paused ends the pause, and nothing else.
    else expect(movers.error).toContain('ms');
  });

  test('begins again where databases are exchanged', () => {
    const run = open(31, { bytesPerSecond: 500_000 });
    const { movers, model, random, storeOf } = run;
    const [left] = [movers.left];
    movers.begin(
      1,
      [...new Set(KEYS.map(slotOf))].toSorted((one, other) => one - other),
    );
    let swaps = 0;
    movers.run(() => {
      for (let count = Math.floor(random() * 20); count > 0; count -= 1)
        model.operate(
          (slot) => (movers.isPaused || movers.isHanded ? (movers.isHanded ? movers.right : null) : storeOf(slot)),
          movers.wallMs,
        );
      if (!movers.isPaused && !movers.isHanded && swaps < 5 && random() < 0.02) {
        model.swap(left, Math.floor(random() * 3), Math.floor(random() * 3));
        swaps += 1;
      }
      return movers.isHanded;
    });
    expect(swaps).toBeGreaterThan(0);
    expect(movers.error).toBeNull();
    expect(model.differences(() => movers.right, movers.wallMs)).toEqual([]);
  });

  test.each(['before the pause', 'in the pause'])('notices that databases are exchanged at the target, %s', (when) => {
    const run = open(35, { bytesPerSecond: 500_000 });
    const { movers } = run;
    movers.pausesAtOnce = false;
    movers.begin(1, MOVED);
    movers.run(() => movers.last?.state === 'ready');
    movers.right.enter();
    movers.right.beginExclusive();
    movers.right.swapDatabases(0, 2);
    movers.right.endExclusive();
    movers.right.leave();
    if (when === 'in the pause') {
      movers.leftMover.shipRest(1);
      movers.run(() => movers.error !== null);
      expect(movers.error).toContain('lost what it had');
      return;
    }
    const driver = new StoreDriver(movers.left);
    movers.left.enter();
    for (const key of KEYS) driver.set(key, 'before', movers.wallMs);
    movers.left.leave();
    movers.run(() => movers.last?.state === 'copying');
    movers.pausesAtOnce = true;
    movers.run(() => movers.isHanded);
    const target = new StoreDriver(movers.right);
    movers.right.enter();
    for (const key of KEYS) if (isMoved.has(slotOf(key))) expect(target.get(key, movers.wallMs)).toBe('before');
    movers.right.leave();
  });

  test('begins again where the change log overflowed', () => {
    const run = open(41, { changeLogBytes: 2 ** 19, bytesPerSecond: 1_000_000 });
    const { movers, model, storeOf } = run;
    movers.begin(1, MOVED);
    movers.run(() => movers.last !== undefined && movers.last.items > 100);
    // Nobody steps the source meanwhile, and the writers do not ask whether they should wait.
    for (let count = 0; movers.log.lostCount === 0; count += 1) {
      expect(count).toBeLessThan(100_000);
      model.operate((slot) => (isMoved.has(slot) ? movers.left : storeOf(slot)), movers.wallMs);
    }
    movers.run(() => movers.isHanded);
    expectMoved(run);
  });

  test('comes to an end though more is written than goes over', () => {
    const run = open(51);
    const { movers, storeOf } = run;
    movers.frameEveryMs = 20;
    movers.begin(1, MOVED);
    const driver = new StoreDriver(movers.left);
    const last = new Map<string, string>();
    let writes = 0;
    let waited = 0;
    movers.run(
      () => {
        // Some ten times what the target takes, in keys that are all different.
        for (const key of KEYS) {
          if (storeOf(slotOf(key)) !== movers.left) {
            waited += 1;
            continue;
          }
          const value = `${(writes += 1)}.${'v'.repeat(8000)}`;
          movers.left.enter();
          driver.set(key, value, movers.wallMs);
          movers.left.leave();
          last.set(key, value);
        }
        return movers.isHanded || movers.error !== null;
      },
      { ms: 10, ticksMax: 2000 },
    );
    expect(movers.error).toBeNull();
    expect(waited).toBeGreaterThan(KEYS.length);
    // One is told to look again when those who wait may go on.
    expect(movers.writersResumed).toBeGreaterThan(0);
    const target = new StoreDriver(movers.right);
    movers.right.enter();
    for (const [key, value] of last) if (isMoved.has(slotOf(key))) expect(target.get(key, movers.wallMs)).toBe(value);
    movers.right.leave();
    expect(MOVED.some((slot) => movers.left.writersWait(slot))).toBe(false);
  });

  test('waits, before the rest, for those who are in the middle of a batch', () => {
    const { movers } = open(55);
    movers.pausesAtOnce = false;
    movers.begin(1, MOVED);
    movers.run(() => movers.last?.state === 'ready');
    const key = KEYS.find((each) => isMoved.has(slotOf(each)))!;
    const { wait } = Atomics;
    movers.left.enter();
    // The source waits for the batch, which writes once more before it ends.
    Atomics.wait = (): 'ok' => {
      Atomics.wait = wait;
      new StoreDriver(movers.left).set(key, 'the last one', movers.wallMs);
      movers.left.leave();
      return 'ok';
    };
    try {
      movers.leftMover.shipRest(1);
      movers.run(() => movers.isHanded);
    } finally {
      Atomics.wait = wait;
    }
    movers.right.enter();
    expect(new StoreDriver(movers.right).get(key, movers.wallMs)).toBe('the last one');
    movers.right.leave();
  });

  test('lets nothing come back that was deleted while evictions go on', () => {
    const movers = new TwoMovers({
      memoryBytes: 2 * 2 ** 20,
      rightMemoryBytes: 16 * 2 ** 20,
      eviction: 's3fifo',
      bytesPerSecond: 3_000_000,
    });
    const random = seededRandom(61);
    const keys = Array.from({ length: 20_000 }, (_, number) => `key:${number}`);
    const slots = [...new Set(keys.map(slotOf))].toSorted((left, right) => left - right);
    const model = new StoreModel({ random, keys, longValueBytes: 300_000 });
    const last = new Map<string, string | null>();
    const driver = new StoreDriver(movers.left);
    movers.left.enter();
    movers.left.leave();
    let operations = 0;
    const operate = (): void => {
      const key = keys[Math.floor(random() * keys.length)]!;
      operations += 1;
      movers.left.enter();
      if (random() < 0.3) {
        driver.delete(key, movers.wallMs);
        last.set(key, null);
      } else {
        const value = `${operations}:${'v'.repeat(Math.floor(random() * 300))}`;
        expect(driver.set(key, value, movers.wallMs)).toBe(WriteResult.stored);
        last.set(key, value);
      }
      movers.left.leave();
    };
    for (let count = 0; count < 20_000; count += 1) operate();
    movers.begin(1, slots);
    movers.run(() => {
      if (!movers.isPaused && !movers.isHanded) for (let count = 0; count < 100; count += 1) operate();
      return movers.isHanded;
    });
    expect(movers.left.stats().evicted).toBeGreaterThan(1000);
    const target = new StoreDriver(movers.right);
    let there = 0;
    movers.right.enter();
    for (const [key, value] of last) {
      const found = target.get(key, movers.wallMs);
      if (found === null) continue;
      there += 1;
      if (found !== value) throw new Error(`${key} is ${found.slice(0, 20)}, not ${String(value).slice(0, 20)}`);
    }
    movers.right.leave();
    expect(there).toBeGreaterThan(1000);
    expect(model.operations).toBe(0);
    expect(auditStore(movers.left.parts)).toEqual([]);
    expect(auditStore(movers.right.parts)).toEqual([]);
  }, 30_000);

  test('can be given up at any point, and another one begins with nothing of it', () => {
    const run = open(71, { bytesPerSecond: 2_000_000 });
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
    const run = open(75);
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
    const { movers } = open(81, { bytesPerSecond: 100_000 });
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
    const run = open(91, { rightMemoryBytes: 2 ** 20 * 1.5 });
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
    const { movers } = open(101);
    movers.leftMover.beginExport({ id: 3, from: 'a', to: 'b', slots: MOVED }, RIGHT);
    for (let ticks = 0; ticks < 500; ticks += 1) {
      movers.connect();
      movers.tick(1);
    }
    expect(movers.last!.state).toBe('copying');
    expect(movers.last!.items).toBe(0);
    movers.rightMover.beginImport({ id: 3, from: 'a', to: 'b', slots: MOVED }, RIGHT);
    movers.pausesAtOnce = false;
    movers.run(() => movers.last!.state === 'ready');
    movers.rightMover.endMove(3, 'cancelled');
    movers.isPaused = true;
    movers.leftMover.shipRest(3);
    const driver = new StoreDriver(movers.left);
    movers.left.enter();
    for (const key of KEYS) driver.set(key, 'new', movers.wallMs);
    movers.left.leave();
    movers.run(() => movers.error !== null);
    expect(movers.error).toContain('lost what it had');
  });

  test('ends the pause where the target does not answer in it', () => {
    const { movers } = open(111);
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
  const { movers } = open(121);
  movers.begin(1, MOVED);
  movers.run(() => movers.last !== undefined && movers.last.items > 0);
  movers.leftMover.dropAll();
  movers.run(() => movers.dropped === 1);
  expect(movers.left.stats().itemCount).toBe(0);
  expect(movers.log.consumerCount).toBe(0);
});
