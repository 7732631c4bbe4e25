import { describe, expect, test } from 'bun:test';
import { SimulatedDisk } from '../../sim/disk.ts';
import { FOLDER, KeptStore, type KeptStoreOptions, openDataSet, WALL_MS } from '../../test/support/kept-store.ts';
import { ShoalError } from '../base/errors.ts';
import { seededRandom } from '../base/random.ts';
import { BlockReader } from './block-reader.ts';
import { DataSet } from './data-set.ts';
import { fileSeed } from './file-names.ts';

const KEYS = Array.from({ length: 30 }, (_unused, number) => `key:${number}`);
const LOG_1 = `${FOLDER}/log-0000000001.shoal`;
const LOG_ID = { kind: 'log', dataSetId: Buffer.alloc(16, 7), number: 1 } as const;

/** Values without zeros: where they stand, what is all zeros was not written. */
function valueOf(number: number, length = 60): string {
  return `${number}:`.repeat(length);
}

/** A disk whose one log has a group for each of `KEYS`; `end` says how its process ended. */
function diskWithLog(end: 'stopped' | 'killed', options: KeptStoreOptions = {}): SimulatedDisk {
  const disk = new SimulatedDisk();
  const kept = new KeptStore(disk, options);
  for (const [number, key] of KEYS.entries()) {
    kept.set(key, valueOf(number));
    kept.settle();
  }
  if (end === 'stopped') expect(kept.stop()).toBeNull();
  return disk.copy();
}

/** What a start says of a disk, and changes of it. */
function refusalOf(disk: SimulatedDisk, options: KeptStoreOptions = {}): string {
  const before = new Map(disk.paths().map((path) => [path, Buffer.from(disk.contentOf(path)!)]));
  try {
    const kept = new KeptStore(disk, options);
    kept.dataSet.close();
  } catch (error) {
    expect(error).toBeInstanceOf(ShoalError);
    expect(error).toMatchObject({ code: 'DataSetFailed' });
    const isLock = (path: string): boolean => path.startsWith(`${FOLDER}/LOCK.`);
    const after = disk.paths().filter((path) => !isLock(path));
    expect(after).toEqual([...before.keys()].filter((path) => !isLock(path)));
    for (const path of after) expect(disk.contentOf(path)!.equals(before.get(path)!)).toBeTrue();
    return (error as ShoalError).message;
  }
  return 'none';
}

/** Offsets of the blocks of a log, and of its end. */
function blocksOf(disk: SimulatedDisk, path = LOG_1): readonly number[] {
  const reader = new BlockReader(disk.open(path), fileSeed(LOG_ID));
  const offsets: number[] = [];
  while (reader.next()) offsets.push(reader.offset);
  return [...offsets, reader.offset];
}

function damaged(disk: SimulatedDisk, change: (content: Buffer) => Buffer | void, path = LOG_1): SimulatedDisk {
  const copy = disk.copy();
  const content = Buffer.from(copy.contentOf(path)!);
  copy.put(path, change(content) ?? content);
  return copy;
}

