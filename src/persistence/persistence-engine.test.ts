import { describe, expect, test } from 'bun:test';
import { type DiskCall, SimulatedDisk } from '../../sim/disk.ts';
import { FOLDER, KeptStore, type KeptStoreOptions } from '../../test/support/kept-store.ts';
import { seededRandom } from '../base/random.ts';
import { isAsideName } from './file-names.ts';
import { Figure, PersistenceStatus } from './persistence-state.ts';

const LOG_1 = `${FOLDER}/log-0000000001.shoal`;

function start(options: KeptStoreOptions = {}): { readonly disk: SimulatedDisk; readonly kept: KeptStore } {
  const disk = new SimulatedDisk();
  return { disk, kept: new KeptStore(disk, options) };
}

/** What a later process finds of `key`, after the power was lost in the worst way. */
function afterPowerLoss(disk: SimulatedDisk, key: string): string | null {
  const found = new KeptStore(disk.afterPowerLoss(() => 0));
  found.dataSet.close();
  return found.get(key);
}

function countCalls(disk: SimulatedDisk, call: DiskCall, use: () => void): number {
  let count = 0;
  disk.onCall = (now) => {
    if (now === call) count += 1;
    return null;
  };
  use();
  disk.onCall = () => null;
  return count;
}

function files(disk: SimulatedDisk): readonly string[] {
  return disk
    .paths()
    .map((path) => path.slice(FOLDER.length + 1))
    .filter((name) => !name.startsWith('LOCK.'));
}

describe('the log', () => {
  test('always: a group is durable when its step is over, and one sync stands for many changes', () => {
    const { disk, kept } = start({ fsync: 'always' });
    kept.settle();
    for (let count = 0; count < 500; count += 1) kept.set(`key:${count}`, 'value');
    expect(kept.state.isDurable(kept.log.sequence)).toBeFalse();
    const syncs = countCalls(disk, 'sync', () => kept.settle());
    expect(syncs).toBe(1);
    expect(kept.state.isDurable(kept.log.sequence)).toBeTrue();
    expect(afterPowerLoss(disk, 'key:499')).toBe('value');
  });

  test('everysec: handed to the system at once, durable within a second', () => {
    const { disk, kept } = start({ fsync: 'everysec' });
    kept.set('first', 'value');
    kept.settle();
    kept.set('key', 'value');
    kept.settle();
    expect(kept.state.isWritten(kept.log.sequence)).toBeTrue();
    expect(kept.state.isDurable(kept.log.sequence)).toBeFalse();
    expect(afterPowerLoss(disk, 'key')).toBeNull();
    expect(new KeptStore(disk.copy()).get('key')).toBe('value');
    kept.pass(1000);
    kept.settle();
    expect(kept.state.isDurable(kept.log.sequence)).toBeTrue();
    expect(afterPowerLoss(disk, 'key')).toBe('value');
  });

  test('never: durable at a rotation and at the end', () => {
    const { disk, kept } = start({ fsync: 'never' });
    kept.set('key', 'value');
    kept.settle();
    kept.pass(100_000);
    kept.settle();
    expect(afterPowerLoss(disk, 'key')).toBeNull();
    kept.save();
    expect(afterPowerLoss(disk, 'key')).toBe('value');
    kept.set('key', 'later');
    expect(kept.stop()).toBeNull();
    expect(afterPowerLoss(disk, 'key')).toBe('later');
  });

  test('a key that is written many times between two groups is written once', () => {
    const { kept } = start();
    kept.settle();
    for (let count = 0; count < 100; count += 1) kept.set('key', `value ${count}`);
    kept.settle();
    expect(kept.state.figure(Figure.recordCount)).toBe(1);
    expect(kept.state.figure(Figure.groupCount)).toBe(1);
  });

  test('a step writes nothing while nothing changes, but that all is durable, once', () => {
    const { disk, kept } = start();
    kept.set('key', 'value');
    kept.settle();
    const size = (): number => disk.contentOf(LOG_1)!.length;
    const before = size();
    kept.pass(500);
    kept.settle();
    expect(size()).toBe(before);
    for (let seconds = 0; seconds < 20; seconds += 1) {
      kept.pass(1000);
      kept.settle();
    }
    expect(size()).toBe(before + 32);
  });

  test('tells when it wants to be called: at once, soon after changes, and else seldom', () => {
    const { kept } = start();
    kept.settle();
    expect(kept.engine.step(kept.nowMs, kept.wallMs)).toBe(kept.nowMs + 50);
    kept.set('key', 'value');
    expect(kept.engine.step(kept.nowMs, kept.wallMs)).toBe(kept.nowMs + 10);
    kept.pass(60);
    expect(kept.engine.step(kept.nowMs, kept.wallMs)).toBe(kept.nowMs + 50);
    for (let count = 0; count < 9000; count += 1) kept.set(`key:${count}`, '');
    expect(kept.engine.step(kept.nowMs, kept.wallMs)).toBe(kept.nowMs);
  });

  test('goes on where the last process ended', () => {
    const { disk, kept } = start();
    kept.set('first', 'value');
    expect(kept.stop()).toBeNull();
    const next = new KeptStore(disk);
    next.set('second', 'value');
    expect(next.stop()).toBeNull();
    expect(files(disk)).toEqual(['MANIFEST', 'log-0000000001.shoal']);
    expect(new KeptStore(disk).contents(['first', 'second'])).toEqual({ first: 'value', second: 'value' });
  });

  test('is compacted when it is longer than 64 MiB, and than the last snapshot', () => {
    const { disk, kept } = start({ fsync: 'never', store: { memoryBytes: 16 * 2 ** 20 } });
    const value = 'v'.repeat(1_000_000);
    for (let count = 0; count < 60; count += 1) {
      kept.set('key', value);
      kept.settle();
    }
    expect(kept.state.figure(Figure.saveCount)).toBe(0);
    for (let count = 0; count < 10; count += 1) {
      kept.set('key', value);
      kept.settle();
    }
    expect(kept.state.figure(Figure.saveCount)).toBe(1);
    expect(files(disk)).toEqual(['MANIFEST', 'log-0000000002.shoal', 'snapshot-0000000001.shoal']);
    expect(kept.state.figure(Figure.baseBytes)).toBe(disk.contentOf(`${FOLDER}/snapshot-0000000001.shoal`)!.length);
    expect(kept.state.figure(Figure.logBytes)).toBe(disk.contentOf(`${FOLDER}/log-0000000002.shoal`)!.length);
  });
});

