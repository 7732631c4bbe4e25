/** Keys that changed, each once, in order, and how much room they take. */
import { expect, test } from 'bun:test';
import { CHANGED_KEYS_BYTES_MAX, ChangedKeys } from './changed-keys.ts';

function add(keys: ChangedKeys, namespace: number, text: string, sequence = 0): void {
  keys.add(namespace, Buffer.from(text, 'latin1'), text.length, sequence);
}

function takeAll(keys: ChangedKeys): string[] {
  const to = Buffer.alloc(100);
  const texts: string[] = [];
  for (let length = keys.take(to); length >= 0; length = keys.take(to))
    texts.push(`${keys.namespace}:${to.toString('latin1', 0, length)}`);
  return texts;
}

test('keys of any bytes come out once each, in the order of their first change', () => {
  const keys = new ChangedKeys();
  for (const text of ['b', 'a', '', 'b', '\xff\x00', 'a']) add(keys, 0, text);
  add(keys, 15, 'a');
  expect(keys.count).toBe(5);
  expect(takeAll(keys)).toEqual(['0:b', '0:a', '0:', '0:\xff\x00', '15:a']);
  expect([keys.count, keys.share]).toEqual([0, 0]);
  add(keys, 0, 'b');
  expect(takeAll(keys)).toEqual(['0:b']);
});

test('room is counted, and is free again', () => {
  const keys = new ChangedKeys();
  for (let number = 0; keys.share < 1; number += 1) add(keys, 0, `${number}`.padStart(100, 'k'));
  expect(keys.count).toBeGreaterThan(CHANGED_KEYS_BYTES_MAX / 200);
  expect(keys.count).toBeLessThan(CHANGED_KEYS_BYTES_MAX / 100);
  keys.clear();
  expect([keys.count, keys.share, takeAll(keys).length]).toEqual([0, 0, 0]);
});

test('the oldest change is told, by when the key was changed first, and a key that was put back is the oldest', () => {
  const keys = new ChangedKeys();
  expect(keys.oldest).toBeNull();
  for (const [index, text] of ['a', 'b', 'a', 'c'].entries()) add(keys, 0, text, 10 + index);
  expect(keys.oldest).toBe(10);
  const to = Buffer.alloc(10);
  keys.take(to);
  expect(keys.oldest).toBe(11);
  add(keys, 0, 'a', 14);
  keys.putBack(0, Buffer.from('a'), 1, 10);
  expect([keys.oldest, keys.count]).toEqual([10, 3]);
  expect(takeAll(keys)).toEqual(['0:a', '0:b', '0:c']);
  expect([keys.oldest, keys.share]).toEqual([null, 0]);
});