describe('what was written comes back', () => {
  test('values, expiries, flags and databases, from log and snapshot', () => {
    for (const isSaved of [false, true]) {
      const disk = new SimulatedDisk();
      const kept = new KeptStore(disk);
      kept.set('plain', 'value');
      kept.set('', 'of the empty key');
      kept.set('empty', '');
      kept.set('\0\xff\r\n', '\xff\0');
      kept.set('other', 'of database 5', 5);
      kept.driver.set('expiring', 'soon', WALL_MS, (options) => {
        options.expiresAtMs = WALL_MS + 5000;
        options.raw = true;
      });
      kept.driver.get('plain', WALL_MS);
      if (isSaved) kept.save();
      expect(kept.stop()).toBeNull();
      const again = new KeptStore(disk, { wallMs: WALL_MS + 4999 });
      expect(again.report).toMatchObject({ itemCount: 6, expiredCount: 0, evictedCount: 0, cutTail: null });
      expect(again.contents(['plain', '', 'empty', '\0\xff\r\n', 'other'])).toEqual({
        plain: 'value',
        '': 'of the empty key',
        empty: '',
        '\0\xff\r\n': '\xff\0',
        other: null,
      });
      expect(again.get('other', 5)).toBe('of database 5');
      again.store.inspect(again.driver.key('expiring'), again.driver.info, false, again.wallMs);
      expect(again.driver.info).toMatchObject({ expiresAtMs: WALL_MS + 5000, raw: true, valueLength: 4 });
      expect(again.dataSet.itemVersionSeed).toEqual([11, 22]);
    }
  });

  test('what has expired meanwhile does not, nor what it replaced', () => {
    const disk = new SimulatedDisk();
    const kept = new KeptStore(disk);
    kept.set('key', 'without an expiry');
    kept.settle();
    kept.driver.set('key', 'with one', WALL_MS, (options) => (options.expiresAtMs = WALL_MS + 10));
    expect(kept.stop()).toBeNull();
    const again = new KeptStore(disk, { wallMs: WALL_MS + 10 });
    expect(again.get('key')).toBeNull();
    expect(again.report).toMatchObject({ itemCount: 0, expiredCount: 1 });
  });

  test('deletions, flushes and exchanged databases too', () => {
    const disk = new SimulatedDisk();
    const kept = new KeptStore(disk);
    kept.set('of 0', 'zero');
    kept.set('of 1', 'one', 1);
    kept.set('of 2', 'two', 2);
    kept.set('deleted', 'x');
    kept.settle();
    kept.delete('deleted');
    kept.alone((store) => store.swapDatabases(0, 1));
    kept.set('later', 'in 0, once 1');
    kept.alone((store) => store.flush(2, kept.wallMs));
    kept.set('after the flush', 'x', 2);
    expect(kept.stop()).toBeNull();
    const again = new KeptStore(disk);
    expect(again.contents(['of 0', 'of 1', 'later', 'deleted'])).toEqual({
      'of 0': null,
      'of 1': 'one',
      later: 'in 0, once 1',
      deleted: null,
    });
    expect([again.get('of 0', 1), again.get('of 2', 2), again.get('after the flush', 2)]).toEqual(['zero', null, 'x']);
    again.alone((store) => store.flush(-1, again.wallMs));
    expect(again.stop()).toBeNull();
    expect(new KeptStore(disk).report.itemCount).toBe(0);
  });

  test('the longest value and key', () => {
    const disk = new SimulatedDisk();
    const store = { memoryBytes: 512 * 2 ** 20 };
    const long = Buffer.alloc(64 * 1024 * 1024, 'long value ');
    const kept = new KeptStore(disk, { store });
    const key = kept.driver.key('k'.repeat(65_535));
    kept.store.set(key, long, 0, long.length, kept.driver.options.reset(), WALL_MS);
    kept.save();
    expect(kept.state.lastSave).toBe('done');
    expect(kept.stop()).toBeNull();
    const again = new KeptStore(disk, { store });
    expect(again.store.read(again.driver.key('k'.repeat(65_535)), again.driver.snapshot, WALL_MS)).toBeTrue();
    const { snapshot } = again.driver;
    expect(long.equals(snapshot.bytes.subarray(0, snapshot.length))).toBeTrue();
  });

  test('progress is told, and ends with all', () => {
    const disk = diskWithLog('stopped');
    const told: number[] = [];
    const dataSet = openDataSet(disk);
    const { store } = new KeptStore(new SimulatedDisk());
    const { bytes } = dataSet.recover(
      store,
      WALL_MS,
      (progress) => void told.push(progress.bytes / progress.totalBytes),
    );
    expect(bytes).toBe(disk.contentOf(LOG_1)!.length);
    expect(told.length).toBeGreaterThan(10);
    expect(told).toEqual(told.toSorted((left, right) => left - right));
    expect(told.at(-1)).toBe(1);
  });
});

