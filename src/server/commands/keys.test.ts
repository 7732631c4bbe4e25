import { beforeEach, describe, expect, test } from 'bun:test';
import { bulk, CommandHarness, error, integer, NIL, OK } from '../../../test/support/command-harness.ts';
import { WriteResult } from '../../store/types.ts';
import { ErrorText, keyTooLong } from './error-text.ts';

let node: CommandHarness;
beforeEach(() => {
  node = new CommandHarness();
});

test('DEL and UNLINK count what was there', () => {
  node.run('MSET', 'a', '1', 'b', '2', 'c', '3');
  expect(node.run('DEL', 'a', 'missing', 'a')).toBe(integer(1));
  expect(node.run('UNLINK', 'b', 'c')).toBe(integer(2));
  expect(node.run('DBSIZE')).toBe(integer(0));
});

test('EXISTS and TOUCH count a key as often as it is named', () => {
  node.run('SET', 'a', '1');
  expect(node.run('EXISTS', 'a', 'a', 'b')).toBe(integer(2));
  expect(node.run('TOUCH', 'a', 'a', 'b')).toBe(integer(2));
});

test('TYPE', () => {
  node.run('SET', 'a', '1');
  expect(node.run('TYPE', 'a')).toBe('+string\r\n');
  expect(node.run('TYPE', 'b')).toBe('+none\r\n');
});

test('RANDOMKEY gives every key a chance', () => {
  expect(node.run('RANDOMKEY')).toBe(NIL);
  node.run('MSET', 'a', '1', 'b', '2', 'c', '3');
  const drawn = new Set(Array.from({ length: 200 }, () => node.run('RANDOMKEY')));
  expect([...drawn].toSorted()).toEqual([bulk('a'), bulk('b'), bulk('c')]);
});

describe('RENAME and RENAMENX', () => {
  test('the item moves with expiry and encoding', () => {
    node.run('SET', 'a', '1', 'EX', '10');
    node.run('APPEND', 'a', '2');
    node.run('SET', 'b', 'old', 'EX', '99');
    expect(node.run('RENAME', 'a', 'b')).toBe(OK);
    expect(node.run('GET', 'b')).toBe(bulk('12'));
    expect(node.run('TTL', 'b')).toBe(integer(10));
    expect(node.run('OBJECT', 'ENCODING', 'b')).toBe(bulk('raw'));
    expect(node.run('EXISTS', 'a')).toBe(integer(0));
    expect(node.run('RENAMENX', 'b', 'c')).toBe(integer(1));
    node.run('SET', 'd', 'there');
    expect(node.run('RENAMENX', 'c', 'd')).toBe(integer(0));
    expect(node.run('MGET', 'c', 'd')).toBe(`*2\r\n${bulk('12')}${bulk('there')}`);
  });

  test('a key that expires never takes the expiry of the one it replaces away', () => {
    node.run('SET', 'a', '1');
    node.run('SET', 'b', '2', 'EX', '10');
    node.run('RENAME', 'a', 'b');
    expect(node.run('TTL', 'b')).toBe(integer(-1));
  });

  test('to itself, and from nowhere', () => {
    expect(node.run('RENAME', 'a', 'a')).toBe(error(ErrorText.noSuchKey));
    expect(node.run('RENAMENX', 'a', 'b')).toBe(error(ErrorText.noSuchKey));
    node.run('SET', 'a', '1');
    expect(node.run('RENAME', 'a', 'a')).toBe(OK);
    expect(node.run('RENAMENX', 'a', 'a')).toBe(integer(0));
    expect(node.run('GET', 'a')).toBe(bulk('1'));
    expect(node.run('RENAME', 'a', 'k'.repeat(65_536))).toBe(error(keyTooLong(65_536, 65_535)));
    expect(node.run('GET', 'a')).toBe(bulk('1'));
  });

  test('without memory for the copy the source stays', () => {
    node.run('SET', 'k0', 'x'.repeat(1000));
    node.store.set = () => WriteResult.outOfMemory;
    expect(node.run('RENAME', 'k0', 'new')).toBe(error(ErrorText.outOfMemory));
    expect(node.run('RENAMENX', 'k0', 'new')).toBe(error(ErrorText.outOfMemory));
    expect(node.run('COPY', 'k0', 'new')).toBe(error(ErrorText.outOfMemory));
    expect(node.run('STRLEN', 'k0')).toBe(integer(1000));
    expect(node.run('EXISTS', 'new')).toBe(integer(0));
  });
});

