/** Keys that changed, each once, in order, and how much room they take. */
import { expect, test } from 'bun:test';
import { CHANGED_KEYS_BYTES_MAX, ChangedKeys } from './changed-keys.ts';

function add(keys: ChangedKeys, namespace: number, text: string): void {
  keys.add(namespace, Buffer.from(text, 'latin1'), text.length);
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
