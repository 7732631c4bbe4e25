import { expect, test } from 'bun:test';
import { AT_VALUE_LENGTH, HEADER_BYTES } from '../../src/protocol/shoal/frame.ts';
import { greetingOf } from './greeting.ts';

test.each([
  ['resp', '+PONG\r\n'],
  ['memcached', 'VERSION 1.6.18\r\n'],
] as const)('%s: a line answers, once it is whole', (protocol, line) => {
  const greeting = greetingOf(protocol);
  for (let length = 1; length <= line.length; length += 1) {
    expect(greeting.isAnswered(Buffer.from(line.slice(0, length)))).toBe(length === line.length);
  }
  expect(() => greeting.isAnswered(Buffer.from('-ERR no\r\n'))).toThrow('greeted, the server answered "-ERR no\\r\\n"');
  expect(() => greeting.isAnswered(Buffer.from(line[0]!.padEnd(5000, 'x')))).toThrow('greeted, the server answered');
});

test('shoal: a frame answers, once its value has come, and no server is waited for that announces a long one', () => {
  const greeting = greetingOf('shoal');
  const frame = Buffer.alloc(HEADER_BYTES + 3);
  frame.writeUInt32LE(3, AT_VALUE_LENGTH);
  const answered = [0, HEADER_BYTES - 1, HEADER_BYTES + 2, HEADER_BYTES + 3].map((length) =>
    greeting.isAnswered(frame.subarray(0, length)),
  );
  expect(answered).toEqual([false, false, false, true]);
  frame.writeUInt32LE(0xffff_ffff, AT_VALUE_LENGTH);
  expect(() => greeting.isAnswered(frame)).toThrow('greeted, the server answered');
});
