import { expect, test } from 'bun:test';
import { ShoalError } from '../base/errors.ts';
import { type CallReply, decodeCallReply } from './call-reply.ts';

function decode(text: string, texts: 'text' | 'bytes' = 'text'): CallReply {
  const bytes = Buffer.from(`<<${text}>`, 'latin1');
  return decodeCallReply(bytes, 2, bytes.length - 1, texts);
}

test.each<[string, CallReply]>([
  ['+OK\r\n', 'OK'],
  [':-5\r\n', -5],
  [':9223372036854775807\r\n', 9_223_372_036_854_775_807n],
  ['(12345678901234567890\r\n', 12_345_678_901_234_567_890n],
  ['$5\r\nhello\r\n', 'hello'],
  ['$0\r\n\r\n', ''],
  ['$-1\r\n', null],
  ['*-1\r\n', null],
  ['_\r\n', null],
  ['#t\r\n', true],
  ['#f\r\n', false],
  [',1.5\r\n', 1.5],
  [',inf\r\n', Number.POSITIVE_INFINITY],
  [',-inf\r\n', Number.NEGATIVE_INFINITY],
  ['=8\r\ntxt:some\r\n', 'some'],
  ['*2\r\n:1\r\n*1\r\n+a\r\n', [1, ['a']]],
  ['~1\r\n$1\r\nx\r\n', ['x']],
  ['%1\r\n+a\r\n:1\r\n', new Map([['a', 1]])],
  ['|1\r\n+a\r\n:1\r\n:7\r\n', 7],
])('%p', (text, value) => {
  expect(decode(text)).toEqual(value);
});

test('texts as bytes are copies', () => {
  const bytes = Buffer.from('$2\r\n\xff\x00\r\n', 'latin1');
  const value = decodeCallReply(bytes, 0, bytes.length, 'bytes');
  bytes.fill(0);
  expect(value).toEqual(new Uint8Array([0xff, 0]));
});

test('an error inside an aggregate stands in its place', () => {
  const [first, second] = decode('*2\r\n:1\r\n-ERR no\r\n') as [number, ShoalError];
  expect(first).toBe(1);
  expect(second).toBeInstanceOf(ShoalError);
  expect(second).toMatchObject({ code: 'ServerError', message: 'ERR no' });
});

const WHOLE = '*3\r\n$5\r\nhello\r\n%1\r\n+a\r\n,2.5\r\n=5\r\ntxt:x\r\n';

test('cut at each place it is refused', () => {
  expect(decode(WHOLE)).toEqual(['hello', new Map([['a', 2.5]]), 'x']);
  for (let length = 0; length < WHOLE.length; length += 1) {
    expect(() => decode(WHOLE.slice(0, length))).toThrow(ShoalError);
  }
});

test.each([
  ['bytes after the reply', ':1\r\n:2\r\n'],
  ['an unknown type', '?1\r\n'],
  ['an integer that is none', ':x\r\n'],
  ['a count that no reply of this size can hold', '*1000000\r\n'],
  ['a length beyond the end', '$100\r\nx\r\n'],
  ['a negative count', '*-2\r\n'],
  ['nesting without end', `${'*1\r\n'.repeat(1000)}:1\r\n`],
])('%s is refused', (_what, text) => {
  expect(() => decode(text)).toThrow(ShoalError);
});
