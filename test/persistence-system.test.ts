/** A data set on the machine's own disk: what the simulated one cannot show is that the real calls do what they are taken for. */
import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SYSTEM_DISK } from '../src/io/disk.ts';
import { DataSet } from '../src/persistence/data-set.ts';
import { salvageDataSet } from '../src/persistence/salvage.ts';
import { verifyDataSet } from '../src/persistence/verify.ts';
import { KeptStore } from './support/kept-store.ts';

const made: string[] = [];
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-data-'));
  made.push(folder);
  return folder;
}

describe.each(['log', 'snapshot'] as const)('%s', (mode) => {
  test('what was kept is loaded again, through a snapshot and after it', () => {
    const folder = join(newFolder(), 'new', 'data');
    const kept = new KeptStore(SYSTEM_DISK, { folder, mode });
    for (let number = 0; number < 2000; number += 1) kept.set(`key:${number}`, `${number} `.repeat(number % 500));
    kept.save();
    expect(kept.state.lastSave).toBe('done');
    for (let number = 0; number < 2000; number += 3) kept.set(`key:${number}`, 'later');
    expect(kept.stop()).toBeNull();
    expect(verifyDataSet(SYSTEM_DISK, folder)).toMatchObject({ isLoadable: true, leftOvers: [] });
    const again = new KeptStore(SYSTEM_DISK, { folder, mode });
    for (let number = 0; number < 2000; number += 1)
      expect(again.get(`key:${number}`)).toBe(number % 3 === 0 ? 'later' : `${number} `.repeat(number % 500));
    expect(again.stop()).toBeNull();
    expect(readdirSync(folder).filter((name) => name.startsWith('LOCK'))).toEqual([]);
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  });
});

test('a log that was cut is gone on with, one that is damaged is refused and salvaged', () => {
  const folder = newFolder();
  const log = join(folder, 'log-0000000001.shoal');
  const kept = new KeptStore(SYSTEM_DISK, { folder });
  for (let number = 0; number < 20; number += 1) {
    kept.set(`key:${number}`, 'value '.repeat(50));
    kept.settle();
  }
  kept.dataSet.close();
  truncateSync(log, statSync(log).size - 100);
  const cut = new KeptStore(SYSTEM_DISK, { folder });
  expect(cut.report).toMatchObject({ itemCount: 19, cutTail: { file: 'log-0000000001.shoal' } });
  cut.set('key:19', 'again');
  expect(cut.stop()).toBeNull();
  const bytes = readFileSync(log);
  bytes[600]! ^= 1;
  writeFileSync(log, bytes);
  expect(() => new KeptStore(SYSTEM_DISK, { folder })).toThrow(`${log} is damaged at byte`);
  const saved = join(newFolder(), 'saved');
  const report = salvageDataSet(SYSTEM_DISK, folder, saved, { itemVersionSeed: [1, 2], address: 'salvage' });
  expect(report).toMatchObject({ itemCount: 19, leftOut: [{ name: 'log-0000000001.shoal' }] });
  expect(new KeptStore(SYSTEM_DISK, { folder: saved }).get('key:19')).toBe('again');
});

test('one process at a time, with a lock that the next one sees through', () => {
  const folder = newFolder();
  const options = { itemVersionSeed: [1, 2], address: '127.0.0.1:7600' } as const;
  const first = DataSet.open(SYSTEM_DISK, folder, options);
  expect(() => DataSet.open(SYSTEM_DISK, folder, options)).toThrow(
    `the folder ${folder} is in use by process ${process.pid} (node 127.0.0.1:7600); give each node a folder of its own`,
  );
  first.close();
  DataSet.open(SYSTEM_DISK, folder, options).close();
});
