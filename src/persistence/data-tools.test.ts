/** verify, salvage and dump: what they say of a data set that is whole and of one that is not. */
import { describe, expect, test } from 'bun:test';
import { SimulatedDisk } from '../../sim/disk.ts';
import { FOLDER, KeptStore, newHolder, WALL_MS } from '../../test/support/kept-store.ts';
import { BlockReader } from './block-reader.ts';
import { type DumpEntry, dumpDataSet } from './dump.ts';
import { fileSeed } from './file-names.ts';
import { salvageDataSet } from './salvage.ts';
import { type FileCondition, verifyDataSet, type VerifyReport } from './verify.ts';

const LOG = `${FOLDER}/log-0000000002.shoal`;
const SNAPSHOT = `${FOLDER}/snapshot-0000000001.shoal`;
const NEW_FOLDER = '/saved';
const NEW_OPTIONS = { itemVersionSeed: [1, 2], address: 'salvage' } as const;

/** A snapshot with 20 items, and a log with a block for each of 10 more, which ended well. */
function wholeDisk(): SimulatedDisk {
  const disk = new SimulatedDisk();
  const kept = new KeptStore(disk);
  for (let number = 0; number < 20; number += 1) kept.set(`old:${number}`, `value ${number} `.repeat(20));
  kept.save();
  for (let number = 0; number < 10; number += 1) {
    kept.set(`new:${number}`, `value ${number} `.repeat(20));
    kept.settle();
  }
  expect(kept.stop()).toBeNull();
  return disk.copy();
}

function offsetsOfLog(disk: SimulatedDisk): readonly number[] {
  const reader = new BlockReader(disk.open(LOG), fileSeed({ kind: 'log', dataSetId: Buffer.alloc(16, 7), number: 2 }));
  const offsets: number[] = [];
  while (reader.next()) offsets.push(reader.offset);
  return offsets;
}

function damage(disk: SimulatedDisk, path: string, change: (content: Buffer) => Buffer | void): void {
  const content = Buffer.from(disk.contentOf(path)!);
  disk.put(path, change(content) ?? content);
}

function conditions({ files }: VerifyReport): Record<string, FileCondition> {
  return Object.fromEntries(files.map(({ name, condition }) => [name, condition]));
}

function contentsOf(disk: SimulatedDisk): ReadonlyMap<string, string> {
  return new Map(disk.paths().map((path) => [path, disk.contentOf(path)!.toString('latin1')]));
}

describe('verify', () => {
  test('a data set that is whole', () => {
    const disk = wholeDisk();
    disk.put(`${FOLDER}/log-0000000009.shoal`, Buffer.alloc(0));
    disk.put(`${FOLDER}/snapshot-0000000004.shoal.next`, Buffer.alloc(0));
    const before = contentsOf(disk);
    const names: string[] = [];
    const report = verifyDataSet(disk, FOLDER, (name) => void names.push(name));
    expect(report).toMatchObject({
      manifestProblem: null,
      isLoadable: true,
      leftOvers: ['log-0000000009.shoal', 'snapshot-0000000004.shoal.next'],
      files: [
        { name: 'snapshot-0000000001.shoal', condition: 'whole', itemCount: 20, recordCount: 22, damaged: [] },
        { name: 'log-0000000002.shoal', condition: 'whole', itemCount: 10, recordCount: 11, damaged: [] },
      ],
    });
    expect(names).toEqual(['snapshot-0000000001.shoal', 'log-0000000002.shoal']);
    expect(contentsOf(disk)).toEqual(before);
  });

  test('says what is damaged and where, and what of the rest is whole', () => {
    const disk = wholeDisk();
    const offsets = offsetsOfLog(disk);
    damage(disk, LOG, (content) => void (content[offsets[3]! + 50]! ^= 1));
    damage(disk, LOG, (content) => void (content[offsets[6]!]! ^= 1));
    const report = verifyDataSet(disk, FOLDER);
    expect(report.isLoadable).toBeFalse();
    expect(report.files[1]).toMatchObject({
      condition: 'damaged',
      itemCount: 8,
      damaged: [
        { offset: offsets[3], bytes: offsets[4]! - offsets[3]!, reason: 'the checksum of a block is wrong' },
        { offset: offsets[6], bytes: offsets[7]! - offsets[6]!, reason: 'no block begins there' },
      ],
    });
  });

  test('a torn tail can be loaded; a snapshot without its end, a missing file and a damaged header cannot', () => {
    const torn = wholeDisk();
    const last = offsetsOfLog(torn).at(-1)!;
    damage(torn, LOG, (content) => content.subarray(0, last - 5));
    expect(verifyDataSet(torn, FOLDER)).toMatchObject({
      isLoadable: true,
      files: [{ condition: 'whole' }, { condition: 'torn' }],
    });

    const unended = wholeDisk();
    damage(unended, SNAPSHOT, (content) => content.subarray(0, 40));
    expect(verifyDataSet(unended, FOLDER)).toMatchObject({
      isLoadable: false,
      files: [{ condition: 'damaged', problem: 'ends without its last record' }, {}],
    });

    const missing = wholeDisk();
    missing.remove(SNAPSHOT);
    expect(conditions(verifyDataSet(missing, FOLDER))).toEqual({
      'snapshot-0000000001.shoal': 'missing',
      'log-0000000002.shoal': 'whole',
    });

    const headless = wholeDisk();
    damage(headless, LOG, (content) => void (content[20]! ^= 1));
    expect(verifyDataSet(headless, FOLDER)).toMatchObject({
      isLoadable: false,
      files: [{}, { condition: 'damaged', problem: 'is damaged: the checksum of its header is wrong', itemCount: 10 }],
    });
  });

  test('without a manifest, by the files that are there', () => {
    const disk = wholeDisk();
    disk.remove(`${FOLDER}/MANIFEST`);
    expect(verifyDataSet(disk, FOLDER)).toMatchObject({
      manifestProblem: `${FOLDER}/MANIFEST is missing`,
      isLoadable: false,
      files: [{ itemCount: 20 }, { itemCount: 10 }],
    });
  });

  test('agrees with what a start does, whatever bytes are changed', () => {
    const disk = wholeDisk();
    for (let at = 0; at < disk.contentOf(LOG)!.length; at += 41) {
      const copy = disk.copy();
      damage(copy, LOG, (content) =>
        at % 2 === 0 ? content.fill(0, at, Math.min(content.length, at + 600)) : content.subarray(0, at),
      );
      const { isLoadable } = verifyDataSet(copy, FOLDER);
      let loads = true;
      try {
        new KeptStore(copy).dataSet.close();
      } catch {
        loads = false;
      }
      expect({ at, isLoadable }).toEqual({ at, isLoadable: loads });
    }
  });

  test('a folder without a data set', () => {
    const disk = new SimulatedDisk();
    expect(() => verifyDataSet(disk, '/nothing')).toThrow('/nothing holds no data set');
  });
});

