import { expect, test } from 'bun:test';
import { nearest, suggestion } from './nearest.ts';

const NAMES = ['host', 'port', 'memory', 'eviction', 'limit-key'];

test.each([
  ['memroy', 'memory'],
  ['evicton', 'eviction'],
  ['prot', 'port'],
  ['PORT', 'port'],
  ['limit-keys', 'limit-key'],
])('%p is near to %p', (word, name) => {
  expect(nearest(word, NAMES)).toBe(name);
});

test.each(['', 'x', 'threads', 'maximum-memory'])('%p is near to nothing', (word) => {
  expect(nearest(word, NAMES)).toBeNull();
});

test('a suggestion is the tail of a sentence', () => {
  expect(suggestion('memroy', NAMES, '--')).toBe('; did you mean --memory?');
  expect(suggestion('threads', NAMES)).toBe('');
});
