import { beforeEach, describe, expect, test } from 'bun:test';
import { bulk, CommandHarness, error, integer, NIL, OK, START_MS } from '../../../test/support/command-harness.ts';
import { ErrorText, invalidExpireTime, keyTooLong } from './error-text.ts';

let node: CommandHarness;
beforeEach(() => {
  node = new CommandHarness();
});

/** Writes behind the command's back once, right after its first read. */
function writeAfterFirstRead(write: () => void): void {
  const { store } = node;
  const read = store.read.bind(store);
  let pending = true;
  store.read = (key, snapshot, nowMs) => {
    const found = read(key, snapshot, nowMs);
    if (pending) {
      pending = false;
      write();
    }
    return found;
  };
}

/** Sets a key without going through the handler's scratch. */
function setDirectly(name: string, value: string): void {
  const other = new CommandHarness();
  const { key, writeOptions } = other.context;
  const bytes = Buffer.from(name);
  node.store.set(key.assign(bytes, 0, bytes.length, 0), Buffer.from(value), 0, value.length, writeOptions, START_MS);
}

describe('SET', () => {
  test('stores bytes, whatever they are', () => {
    expect(node.run('SET', 'k\x00\xff', 'v\r\n\x00\xfe')).toBe(OK);
    expect(node.run('GET', 'k\x00\xff')).toBe(bulk('v\r\n\x00\xfe'));
    expect(node.run('SET', '', '')).toBe(OK);
    expect(node.run('GET', '')).toBe(bulk(''));
  });

  test('NX and XX', () => {
    expect(node.run('SET', 'k', '1', 'XX')).toBe(NIL);
    expect(node.run('SET', 'k', '1', 'NX')).toBe(OK);
    expect(node.run('SET', 'k', '2', 'nx')).toBe(NIL);
    expect(node.run('SET', 'k', '3', 'XX')).toBe(OK);
    expect(node.run('GET', 'k')).toBe(bulk('3'));
  });

  test('GET answers the old value, also where the condition fails', () => {
    expect(node.run('SET', 'k', '1', 'GET')).toBe(NIL);
    expect(node.run('SET', 'k', '2', 'GET')).toBe(bulk('1'));
    expect(node.run('SET', 'k', '3', 'NX', 'GET')).toBe(bulk('2'));
    expect(node.run('GET', 'k')).toBe(bulk('2'));
    expect(node.run('SET', 'k', '4', 'XX', 'GET')).toBe(bulk('2'));
    expect(node.run('SET', 'new', '1', 'XX', 'GET')).toBe(NIL);
    expect(node.run('EXISTS', 'new')).toBe(integer(0));
    expect(node.run('SET', 'new', '1', 'NX', 'GET')).toBe(NIL);
    expect(node.run('GET', 'new')).toBe(bulk('1'));
  });

  test('GET answers what it replaced, even where another thread wrote in between', () => {
    setDirectly('k', 'first');
    writeAfterFirstRead(() => setDirectly('k', 'second'));
    expect(node.run('SET', 'k', 'third', 'GET')).toBe(bulk('second'));
    expect(node.run('GET', 'k')).toBe(bulk('third'));
  });

  test('expiries, and that they go away with the next plain SET', () => {
    const cases = [
      ['EX', '10', 10_000],
      ['PX', '10', 10],
      ['EXAT', String(START_MS / 1000 + 5), 5_000],
      ['PXAT', String(START_MS + 7), 7],
    ] as const;
    for (const [unit, time, ms] of cases) {
      expect(node.run('SET', 'k', 'v', unit, time)).toBe(OK);
      expect(node.run('PTTL', 'k')).toBe(integer(ms));
      expect(node.run('SET', 'k', 'v', 'KEEPTTL')).toBe(OK);
      expect(node.run('PTTL', 'k')).toBe(integer(ms));
      expect(node.run('SET', 'k', 'v')).toBe(OK);
      expect(node.run('PTTL', 'k')).toBe(integer(-1));
    }
  });

  test('an expiry in the past stores nothing that can be seen', () => {
    expect(node.run('SET', 'k', 'v', 'PXAT', '1')).toBe(OK);
    expect(node.run('GET', 'k')).toBe(NIL);
  });

  test.each([
    [['NX', 'XX'], ErrorText.syntax],
    [['EX', '10', 'PX', '10'], ErrorText.syntax],
    [['EX', '10', 'KEEPTTL'], ErrorText.syntax],
    [['KEEPTTL', 'EX', '10'], ErrorText.syntax],
    [['EX'], ErrorText.syntax],
    [['PERSIST'], ErrorText.syntax],
    [['EX', 'x'], ErrorText.notAnInteger],
    [['EX', '0'], invalidExpireTime('set')],
    [['PX', '-1'], invalidExpireTime('set')],
    [['EX', '-9223372036854775808'], invalidExpireTime('set')],
    [['EX', '9223372036854775807'], invalidExpireTime('set')],
    [['EX', '9223372036854775'], invalidExpireTime('set')],
    [['PX', '9223372036854775807'], invalidExpireTime('set')],
  ])('%j is refused and writes nothing', (options, line) => {
    expect(node.run('SET', 'k', 'v', ...options)).toBe(error(line));
    expect(node.run('EXISTS', 'k')).toBe(integer(0));
  });

  test('the same unit twice: the last one counts', () => {
    expect(node.run('SET', 'k', 'v', 'EX', '10', 'EX', '20')).toBe(OK);
    expect(node.run('TTL', 'k')).toBe(integer(20));
  });

  test('times beyond what a number holds are kept as 2^53 - 1', () => {
    expect(node.run('SET', 'k', 'v', 'PXAT', '9223372036854775807')).toBe(OK);
    expect(node.run('PEXPIRETIME', 'k')).toBe(integer(Number.MAX_SAFE_INTEGER));
  });
});