describe('COPY', () => {
  test('within a database, with REPLACE', () => {
    node.run('SET', 'a', '1', 'EX', '10');
    expect(node.run('COPY', 'a', 'b')).toBe(integer(1));
    expect(node.run('TTL', 'b')).toBe(integer(10));
    node.run('SET', 'a', '2');
    expect(node.run('COPY', 'a', 'b')).toBe(integer(0));
    expect(node.run('COPY', 'a', 'b', 'REPLACE')).toBe(integer(1));
    expect(node.run('GET', 'b')).toBe(bulk('2'));
    expect(node.run('TTL', 'b')).toBe(integer(-1));
    expect(node.run('COPY', 'missing', 'b')).toBe(integer(0));
  });

  test('to another database, also under the same name', () => {
    node.run('SET', 'a', '1');
    expect(node.run('COPY', 'a', 'a', 'DB', '1')).toBe(integer(1));
    node.run('SET', 'a', '2');
    node.context.database = 1;
    expect(node.run('GET', 'a')).toBe(bulk('1'));
    expect(node.run('DBSIZE')).toBe(integer(1));
  });

  test('what is refused', () => {
    node.run('SET', 'a', '1');
    expect(node.run('COPY', 'a', 'a')).toBe(error(ErrorText.sameObject));
    expect(node.run('COPY', 'missing', 'missing', 'DB', '0')).toBe(error(ErrorText.sameObject));
    expect(node.run('COPY', 'a', 'b', 'DB')).toBe(error(ErrorText.syntax));
    expect(node.run('COPY', 'a', 'b', 'bogus')).toBe(error(ErrorText.syntax));
    expect(node.run('COPY', 'a', 'b', 'DB', '16')).toBe(error(ErrorText.databaseOutOfRange));
    expect(node.run('COPY', 'a', 'b', 'DB', '-1')).toBe(error(ErrorText.databaseOutOfRange));
    expect(node.run('COPY', 'a', 'b', 'DB', 'x')).toBe(error(ErrorText.notAnInteger));
    expect(node.run('COPY', 'a', 'b', 'DB', '2147483648')).toBe(error(ErrorText.notAnIntegerInRange));
    expect(node.run('EXISTS', 'b')).toBe(integer(0));
  });
});

test('FLUSHDB empties its database, FLUSHALL all of them', () => {
  node.run('SET', 'a', '1');
  node.context.database = 1;
  node.run('SET', 'b', '1');
  expect(node.run('FLUSHDB', 'ASYNC')).toBe(OK);
  expect(node.run('DBSIZE')).toBe(integer(0));
  node.run('SET', 'b', '1');
  node.context.database = 0;
  expect(node.run('DBSIZE')).toBe(integer(1));
  expect(node.run('FLUSHALL', 'x')).toBe(error(ErrorText.syntax));
  expect(node.run('FLUSHALL', 'SYNC', 'ASYNC')).toBe(error(ErrorText.syntax));
  expect(node.run('FLUSHALL', 'sync')).toBe(OK);
  expect(node.run('EXISTS', 'a')).toBe(integer(0));
  node.context.database = 1;
  expect(node.run('EXISTS', 'b')).toBe(integer(0));
});

test('MOVE takes a key to another database, with its expiry, unless one is there', () => {
  node.run('SET', 'a', '1', 'EX', '100');
  expect(node.run('MOVE', 'a', '1')).toBe(integer(1));
  expect(node.run('EXISTS', 'a')).toBe(integer(0));
  expect(node.run('MOVE', 'a', '1')).toBe(integer(0));
  node.run('SET', 'a', '2');
  expect(node.run('MOVE', 'a', '1')).toBe(integer(0));
  expect(node.run('MOVE', 'a', '0')).toBe(error(ErrorText.sameObject));
  expect(node.run('MOVE', 'a', '99')).toBe(error(ErrorText.databaseOutOfRange));
  node.context.database = 1;
  expect(node.run('GET', 'a')).toBe(bulk('1'));
  expect(node.run('TTL', 'a')).toBe(integer(100));
});

test('SWAPDB exchanges two databases', () => {
  node.run('SET', 'a', 'zero');
  expect(node.run('SWAPDB', '0', '3')).toBe(OK);
  expect(node.run('GET', 'a')).toBe(NIL);
  node.context.database = 3;
  expect(node.run('GET', 'a')).toBe(bulk('zero'));
  expect(node.run('SWAPDB', 'x', '3')).toBe(error(ErrorText.badFirstDatabase));
  expect(node.run('SWAPDB', '0', '16')).toBe(error(ErrorText.databaseOutOfRange));
});