describe('a snapshot', () => {
  test('answers those who asked before it began, and holds what was written before it ended', () => {
    for (const mode of ['log', 'snapshot'] as const) {
      const { disk, kept } = start({ mode });
      for (let count = 0; count < 3000; count += 1) kept.set(`key:${count}`, 'before');
      const ticket = kept.state.requestSave();
      while (!kept.state.isSaving) kept.engine.step(kept.nowMs, kept.wallMs);
      // Changed while it is written, behind the walk and before it.
      let late = 0;
      for (let count = 0; kept.state.isSaving; count += 1) {
        kept.set(`key:${(count * 37) % 3000}`, 'meanwhile');
        kept.delete(`key:${(count * 41 + 1) % 3000}`);
        late = count;
        kept.engine.step(kept.nowMs, kept.wallMs);
      }
      expect(late).toBeGreaterThan(1);
      expect(kept.state.saveOutcome(ticket)).toBe('done');
      expect(kept.state.figure(Figure.lastSaveItems)).toBeGreaterThan(2000);
      const keys = Array.from({ length: 3000 }, (_unused, number) => `key:${number}`);
      const again = new KeptStore(
        disk.afterPowerLoss(() => 0),
        { mode },
      );
      // What was changed after the last group of the snapshot is not in it; nothing else is missing.
      kept.settle();
      const differing = keys.filter((key) => kept.get(key) !== again.get(key));
      expect(differing.length).toBeLessThanOrEqual(mode === 'log' ? 0 : 2);
    }
  });

  test('by the clock, where anything has changed', () => {
    const { kept } = start({ mode: 'snapshot', snapshotIntervalMs: 60_000 });
    kept.pass(120_000);
    kept.settle();
    expect(kept.state.figure(Figure.saveCount)).toBe(0);
    kept.set('key', 'value');
    kept.settle();
    expect(kept.state.figure(Figure.saveCount)).toBe(1);
    kept.set('key', 'later');
    kept.pass(59_000);
    kept.settle();
    expect(kept.state.figure(Figure.saveCount)).toBe(1);
    kept.pass(1000);
    kept.settle();
    expect(kept.state).toMatchObject({ lastSave: 'done' });
    expect(kept.state.figure(Figure.lastSaveMs)).toBe(kept.wallMs);
  });

  test('is made at the end where there is no log, and not when nothing has changed', () => {
    const { disk, kept } = start({ mode: 'snapshot' });
    kept.set('key', 'value');
    expect(kept.stop()).toBeNull();
    expect(files(disk)).toEqual(['MANIFEST', 'snapshot-0000000001.shoal']);
    const again = new KeptStore(disk, { mode: 'snapshot' });
    expect(again.get('key')).toBe('value');
    expect(again.stop()).toBeNull();
    expect(files(disk)).toEqual(['MANIFEST', 'snapshot-0000000001.shoal']);
  });

  test('with a log that goes on: one that fails is given up, told, and made later', () => {
    const { disk, kept } = start();
    kept.set('key', 'value');
    kept.settle();
    const ticket = kept.state.requestSave();
    disk.onCall = (call, path) => (call === 'write' && path.includes('snapshot') ? 'ENOSPC' : null);
    kept.settle();
    expect(kept.state.saveOutcome(ticket)).toBe('failed');
    expect(kept.state.status).toBe(PersistenceStatus.ok);
    expect(kept.lines).toEqual([
      `warn: a snapshot failed: the disk is full (ENOSPC: ${FOLDER}/snapshot-0000000001.shoal.next); the log goes on`,
    ]);
    expect(files(disk).filter(isAsideName)).toEqual([]);
    kept.set('key', 'later');
    kept.settle();
    expect(kept.state.isDurable(kept.log.sequence)).toBeTrue();
    disk.onCall = () => null;
    kept.save();
    expect(kept.state.lastSave).toBe('failed');
    kept.pass(31_000);
    kept.settle();
    expect(kept.state.lastSave).toBe('done');
    expect(afterPowerLoss(disk, 'key')).toBe('later');
  });
});

