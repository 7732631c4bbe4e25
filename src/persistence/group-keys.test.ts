import { expect, test } from 'bun:test';
import { seededRandom } from '../base/random.ts';
import { KeyHash } from '../store/hash.ts';
import { KEY_BYTES_MAX } from '../store/types.ts';
import { GroupKeys } from './group-keys.ts';

/** Name space and key of each, in order. */
function contentsOf(keys: GroupKeys): readonly string[] {
  return Array.from({ length: keys.count }, (_unused, index) => {
    const start = keys.starts[index]!;
    return `${keys.namespaces[index]}:${keys.bytes.toString('latin1', start, start + keys.lengths[index]!)}`;
  });
}

test('holds each key once, in the order of their coming, as a set does', () => {
  const random = seededRandom(5);
  const keys = new GroupKeys(new KeyHash(1, 2));
  for (let round = 0; round < 20; round += 1) {
    const expected = new Set<string>();
    keys.clear();
    for (let count = 0; count < 6000 && !keys.isFull; count += 1) {
      const namespace = Math.floor(random() * 3);
      const key = Buffer.from(`${'k'.repeat(random() * 20)}${Math.floor(random() * 3000)}`);
      // What stands behind the key is not part of it.
      keys.add(namespace, Buffer.concat([key, Buffer.from('behind')]), key.length);
      expected.add(`${namespace}:${key.toString()}`);
    }
    expect(contentsOf(keys)).toEqual([...expected]);
  }
});

test('is full before a key of any length might not fit', () => {
  const keys = new GroupKeys(new KeyHash(1, 2));
  const long = Buffer.alloc(KEY_BYTES_MAX, 'l');
  for (let count = 0; !keys.isFull; count += 1) {
    long.writeUInt32LE(count);
    keys.add(0, long, KEY_BYTES_MAX);
  }
  expect(keys.count).toBe(16);
  keys.clear();
  for (let count = 0; !keys.isFull; count += 1) keys.add(0, Buffer.from(String(count)), String(count).length);
  expect(keys.count).toBe(8192);
  expect(new Set(contentsOf(keys)).size).toBe(8192);
});
