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

  test('is compacted when it is longer than 256 MiB, and than the last snapshot', () => {
    const { disk, kept } = start({ fsync: 'never', store: { memoryBytes: 16 * 2 ** 20 } });
    const value = 'v'.repeat(4_000_000);
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

  test('whose file could not be removed is removed before the next one', () => {
    const { disk, kept } = start();
    kept.set('key', 'value');
    kept.settle();
    disk.onCall = (call, path) => ((call === 'write' || call === 'remove') && path.includes('snapshot') ? 'EIO' : null);
    kept.save();
    expect(files(disk).filter(isAsideName)).toEqual(['snapshot-0000000001.shoal.next']);
    disk.onCall = () => null;
    kept.pass(31_000);
    kept.save();
    expect(kept.state.lastSave).toBe('done');
    expect(files(disk).filter(isAsideName)).toEqual([]);
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