describe('from one mode to the other', () => {
  test('a snapshot takes the place of the logs, and a log begins behind a snapshot', () => {
    const { disk, kept } = start({ mode: 'log' });
    kept.set('first', 'value');
    expect(kept.stop()).toBeNull();
    const second = new KeptStore(disk, { mode: 'snapshot' });
    expect(second.stop()).toBeNull();
    expect(files(disk)).toEqual(['MANIFEST', 'snapshot-0000000001.shoal']);
    const third = new KeptStore(disk, { mode: 'log' });
    third.set('third', 'value');
    third.settle();
    expect(files(disk)).toEqual(['MANIFEST', 'log-0000000001.shoal', 'snapshot-0000000001.shoal']);
    expect(new KeptStore(disk.afterProcessEnd()).contents(['first', 'third'])).toEqual({
      first: 'value',
      third: 'value',
    });
  });
});

describe('a disk that does not take what is written', () => {
  test.each([
    ['ENOSPC', 'the disk is full'],
    ['EDQUOT', "the user's share of the disk is used up"],
    ['EIO', 'the disk fails'],
    ['EROFS', 'the file system is read-only'],
  ])('%s: told once, tried each second, and all is kept when it is over', (code, reason) => {
    const { disk, kept } = start();
    kept.set('before', 'value');
    kept.settle();
    const durable = kept.state.durable;
    disk.onCall = (call) => (call === 'write' ? code : null);
    kept.set('meanwhile', 'value');
    kept.settle();
    expect(kept.state.status).toBe(PersistenceStatus.failing);
    expect(kept.state.failure).toStartWith(`cannot write to ${FOLDER}: ${reason} (${code}`);
    for (let seconds = 0; seconds < 5; seconds += 1) {
      expect(kept.engine.step(kept.nowMs, kept.wallMs)).toBe(kept.nowMs + 1000);
      kept.pass(1000);
      kept.engine.step(kept.nowMs, kept.wallMs);
    }
    expect(kept.lines).toHaveLength(1);
    expect(kept.state.durable).toBe(durable);
    expect(afterPowerLoss(disk.copy(), 'before')).toBe('value');
    disk.onCall = () => null;
    kept.pass(1000);
    kept.settle();
    expect(kept.state).toMatchObject({ status: PersistenceStatus.ok, failure: '' });
    expect(kept.lines.at(-1)).toBe(`info: ${FOLDER} takes what is written again, and has all of it`);
    expect(kept.state.isDurable(kept.log.sequence)).toBeTrue();
    expect(afterPowerLoss(disk, 'meanwhile')).toBe('value');
    expect(files(disk).filter(isAsideName)).toEqual([]);
  });

  /** Every call that the engine makes from its beginning to its end, failing one after the other. */
  test('at any single call: nothing said to be durable is lost, and it goes on', () => {
    for (const mode of ['log', 'snapshot'] as const) {
      for (const code of ['EIO', 'ENOSPC']) {
        for (let failing = 0; ; failing += 1) {
          const disk = new SimulatedDisk();
          const kept = new KeptStore(disk, { mode });
          let calls = 0;
          disk.onCall = () => (calls++ === failing ? code : null);
          kept.set('first', 'value');
          kept.settle();
          kept.save();
          kept.set('second', 'value');
          kept.settle();
          kept.pass(1000);
          kept.settle();
          if (kept.state.isDurable(kept.log.sequence) && mode === 'log')
            expect(afterPowerLoss(disk.copy(), 'second')).toBe('value');
          kept.pass(40_000);
          kept.settle();
          expect(kept.stop()).toBeNull();
          disk.onCall = () => null;
          const again = new KeptStore(disk.afterPowerLoss(() => 0));
          expect(again.contents(['first', 'second'])).toEqual({ first: 'value', second: 'value' });
          again.dataSet.close();
          if (failing > calls) break;
        }
      }
    }
  });

  test('until the end: what is not kept is told', () => {
    for (const mode of ['log', 'snapshot'] as const) {
      const { disk, kept } = start({ mode });
      kept.set('key', 'value');
      disk.onCall = (call) => (call === 'sync' ? 'EIO' : null);
      expect(kept.stop()).toMatchObject({ code: 'DataSetFailed' });
    }
  });

  test('that is full: room is made before it is tried again, and what fails leaves nothing behind', () => {
    const { disk, kept } = start({ fsync: 'never' });
    const value = 'v'.repeat(50_000);
    for (let count = 0; count < 10; count += 1) kept.set(`key:${count}`, value);
    kept.settle();
    disk.capacityBytes = 700_000;
    for (let round = 0; round < 20 && kept.state.status === PersistenceStatus.ok; round += 1) {
      kept.set('key:0', value + String(round));
      kept.settle();
    }
    expect(kept.state.status).toBe(PersistenceStatus.failing);
    for (let round = 0; round < 5; round += 1) {
      kept.pass(5000);
      kept.settle();
    }
    expect(files(disk).filter((name) => name.startsWith('snapshot'))).toEqual([]);
    disk.capacityBytes = 2_000_000;
    kept.pass(5000);
    kept.settle();
    expect(kept.state.status).toBe(PersistenceStatus.ok);
    expect(files(disk)).toHaveLength(3);
  });
});