test('SETNX, SETEX, PSETEX, GETSET', () => {
  expect(node.run('SETNX', 'k', '1')).toBe(integer(1));
  expect(node.run('SETNX', 'k', '2')).toBe(integer(0));
  expect(node.run('GETSET', 'k', '3')).toBe(bulk('1'));
  expect(node.run('GETSET', 'other', '3')).toBe(NIL);
  expect(node.run('SETEX', 'k', '5', 'v')).toBe(OK);
  expect(node.run('PTTL', 'k')).toBe(integer(5000));
  expect(node.run('GETSET', 'k', 'w')).toBe(bulk('v'));
  expect(node.run('PTTL', 'k')).toBe(integer(-1));
  expect(node.run('PSETEX', 'k', '5', 'v')).toBe(OK);
  expect(node.run('PTTL', 'k')).toBe(integer(5));
  expect(node.run('SETEX', 'k', '0', 'v')).toBe(error(invalidExpireTime('setex')));
  expect(node.run('PSETEX', 'k', 'x', 'v')).toBe(error(ErrorText.notAnInteger));
});

describe('GETEX and GETDEL', () => {
  test('GETDEL removes what it answers', () => {
    node.run('SET', 'k', 'v');
    expect(node.run('GETDEL', 'k')).toBe(bulk('v'));
    expect(node.run('GETDEL', 'k')).toBe(NIL);
  });

  test('GETEX changes the expiry and nothing else', () => {
    node.run('SET', 'k', '12');
    expect(node.run('GETEX', 'k')).toBe(bulk('12'));
    expect(node.run('GETEX', 'k', 'EX', '10')).toBe(bulk('12'));
    expect(node.run('PTTL', 'k')).toBe(integer(10_000));
    expect(node.run('GETEX', 'k', 'PERSIST')).toBe(bulk('12'));
    expect(node.run('PTTL', 'k')).toBe(integer(-1));
    node.run('APPEND', 'k', '3');
    expect(node.run('GETEX', 'k', 'PX', '10')).toBe(bulk('123'));
    expect(node.run('OBJECT', 'ENCODING', 'k')).toBe(bulk('raw'));
    expect(node.run('GETEX', 'k', 'PXAT', '1')).toBe(bulk('123'));
    expect(node.run('EXISTS', 'k')).toBe(integer(0));
  });

  test('the expiry goes with the value that is answered', () => {
    setDirectly('k', 'first');
    writeAfterFirstRead(() => setDirectly('k', 'second'));
    expect(node.run('GETEX', 'k', 'EX', '10')).toBe(bulk('second'));
    expect(node.run('TTL', 'k')).toBe(integer(10));
  });

  test('a missing key is nil before its time is looked at; bad words are an error first', () => {
    expect(node.run('GETEX', 'k', 'EX', 'x')).toBe(NIL);
    expect(node.run('GETEX', 'k', 'NX')).toBe(error(ErrorText.syntax));
    node.run('SET', 'k', 'v');
    expect(node.run('GETEX', 'k', 'EX', 'x')).toBe(error(ErrorText.notAnInteger));
    expect(node.run('GETEX', 'k', 'EX', '0')).toBe(error(invalidExpireTime('getex')));
    expect(node.run('GETEX', 'k', 'EX', '1', 'PERSIST')).toBe(error(ErrorText.syntax));
  });
});