describe('a log that was cut', () => {
  test('at any byte of its last blocks: the whole blocks before are there, and it goes on from there', () => {
    const disk = diskWithLog('killed');
    const offsets = blocksOf(disk);
    const size = offsets.at(-1)!;
    for (let length = offsets.at(-4)!; length < size; length += 1) {
      const copy = damaged(disk, (content) => content.subarray(0, length));
      const kept = new KeptStore(copy);
      const wholeBlocks = offsets.filter((offset) => offset <= length).length - 1;
      const cut = offsets[wholeBlocks]!;
      const expected = cut === length ? null : { file: 'log-0000000001.shoal', offset: cut, bytes: length - cut };
      expect(kept.report.cutTail).toEqual(expected);
      // The first block is the table of databases.
      expect(kept.report.itemCount).toBe(wholeBlocks - 1);
      kept.set('new', 'value');
      expect(kept.stop()).toBeNull();
      const again = new KeptStore(copy);
      expect([again.report.itemCount, again.report.cutTail, again.get('new')]).toEqual([wholeBlocks, null, 'value']);
      again.dataSet.close();
    }
  });

  test('but of which a later block says that it was whole, is refused', () => {
    const disk = diskWithLog('stopped');
    const offsets = blocksOf(disk);
    const last = offsets.at(-3)!;
    // A sector of zeros, as if it had never been written; but behind it stands the end.
    const text = refusalOf(damaged(disk, (content) => content.fill(0, last, offsets.at(-2))));
    expect(text).toBe(
      `${LOG_1} is damaged at byte ${last}: no block begins there, and the block at byte ${offsets.at(-2)} says that it was whole before. ` +
        `Nothing was changed; "shoal data salvage ${FOLDER} --to NEWDIR" copies all that is whole`,
    );
  });

  test('after the power was lost, by sectors: zeros are torn, and what lies behind them goes too', () => {
    // Nothing is synced, so nothing says that anything was whole.
    const disk = diskWithLog('killed', { fsync: 'never' });
    const offsets = blocksOf(disk);
    const sector = Math.ceil(offsets[10]! / 512) * 512;
    const torn = damaged(disk, (content) => content.fill(0, sector, sector + 512));
    const { report } = new KeptStore(torn);
    const expected = offsets.findLastIndex((offset) => offset <= sector);
    expect(report.itemCount).toBe(expected - 1);
    expect(report.cutTail).toMatchObject({ offset: offsets[expected], bytes: offsets.at(-1)! - offsets[expected]! });
  });

  test('in the middle of the logs, is refused: only the last one can be torn', () => {
    const disk = diskWithLog('killed');
    const kept = new KeptStore(disk);
    // A snapshot that does not end leaves two logs.
    kept.state.requestSave();
    while (!kept.state.isSaving) kept.engine.step(kept.nowMs, kept.wallMs);
    const cut = damaged(disk.copy(), (content) => content.subarray(0, content.length - 1));
    expect(cut.paths()).toContain(`${FOLDER}/log-0000000002.shoal`);
    expect(refusalOf(cut)).toContain(`${LOG_1} is damaged at byte`);
  });
});

describe('a flipped bit', () => {
  /** Flips a bit at each of many places of all files; what is found is all that was there, or nothing. */
  function flipMany(
    disk: SimulatedDisk,
    count: number,
    options: { readonly seed: number; readonly cuts: boolean },
  ): void {
    const expected = Object.fromEntries(KEYS.map((key, number) => [key, valueOf(number)]));
    const random = seededRandom(options.seed);
    const paths = disk.paths().filter((path) => !path.includes('LOCK'));
    const outcomes = { whole: 0, cut: 0, refused: 0 };
    for (let run = 0; run < count; run += 1) {
      const path = paths[Math.floor(random() * paths.length)]!;
      const bit = Math.floor(random() * disk.contentOf(path)!.length * 8);
      const copy = damaged(disk, (content) => void (content[bit >> 3]! ^= 1 << (bit & 7)), path);
      let kept: KeptStore;
      try {
        kept = new KeptStore(copy);
      } catch (error) {
        expect(error).toMatchObject({ code: 'DataSetFailed' });
        expect((error as ShoalError).message).toContain(path);
        outcomes.refused += 1;
        continue;
      }
      const found = kept.contents(KEYS);
      if (kept.report.cutTail === null) {
        expect(found).toEqual(expected);
        outcomes.whole += 1;
      } else {
        expect(options.cuts).toBeTrue();
        outcomes.cut += 1;
      }
      kept.dataSet.close();
    }
    expect(outcomes.refused).toBeGreaterThan(count / 2);
    // Those of paddings.
    expect(outcomes.whole).toBeGreaterThan(0);
  }

  test('at a thousand places, in a data set that was stopped: all is there, or it is refused', () => {
    const disk = diskWithLog('stopped');
    flipMany(disk, 500, { seed: 1, cuts: false });
    const kept = new KeptStore(disk);
    kept.save();
    kept.set(KEYS[3]!, valueOf(3));
    expect(kept.stop()).toBeNull();
    flipMany(disk.copy(), 500, { seed: 2, cuts: false });
  });

  test('in a log that only ended: all is there, or it is refused, as nothing of it looks unwritten', () => {
    flipMany(diskWithLog('killed'), 300, { seed: 3, cuts: false });
  });
});

