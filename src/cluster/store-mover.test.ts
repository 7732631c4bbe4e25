/** Moves between two stores while a random workload writes to them: what must be there at the end is known from a model. */
import { describe, expect, test } from 'bun:test';
import { expectMoved, isMoved, KEYS, MOVED, openRun } from '../../test/support/move-run.ts';
import { StoreDriver } from '../../test/support/store-driver.ts';
import { TwoMovers } from '../../test/support/two-movers.ts';
import { slotOf } from '../../test/support/workload-model.ts';
import { seededRandom } from '../base/random.ts';
import { auditStore } from '../store/audit.ts';
import { WriteResult } from '../store/types.ts';

describe('a move', () => {
  test.each([1, 2, 3, 4, 5, 6])('brings each item as it is, whatever is written meanwhile, seed %i', (seed) => {
    const run = openRun(seed);
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
    const run = openRun(seed, { bytesPerSecond: 2_000_000 });
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
    const run = openRun(seed);
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
    const run = openRun(31, { bytesPerSecond: 500_000 });
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
    const run = openRun(35, { bytesPerSecond: 500_000 });
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
      expect(movers.error).toContain('exchanged at the target');
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
    const run = openRun(41, { changeLogBytes: 2 ** 19, bytesPerSecond: 1_000_000 });
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
  }, 30_000);

  test('comes to an end though more is written than goes over', () => {
    const run = openRun(51);
    const { movers, storeOf } = run;
    movers.frameEveryMs = 20;
    movers.begin(1, MOVED);
    const driver = new StoreDriver(movers.left);
    const last = new Map<string, string>();
    let writes = 0;
    let waited = 0;
    movers.run(
      () => {
        // Several times what the target takes, in keys that are all different.
        for (const key of KEYS.slice(0, 200)) {
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
    expect(waited).toBeGreaterThan(200);
    // One is told to look again when those who wait may go on.
    expect(movers.writersResumed).toBeGreaterThan(0);
    const target = new StoreDriver(movers.right);
    movers.right.enter();
    for (const [key, value] of last) if (isMoved.has(slotOf(key))) expect(target.get(key, movers.wallMs)).toBe(value);
    movers.right.leave();
    expect(MOVED.some((slot) => movers.left.writersWait(slot))).toBe(false);
  }, 30_000);

  test('waits, before the rest, for those who are in the middle of a batch', () => {
    const { movers } = openRun(55);
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

  test('ends though other slots, which others follow, are written to all the time', () => {
    const run = openRun(57);
    const { movers } = run;
    const other = KEYS.find((key) => !isMoved.has(slotOf(key)))!;
    const everything = movers.log.open(null)!;
    const driver = new StoreDriver(movers.left);
    const { leftControl } = movers;
    const leave = leftControl.leave.bind(leftControl);
    // Whenever the source has read the log, there is something new in it.
    leftControl.leave = () => {
      leave();
      movers.left.enter();
      for (let count = 0; count < 300; count += 1) driver.set(other, 'again', movers.wallMs, undefined, 3);
      movers.left.leave();
    };
    movers.begin(1, MOVED);
    movers.run(() => movers.isHanded || movers.error !== null);
    everything.close();
    expectMoved(run);
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
    const last = new Map<string, string | null>();
    const driver = new StoreDriver(movers.left);
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
    expect(auditStore(movers.left.parts)).toEqual([]);
    expect(auditStore(movers.right.parts)).toEqual([]);
  }, 30_000);
});
