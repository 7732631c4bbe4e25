import { expect, test } from 'bun:test';
import { bulk, CommandHarness, error, integer, NIL, OK } from '../../../test/support/command-harness.ts';
import { ErrorText, wrongArity } from './error-text.ts';

test('MSET writes all pairs, the last one of a key that is named twice', () => {
  const node = new CommandHarness();
  expect(node.run('MSET', 'a', '1', 'b', '2', 'a', '3')).toBe(OK);
  expect(node.run('MGET', 'a', 'b')).toBe(`*2\r\n${bulk('3')}${bulk('2')}`);
  expect(node.run('MSET', 'a', '4')).toBe(OK);
  expect(node.run('GET', 'a')).toBe(bulk('4'));
});

test('MSET takes the expiry from the keys it writes', () => {
  const node = new CommandHarness();
  node.run('SET', 'a', '1', 'EX', '10');
  node.run('MSET', 'a', '2', 'b', '2');
  expect(node.run('TTL', 'a')).toBe(integer(-1));
});

test('MSETNX writes all pairs or none', () => {
  const node = new CommandHarness();
  expect(node.run('MSETNX', 'a', '1', 'b', '2')).toBe(integer(1));
  expect(node.run('MSETNX', 'c', '1', 'b', '3')).toBe(integer(0));
  expect(node.run('MGET', 'a', 'b', 'c')).toBe(`*3\r\n${bulk('1')}${bulk('2')}${NIL}`);
  expect(node.run('MSETNX', 'd', '1', 'd', '2')).toBe(integer(1));
  expect(node.run('GET', 'd')).toBe(bulk('2'));
});

test('a value without its key, or the other way round', () => {
  const node = new CommandHarness();
  expect(node.run('MSET', 'a', '1', 'b')).toBe(error(wrongArity('mset')));
  expect(node.run('MSETNX', 'a', '1', 'b')).toBe(error(wrongArity('msetnx')));
});

/** A store without eviction, written full with values of 1000 bytes. */
function fullNode(): { readonly node: CommandHarness; readonly keyCount: number } {
  const node = new CommandHarness({ memoryBytes: 4 * 1024 * 1024, eviction: 'noeviction' });
  let keyCount = 0;
  while (node.run('SET', `k${keyCount}`, String(keyCount).padEnd(1000, '.')) === OK) keyCount += 1;
  return { node, keyCount };
}

test('where memory runs out half-way, everything is as it was before', () => {
  const { node, keyCount } = fullNode();
  expect(keyCount).toBeGreaterThan(1000);
  node.run('EXPIRE', 'k0', '100');
  node.run('APPEND', 'k1', '');
  const before = ['k0', 'k1', 'k2'].map((key) => node.run('GET', key));
  const pairs = ['k0', 'small', 'k1', 'other', 'new', 'value', 'k0', 'again'];
  for (let pair = 0; pair < 200; pair += 1) pairs.push(`n${pair}`, 'x'.repeat(20_000));
  expect(node.run('MSET', ...pairs)).toBe(error(ErrorText.outOfMemory));
  expect(['k0', 'k1', 'k2'].map((key) => node.run('GET', key))).toEqual(before);
  expect(node.run('TTL', 'k0')).toBe(integer(100));
  expect(node.run('OBJECT', 'ENCODING', 'k1')).toBe(bulk('raw'));
  expect(node.run('EXISTS', 'new', 'n0', 'n1', 'n199')).toBe(integer(0));
  expect(node.run('DBSIZE')).toBe(integer(keyCount));
});

test('MSETNX that runs out of memory leaves none of its keys', () => {
  const { node, keyCount } = fullNode();
  for (let index = 0; index < 100; index += 1) node.run('DEL', `k${index}`);
  const pairs: string[] = [];
  for (let pair = 0; pair < 200; pair += 1) pairs.push(`n${pair}`, 'x'.repeat(5_000));
  expect(node.run('MSETNX', ...pairs)).toBe(error(ErrorText.outOfMemory));
  expect(node.run('DBSIZE')).toBe(integer(keyCount - 100));
});
