import { readFileSync } from 'node:fs';
import { expect, test } from 'bun:test';
import { adviseHugePages, HUGE_PAGES_BYTES_MIN } from './huge-pages.ts';

const isLinux = process.platform === 'linux';

/** Whether this kernel knows huge pages at all. */
function knowsHugePages(): boolean {
  try {
    readFileSync('/sys/kernel/mm/transparent_hugepage/enabled');
    return true;
  } catch {
    return false;
  }
}

/** How many mappings of this process carry the advice. */
function advisedMappings(): number {
  return readFileSync('/proc/self/smaps', 'latin1').match(/^VmFlags:.* hg\b/gm)?.length ?? 0;
}

test.skipIf(!isLinux || !knowsHugePages())('large memory gets the advice, and keeps what it holds', () => {
  const buffer = new SharedArrayBuffer(HUGE_PAGES_BYTES_MIN);
  const words = new Int32Array(buffer);
  words[0] = 1;
  words[words.length - 1] = 2;
  const before = advisedMappings();
  expect(adviseHugePages([buffer])).toBe(true);
  expect(advisedMappings()).toBeGreaterThan(before);
  words[words.length >> 1] = 3;
  expect([words[0], words[words.length >> 1], words[words.length - 1], words[1]]).toEqual([1, 3, 2, 0]);
});

test('small memory is left alone', () => {
  expect(adviseHugePages([new SharedArrayBuffer(2 ** 20)])).toBe(false);
  expect(adviseHugePages([])).toBe(false);
});