test('MGET answers nil for what is missing, and a key as often as it is named', () => {
  node.run('SET', 'a', '1');
  expect(node.run('MGET', 'a', 'b', 'a')).toBe(`*3\r\n${bulk('1')}${NIL}${bulk('1')}`);
});

test.each([
  ['0', '-1', 'hello'],
  ['1', '3', 'ell'],
  ['-3', '-2', 'll'],
  ['-100', '100', 'hello'],
  ['3', '1', ''],
  ['-1', '-3', ''],
  ['5', '10', ''],
  ['-100', '-90', 'h'],
  ['0', '9223372036854775807', 'hello'],
  ['-9223372036854775808', '-9223372036854775807', 'h'],
  ['-9223372036854775807', '-9223372036854775808', ''],
])('GETRANGE %s %s', (start, end, expected) => {
  node.run('SET', 'k', 'hello');
  expect(node.run('GETRANGE', 'k', start, end)).toBe(bulk(expected));
  expect(node.run('SUBSTR', 'k', start, end)).toBe(bulk(expected));
  expect(node.run('GETRANGE', 'missing', start, end)).toBe(bulk(''));
});

test('GETRANGE refuses what is no integer', () => {
  expect(node.run('GETRANGE', 'k', 'x', '1')).toBe(error(ErrorText.notAnInteger));
  expect(node.run('GETRANGE', 'k', '1', '1.0')).toBe(error(ErrorText.notAnInteger));
});

describe('APPEND and SETRANGE', () => {
  test('APPEND grows a value and keeps its expiry', () => {
    expect(node.run('APPEND', 'k', 'ab')).toBe(integer(2));
    node.run('EXPIRE', 'k', '10');
    expect(node.run('APPEND', 'k', 'cd')).toBe(integer(4));
    expect(node.run('GET', 'k')).toBe(bulk('abcd'));
    expect(node.run('TTL', 'k')).toBe(integer(10));
    expect(node.run('STRLEN', 'k')).toBe(integer(4));
    expect(node.run('STRLEN', 'missing')).toBe(integer(0));
  });

  test('APPEND does not lose what another thread wrote in between', () => {
    setDirectly('k', 'ab');
    writeAfterFirstRead(() => setDirectly('k', 'abc'));
    expect(node.run('APPEND', 'k', 'd')).toBe(integer(4));
    expect(node.run('GET', 'k')).toBe(bulk('abcd'));
  });

  test('SETRANGE overwrites, and fills a gap with zeros', () => {
    expect(node.run('SETRANGE', 'k', '2', 'xy')).toBe(integer(4));
    expect(node.run('GET', 'k')).toBe(bulk('\0\0xy'));
    expect(node.run('SETRANGE', 'k', '1', 'z')).toBe(integer(4));
    expect(node.run('GET', 'k')).toBe(bulk('\0zxy'));
    expect(node.run('SETRANGE', 'k', '9', '')).toBe(integer(4));
    expect(node.run('SETRANGE', 'missing', '9', '')).toBe(integer(0));
    expect(node.run('EXISTS', 'missing')).toBe(integer(0));
  });

  test('SETRANGE leaves nothing of earlier commands in the gap', () => {
    node.run('SET', 'long', 'x'.repeat(100));
    node.run('SETRANGE', 'long', '50', 'y');
    expect(node.run('SETRANGE', 'k', '60', 'z')).toBe(integer(61));
    expect(node.run('GET', 'k')).toBe(bulk(`${'\0'.repeat(60)}z`));
  });

  test('offsets are checked', () => {
    expect(node.run('SETRANGE', 'k', '-1', 'x')).toBe(error(ErrorText.offsetOutOfRange));
    expect(node.run('SETRANGE', 'k', 'x', 'x')).toBe(error(ErrorText.notAnInteger));
    expect(node.run('SETRANGE', 'k', '9223372036854775807', 'x')).toBe(error(ErrorText.valueTooLong));
  });
});