describe('a data set that cannot be used is refused, and stays as it is', () => {
  test('without its manifest', () => {
    const disk = diskWithLog('stopped');
    disk.remove(`${FOLDER}/MANIFEST`);
    expect(refusalOf(disk)).toBe(
      `${FOLDER}/MANIFEST is missing, and log-0000000001.shoal is there. Nothing was changed; put it back, or ` +
        `"shoal data salvage ${FOLDER} --to NEWDIR" copies all that is whole`,
    );
  });

  test('without a file that its manifest lists', () => {
    const disk = diskWithLog('stopped');
    disk.remove(LOG_1);
    expect(refusalOf(disk)).toStartWith(`${LOG_1} is missing, and MANIFEST lists it. Nothing was changed; put it back`);
  });

  test('with a file of another data set', () => {
    const disk = diskWithLog('stopped');
    disk.put(LOG_1, damaged(disk, (content) => content.fill(9, 16, 32)).contentOf(LOG_1)!);
    expect(refusalOf(disk)).toStartWith(`${LOG_1} is damaged: the checksum of its header is wrong`);
  });

  test('with a snapshot that lacks its end', () => {
    const disk = diskWithLog('killed');
    const kept = new KeptStore(disk);
    kept.save();
    const path = `${FOLDER}/snapshot-0000000001.shoal`;
    expect(refusalOf(damaged(disk.copy(), (content) => content.subarray(0, 40), path))).toContain(
      `${path} is damaged at byte 40: it ends without its last record`,
    );
  });

  test('used by another process', () => {
    const disk = new SimulatedDisk();
    openDataSet(disk);
    const holder = {
      identity: {
        id: 'ffffffffffffffff',
        pid: 9,
        began: '9',
        boot: 'one',
        namespace: 'one',
        host: 'here',
        address: 'here:7601',
      },
      monotonicMs: () => 0,
      sleep: () => undefined,
      look: () => ({ kind: 'running', began: '1' }) as const,
    };
    expect(() => DataSet.open(disk, FOLDER, { itemVersionSeed: [1, 2], address: 'here:7601', holder })).toThrow(
      /^the folder \/data is in use by process \d+ \(node here:7600\); give each node a folder of its own$/,
    );
  });

  test.each<[string, KeptStoreOptions, string]>([
    [
      'a value longer than this node takes',
      { store: { memoryBytes: 2 * 2 ** 20 } },
      'it holds a value of 1000000 bytes, and this node takes',
    ],
    [
      'more than there is memory for, where nothing may be evicted',
      { store: { memoryBytes: 5 * 2 ** 20, eviction: 'noeviction' } },
      'its items take more than the 5242880 bytes of memory',
    ],
  ])('with %s', (_name, options, text) => {
    const disk = new SimulatedDisk();
    const kept = new KeptStore(disk);
    for (let count = 0; count < 6; count += 1) kept.set(`key:${count}`, 'v'.repeat(1_000_000));
    expect(kept.stop()).toBeNull();
    expect(refusalOf(disk.copy(), options)).toContain(text);
  });

  test.each(['EROFS', 'EACCES', 'ENOSPC', 'EIO'])('on a disk that says %s', (code) => {
    const disk = diskWithLog('stopped');
    disk.onCall = (call) => (call === 'create' ? code : null);
    expect(refusalOf(disk)).toMatch(/^cannot use the (data )?folder \/data: /);
  });
});

test('items for which there is no memory are evicted, told, and gone from the disk soon', () => {
  const disk = new SimulatedDisk();
  const kept = new KeptStore(disk, { store: { memoryBytes: 8 * 2 ** 20 } });
  for (let count = 0; count < 60; count += 1) kept.set(`key:${count}`, 'v'.repeat(100_000));
  expect(kept.stop()).toBeNull();
  const small = new KeptStore(disk, { store: { memoryBytes: 4 * 2 ** 20 } });
  const { evictedCount, itemCount } = small.report;
  expect(evictedCount).toBeGreaterThan(10);
  small.settle();
  expect(small.state.lastSave).toBe('done');
  expect(small.stop()).toBeNull();
  expect(new KeptStore(disk).report.itemCount).toBe(itemCount);
});
