/** The engine on a disk that fails, fills up, or is slower than those who write. */
import { describe, expect, test } from 'bun:test';
import { SimulatedDisk } from '../../sim/disk.ts';
import { FOLDER, KeptStore, type KeptStoreOptions } from '../../test/support/kept-store.ts';
import { isAsideName } from './file-names.ts';
import { Figure, PersistenceStatus } from './persistence-state.ts';

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

function files(disk: SimulatedDisk): readonly string[] {
  return disk
    .paths()
    .map((path) => path.slice(FOLDER.length + 1))
    .filter((name) => !name.startsWith('LOCK.'));
}

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
      // A change has the room of its length: about 19,000 fit into half of this log.
      expect(kept.state.hasRoom(kept.state.followed + 16_000)).toBeTrue();
      expect(kept.state.hasRoom(kept.state.followed + 20_000)).toBe(!kept.state.isHolding);
    }
    // 8192 keys a step.
    expect(held).toEqual([true, true, false, false]);
    expect(kept.state.figure(Figure.lostCount)).toBe(0);
  });

  test('are held during a snapshot, too, where there is no log', () => {
    const { kept } = start({ mode: 'snapshot', store: { changeLogBytes: 2 ** 19 } });
    for (let count = 0; count < 30_000; count += 1) kept.set(`k:${count}`, '');
    kept.engine.step(kept.nowMs, kept.wallMs);
    // The whole log would be behind, were it followed.
    expect(kept.state.isHolding).toBeFalse();
    kept.state.requestSave();
    kept.engine.step(kept.nowMs, kept.wallMs);
    for (let count = 0; count < 30_000; count += 1) kept.set(`k:${count}`, 'again');
    kept.engine.step(kept.nowMs, kept.wallMs);
    expect(kept.state.isHolding).toBeTrue();
    kept.settle();
    expect(kept.state.lastSave).toBe('done');
    expect(kept.state.isHolding).toBeFalse();
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

describe('the folder', () => {
  test('is held while the disk is waited for, and not written to once it is lost', () => {
    const { disk, kept } = start();
    kept.set('key', 'value');
    kept.settle();
    const lockPath = disk.paths().find((path) => path.includes('LOCK.'))!;
    const counter = (): string => disk.contentOf(lockPath)!.toString('latin1', 9, 19);
    disk.onCall = (call, path) => (call === 'write' && path.includes('log') ? 'EIO' : null);
    kept.set('key', 'later');
    kept.settle();
    const before = counter();
    // Each renewal is a second of the holder's own clock after the last one.
    for (let seconds = 0; seconds < 3; seconds += 1) {
      kept.passForLock(1000);
      kept.engine.step(kept.nowMs, kept.wallMs);
    }
    expect(Number(counter())).toBe(Number(before) + 3);
    disk.onCall = () => null;
    disk.remove(lockPath);
    kept.passForLock(1000);
    kept.pass(5000);
    const calls = disk.calls;
    kept.settle();
    expect(kept.state.failure).toStartWith(`${FOLDER} was taken over by another process`);
    for (let seconds = 0; seconds < 10; seconds += 1) {
      kept.pass(1000);
      kept.settle();
    }
    // It has looked for its lock, and no more.
    expect(disk.calls - calls).toBeLessThan(5);
    expect(kept.engine.stop(kept.nowMs, kept.wallMs)).toMatchObject({ code: 'DataSetFailed' });
    expect(disk.calls - calls).toBeLessThan(5);
  });
});