describe('writers that are faster than the disk', () => {
  test('are held while more than half of the change log is unwritten, until less than a quarter is', () => {
    const { kept } = start({ store: { changeLogBytes: 2 ** 19 } });
    kept.settle();
    for (let count = 0; count < 30_000; count += 1) kept.set(`k:${count}`, '');
    const held: boolean[] = [];
    for (let step = 0; step < 4; step += 1) {
      kept.engine.step(kept.nowMs, kept.wallMs);
      held.push(kept.state.isHolding);
    }
    // 8192 keys a step.
    expect(held).toEqual([true, true, false, false]);
    expect(kept.state.figure(Figure.lostCount)).toBe(0);
  });

  test('and pass it by a whole change log: all is written anew, and nothing is lost', () => {
    const { disk, kept } = start();
    kept.set('before', 'value');
    kept.settle();
    const { durable } = kept.state;
    for (let count = 0; count < 20_000; count += 1) kept.set(`key:${count}`, 'value');
    kept.engine.step(kept.nowMs, kept.wallMs);
    expect(kept.state.figure(Figure.lostCount)).toBe(1);
    expect(kept.state.durable).toBe(durable);
    expect(kept.state.status).toBe(PersistenceStatus.ok);
    kept.settle();
    expect(kept.state.isDurable(kept.log.sequence)).toBeTrue();
    expect(kept.lines).toEqual([
      'warn: the disk is slower than the writers, so changes were missed: all is written anew',
    ]);
    expect(afterPowerLoss(disk, 'key:19999')).toBe('value');
    expect(afterPowerLoss(disk, 'before')).toBe('value');
  });
});

test('removed by expiry and eviction: it does not come back', () => {
  const { disk, kept } = start({ store: { memoryBytes: 2 * 2 ** 20 } });
  kept.driver.set('expiring', 'x', kept.wallMs, (options) => (options.expiresAtMs = kept.wallMs + 5));
  kept.set('evicted', 'x');
  kept.settle();
  const random = seededRandom(1);
  kept.pass(10);
  for (let count = 0; count < 300; count += 1) {
    kept.set(`key:${count}`, 'v'.repeat(10_000 + Math.floor(random() * 1000)));
    kept.settle();
  }
  expect(kept.get('evicted')).toBeNull();
  expect(kept.stop()).toBeNull();
  const again = new KeptStore(disk);
  expect([again.get('expiring'), again.get('evicted')]).toEqual([null, null]);
  expect(again.report.itemCount).toBe(kept.store.stats().itemCount);
});