describe('salvage', () => {
  test('copies all that is whole to a data set of its own, and says what it left out', () => {
    const disk = wholeDisk();
    const offsets = offsetsOfLog(disk);
    damage(disk, LOG, (content) => void (content[offsets[3]! + 50]! ^= 1));
    const before = contentsOf(disk);
    const report = salvageDataSet(disk, FOLDER, NEW_FOLDER, { ...NEW_OPTIONS, holder: newHolder() });
    expect(report).toMatchObject({
      itemCount: 29,
      missing: [],
      leftOut: [{ name: 'log-0000000002.shoal', offset: offsets[3], reason: 'the checksum of a block is wrong' }],
    });
    for (const [path, content] of before) expect(disk.contentOf(path)!.toString('latin1')).toBe(content);
    const saved = new KeptStore(disk, { folder: NEW_FOLDER });
    expect(saved.report.itemCount).toBe(29);
    expect([saved.get('new:1'), saved.get('new:2'), saved.get('old:7')]).toEqual([
      'value 1 '.repeat(20),
      null,
      'value 7 '.repeat(20),
    ]);
    // Versions that clients have are those of the old one.
    expect(saved.dataSet.itemVersionSeed).toEqual([11, 22]);
    expect(saved.stop()).toBeNull();
    expect(verifyDataSet(disk, NEW_FOLDER).isLoadable).toBeTrue();
  });

  test('of what is left where manifest and snapshot are gone', () => {
    const disk = wholeDisk();
    disk.remove(`${FOLDER}/MANIFEST`);
    disk.remove(SNAPSHOT);
    const report = salvageDataSet(disk, FOLDER, NEW_FOLDER, { ...NEW_OPTIONS, holder: newHolder() });
    expect(report).toMatchObject({ itemCount: 10, leftOut: [], missing: [] });
    expect(new KeptStore(disk, { folder: NEW_FOLDER }).get('new:9')).toBe('value 9 '.repeat(20));
  });

  test('to a folder that is used is refused', () => {
    const disk = wholeDisk();
    expect(() => salvageDataSet(disk, FOLDER, FOLDER, NEW_OPTIONS)).toThrow(
      'the folder /data is not empty: give a new one, so that nothing is mixed',
    );
  });

  test('to a full disk leaves no half data set', () => {
    const disk = wholeDisk();
    disk.capacityBytes = [...contentsOf(disk).values()].join('').length + 3000;
    expect(() => salvageDataSet(disk, FOLDER, NEW_FOLDER, { ...NEW_OPTIONS, holder: newHolder() })).toThrow(
      'cannot copy /data to /saved: the disk is full',
    );
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    expect(new KeptStore(disk, { folder: NEW_FOLDER }).report.itemCount).toBe(0);
  });
});

test('dump shows each record in its order, and what is damaged', () => {
  const disk = new SimulatedDisk();
  const kept = new KeptStore(disk);
  const step = (): void => {
    kept.settle();
    kept.pass(1);
  };
  kept.driver.set('first', 'value', WALL_MS, (options) => (options.expiresAtMs = WALL_MS + 9));
  step();
  kept.delete('first');
  step();
  kept.alone((store) => store.swapDatabases(0, 1));
  kept.alone((store) => store.flush(0, WALL_MS));
  kept.alone((store) => store.flush(-1, WALL_MS));
  step();
  expect(kept.stop()).toBeNull();
  const entries: string[] = [];
  const show = (entry: DumpEntry): void => {
    const { kind } = entry;
    if (kind === 'item')
      entries.push(`${entry.namespace} ${entry.key.toString()} = ${entry.value.toString()} until ${entry.expiresAtMs}`);
    else if (kind === 'removed') entries.push(`${entry.namespace} - ${entry.key.toString()}`);
    else if (kind === 'flushed') entries.push(`flush ${entry.namespace}`);
    else if (kind === 'mapping') entries.push(`mapping ${entry.namespaces.slice(0, 3).join()}`);
    else entries.push(kind);
  };
  dumpDataSet(disk, FOLDER, show);
  expect(entries).toEqual([
    'mapping 0,1,2',
    `0 first = value until ${WALL_MS + 9}`,
    '0 - first',
    'mapping 1,0,2',
    'flush 1',
    'flush null',
  ]);
  damage(disk, `${FOLDER}/log-0000000001.shoal`, (content) => void (content[60]! ^= 1));
  entries.length = 0;
  dumpDataSet(disk, FOLDER, show);
  expect(entries.slice(0, 2)).toEqual(['damaged', `0 first = value until ${WALL_MS + 9}`]);
});