describe('limits', () => {
  test('a value over the limit is refused however it comes about', () => {
    node = new CommandHarness({}, { valueBytesMax: 10 });
    expect(node.run('SET', 'k', '12345678901')).toBe(error(ErrorText.valueTooLong));
    expect(node.run('SET', 'k', '1234567890')).toBe(OK);
    expect(node.run('APPEND', 'k', '1')).toBe(error(ErrorText.valueTooLong));
    expect(node.run('SETRANGE', 'k', '10', '1')).toBe(error(ErrorText.valueTooLong));
    expect(node.run('MSET', 'a', '1', 'b', '12345678901')).toBe(error(ErrorText.valueTooLong));
    expect(node.run('EXISTS', 'a')).toBe(integer(0));
    expect(node.run('GETSET', 'k', '12345678901')).toBe(error(ErrorText.valueTooLong));
    expect(node.run('GET', 'k')).toBe(bulk('1234567890'));
  });

  test('what the store is too small for is refused, though the limits allow it', () => {
    node = new CommandHarness({ memoryBytes: 65_536, segmentBytes: 4096 });
    const { keyBytesMax, valueBytesMax } = node.store;
    expect(keyBytesMax).toBeLessThan(4096);
    expect(node.run('SET', 'k', 'v'.repeat(valueBytesMax + 1))).toBe(error(ErrorText.valueTooLong));
    expect(node.run('SETRANGE', 'k', String(valueBytesMax), 'x')).toBe(error(ErrorText.valueTooLong));
    expect(node.run('SET', 'k'.repeat(4096), 'v')).toBe(error(keyTooLong(4096, keyBytesMax)));
    expect(node.run('GET', 'k'.repeat(4096))).toBe(NIL);
  });

  test('a key over the limit cannot be written and does not exist', () => {
    const long = 'k'.repeat(65_536);
    const refused = error(keyTooLong(65_536, 65_535));
    for (const words of [
      ['SET', long, 'v'],
      ['SETNX', long, 'v'],
      ['GETSET', long, 'v'],
      ['APPEND', long, 'v'],
      ['SETRANGE', long, '0', 'v'],
      ['INCR', long],
      ['INCRBYFLOAT', long, '1'],
      ['MSET', 'a', 'v', long, 'v'],
      ['MSETNX', long, 'v'],
    ]) {
      expect(node.run(...words)).toBe(refused);
    }
    for (const words of [
      ['GET', long],
      ['GETDEL', long],
      ['GETEX', long, 'EX', '1'],
      ['OBJECT', 'ENCODING', long],
    ]) {
      expect(node.run(...words)).toBe(NIL);
    }
    for (const words of [
      ['DEL', long],
      ['EXISTS', long],
      ['STRLEN', long],
      ['EXPIRE', long, '1'],
      ['PERSIST', long],
    ]) {
      expect(node.run(...words)).toBe(integer(0));
    }
    expect(node.run('TTL', long)).toBe(integer(-2));
    expect(node.run('SET', 'k'.repeat(65_535), 'v')).toBe(OK);
    expect(node.run('GET', 'k'.repeat(65_535))).toBe(bulk('v'));
  });
});
