import { readFileSync } from 'node:fs';
import { ptr } from 'bun:ffi';
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

/** Whether the mapping of this process that holds the middle of `buffer` carries the advice. */
function isAdvised(buffer: SharedArrayBuffer): boolean {
  const middle = Number(ptr(new Uint8Array(buffer))) + buffer.byteLength / 2;
  let inside = false;
  for (const line of readFileSync('/proc/self/smaps', 'latin1').split('\n')) {
    const range = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line);
    if (range !== null) inside = Number.parseInt(range[1]!, 16) <= middle && middle < Number.parseInt(range[2]!, 16);
    else if (inside && line.startsWith('VmFlags:')) return / hg\b/.test(line);
  }
  throw new Error('the buffer is in no mapping');
}

test.skipIf(!isLinux || !knowsHugePages())('large memory gets the advice, and keeps what it holds', () => {
  const buffer = new SharedArrayBuffer(HUGE_PAGES_BYTES_MIN);
  const words = new Int32Array(buffer);
  words[0] = 1;
  words[words.length - 1] = 2;
  expect(adviseHugePages([buffer])).toBe(true);
  expect(isAdvised(buffer)).toBe(true);
  words[words.length >> 1] = 3;
  expect([words[0], words[words.length >> 1], words[words.length - 1], words[1]]).toEqual([1, 3, 2, 0]);
});

test('small memory is left alone', () => {
  expect(adviseHugePages([new SharedArrayBuffer(2 ** 20)])).toBe(false);
  expect(adviseHugePages([])).toBe(false);
});
