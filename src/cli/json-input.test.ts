import { expect, test } from 'bun:test';
import { parseJson } from './json-input.ts';

test.each([
  ['{"a":[1,-2.5,1e3,null,true,"x"]}', { a: [1, -2.5, 1000, null, true, 'x'] }],
  ['12345678901234567890.5', Number('12345678901234567890.5')],
  ['"12345678901234567890"', '12345678901234567890'],
  ['"a \\" 12345678901234567890"', 'a " 12345678901234567890'],
  ['9007199254740992', 9007199254740992],
  ['0.1', 0.1],
])('%s', (text, value) => {
  expect(parseJson(text)).toEqual(value);
});

test.each([
  ['hello', 'the value is not JSON'],
  ['', 'the value is not JSON'],
  [
    '{"id":12345678901234567890}',
    'the value has the number 12345678901234567890, which would be stored as 12345678901234567168',
  ],
  ['[1e999]', 'the value has the number 1e999, which is too large'],
])('%s is refused', (text, message) => {
  expect(() => parseJson(text)).toThrow(message);
});
