import { beforeEach, describe, expect, test } from 'bun:test';
import { bulk, CommandHarness, error, integer, NIL, START_MS } from '../../../test/support/command-harness.ts';
import { ErrorText, invalidExpireTime, unsupportedOption } from './error-text.ts';

let node: CommandHarness;
beforeEach(() => {
  node = new CommandHarness();
  node.run('SET', 'k', 'v');
});

test('a key is there to the last millisecond before its expiry, for every command', () => {
  expect(node.run('PEXPIRE', 'k', '1000')).toBe(integer(1));
  node.advance(999);
  expect(node.run('PTTL', 'k')).toBe(integer(1));
  expect(node.run('EXISTS', 'k')).toBe(integer(1));
  node.advance(1);
  expect(node.run('EXISTS', 'k')).toBe(integer(0));
  expect(node.run('GET', 'k')).toBe(NIL);
  expect(node.run('TTL', 'k')).toBe(integer(-2));
  expect(node.run('TYPE', 'k')).toBe('+none\r\n');
  expect(node.run('DEL', 'k')).toBe(integer(0));
  expect(node.run('KEYS', '*')).toBe('*0\r\n');
  expect(node.run('SCAN', '0')).toBe('*2\r\n$1\r\n0\r\n*0\r\n');
  expect(node.run('RENAME', 'k', 'l')).toBe(error(ErrorText.noSuchKey));
  expect(node.run('INCR', 'k')).toBe(integer(1));
  expect(node.run('TTL', 'k')).toBe(integer(-1));
});

test('seconds, milliseconds, and points in time', () => {
  const startSeconds = START_MS / 1000;
  for (const [name, time] of [
    ['EXPIRE', '10'],
    ['PEXPIRE', '10000'],
    ['EXPIREAT', String(startSeconds + 10)],
    ['PEXPIREAT', String(START_MS + 10_000)],
  ] as const) {
    expect(node.run(name, 'k', time)).toBe(integer(1));
    expect(node.run('TTL', 'k')).toBe(integer(10));
    expect(node.run('PTTL', 'k')).toBe(integer(10_000));
    expect(node.run('EXPIRETIME', 'k')).toBe(integer(startSeconds + 10));
    expect(node.run('PEXPIRETIME', 'k')).toBe(integer(START_MS + 10_000));
    expect(node.run('PERSIST', 'k')).toBe(integer(1));
    expect(node.run('PERSIST', 'k')).toBe(integer(0));
    expect(node.run('TTL', 'k')).toBe(integer(-1));
    expect(node.run(name, 'missing', time)).toBe(integer(0));
  }
  expect(node.run('PERSIST', 'missing')).toBe(integer(0));
  expect(node.run('EXPIRETIME', 'missing')).toBe(integer(-2));
});

test('TTL rounds to the nearest second', () => {
  node.run('PEXPIRE', 'k', '1499');
  expect(node.run('TTL', 'k')).toBe(integer(1));
  node.run('PEXPIRE', 'k', '1500');
  expect(node.run('TTL', 'k')).toBe(integer(2));
  node.run('PEXPIRE', 'k', '499');
  expect(node.run('TTL', 'k')).toBe(integer(0));
});

test.each([
  ['EXPIRE', '0'],
  ['EXPIRE', '-1'],
  ['EXPIRE', '-9223372036854775'],
  ['PEXPIRE', '-9223372036854775808'],
  ['EXPIREAT', '0'],
  ['EXPIREAT', '1'],
  ['PEXPIREAT', '-5'],
  ['PEXPIREAT', String(START_MS)],
])('%s %s deletes the key', (name, time) => {
  expect(node.run(name, 'k', time)).toBe(integer(1));
  expect(node.run('EXISTS', 'k')).toBe(integer(0));
  expect(node.run('DBSIZE')).toBe(integer(0));
});

describe('conditions', () => {
  // Which of them let `EXPIRE k time` through for a key without expiry, one that expires sooner, and one that expires later.
  test.each([
    ['NX', 1, 0, 0],
    ['XX', 0, 1, 1],
    ['GT', 0, 1, 0],
    ['LT', 1, 0, 1],
  ])('%s', (condition, none, sooner, later) => {
    expect(node.run('EXPIRE', 'k', '100', condition)).toBe(integer(none));
    node.run('EXPIRE', 'k', '50');
    expect(node.run('EXPIRE', 'k', '100', condition)).toBe(integer(sooner));
    node.run('EXPIRE', 'k', '200');
    expect(node.run('EXPIRE', 'k', '100', condition.toLowerCase())).toBe(integer(later));
  });

  test('an equal time is neither greater nor less', () => {
    node.run('EXPIRE', 'k', '100');
    expect(node.run('EXPIRE', 'k', '100', 'GT')).toBe(integer(0));
    expect(node.run('EXPIRE', 'k', '100', 'LT')).toBe(integer(0));
  });

  test('XX goes with GT or LT', () => {
    expect(node.run('EXPIRE', 'k', '100', 'XX', 'LT')).toBe(integer(0));
    node.run('EXPIRE', 'k', '200');
    expect(node.run('EXPIRE', 'k', '100', 'XX', 'LT')).toBe(integer(1));
    expect(node.run('EXPIRE', 'k', '200', 'GT', 'XX')).toBe(integer(1));
  });

  test('a time in the past deletes the key only where the condition holds', () => {
    node.run('EXPIRE', 'k', '100');
    expect(node.run('EXPIREAT', 'k', '0', 'GT')).toBe(integer(0));
    expect(node.run('EXPIREAT', 'k', '0', 'NX')).toBe(integer(0));
    expect(node.run('EXISTS', 'k')).toBe(integer(1));
    expect(node.run('EXPIREAT', 'k', '0', 'LT')).toBe(integer(1));
    expect(node.run('EXISTS', 'k')).toBe(integer(0));
  });

  test('what does not go together, or is unknown, is refused before the time', () => {
    for (const others of ['XX', 'GT', 'LT']) {
      expect(node.run('EXPIRE', 'k', 'x', 'NX', others)).toBe(error(ErrorText.expireNotExclusive));
    }
    expect(node.run('EXPIRE', 'k', 'x', 'GT', 'LT')).toBe(error(ErrorText.expireGreaterAndLess));
    expect(node.run('EXPIRE', 'k', 'x', 'AB')).toBe(error(unsupportedOption('AB')));
    expect(node.run('EXPIRE', 'k', 'x', 'a\r\nb\xff\r\n')).toBe(error('ERR Unsupported option a  b\xff'));
  });
});

test('times that are no integer or do not fit', () => {
  for (const name of ['EXPIRE', 'PEXPIRE', 'EXPIREAT', 'PEXPIREAT']) {
    expect(node.run(name, 'k', '1.5')).toBe(error(ErrorText.notAnInteger));
    expect(node.run(name, 'missing', '9223372036854775808')).toBe(error(ErrorText.notAnInteger));
  }
  expect(node.run('EXPIRE', 'missing', '9223372036854775807')).toBe(error(invalidExpireTime('expire')));
  expect(node.run('EXPIRE', 'k', '-9223372036854775808')).toBe(error(invalidExpireTime('expire')));
  expect(node.run('PEXPIRE', 'k', '9223372036854775807')).toBe(error(invalidExpireTime('pexpire')));
  expect(node.run('EXPIREAT', 'k', '9223372036854776')).toBe(error(invalidExpireTime('expireat')));
  expect(node.run('PEXPIREAT', 'k', '9223372036854775807')).toBe(integer(1));
  expect(node.run('GET', 'k')).toBe(bulk('v'));
});
