import { beforeEach, expect, test } from 'bun:test';
import { bulk, CommandHarness, error, integer, START_MS } from '../../../test/support/command-harness.ts';
import { ErrorText } from './error-text.ts';

let node: CommandHarness;
beforeEach(() => {
  node = new CommandHarness();
});

test('a missing key counts as 0', () => {
  expect(node.run('INCR', 'a')).toBe(integer(1));
  expect(node.run('DECR', 'b')).toBe(integer(-1));
  expect(node.run('INCRBY', 'c', '-5')).toBe(integer(-5));
  expect(node.run('DECRBY', 'd', '-5')).toBe(integer(5));
  expect(node.run('INCRBYFLOAT', 'e', '-1.5')).toBe(bulk('-1.5'));
});

test.each([
  ['9007199254740991', '1', '9007199254740992'],
  ['9007199254740992', '-1', '9007199254740991'],
  ['9223372036854775806', '1', '9223372036854775807'],
  ['-9223372036854775807', '-1', '-9223372036854775808'],
  ['9223372036854775807', '-9223372036854775808', '-1'],
  ['-9223372036854775808', '9223372036854775807', '-1'],
  ['-5', '5', '0'],
  ['0', '-9223372036854775808', '-9223372036854775808'],
])('%s + %s = %s', (value, amount, sum) => {
  node.run('SET', 'k', value);
  expect(node.run('INCRBY', 'k', amount)).toBe(integer(BigInt(sum)));
  expect(node.run('GET', 'k')).toBe(bulk(sum));
});

test.each([
  ['INCRBY', '9223372036854775807', '1'],
  ['INCRBY', '-9223372036854775808', '-1'],
  ['INCRBY', '-1', '-9223372036854775808'],
  ['DECRBY', '-2', '9223372036854775807'],
  ['DECRBY', '9223372036854775807', '-1'],
])('%s of %s by %s would overflow', (name, value, amount) => {
  node.run('SET', 'k', value);
  expect(node.run(name, 'k', amount)).toBe(error(ErrorText.incrementOverflow));
  expect(node.run('GET', 'k')).toBe(bulk(value));
});

test('what is no 64-bit integer is refused, the amount before the value', () => {
  expect(node.run('DECRBY', 'k', '-9223372036854775808')).toBe(error(ErrorText.decrementOverflow));
  for (const value of ['', 'x', '1.0', ' 1', '1 ', '+1', '01', '-0', '9223372036854775808', '0x10']) {
    node.run('SET', 'k', value);
    expect(node.run('INCR', 'k')).toBe(error(ErrorText.notAnInteger));
    expect(node.run('INCRBY', 'new', value)).toBe(error(ErrorText.notAnInteger));
    expect(node.run('DECRBY', 'new', value)).toBe(error(ErrorText.notAnInteger));
    expect(node.run('GET', 'k')).toBe(bulk(value));
  }
  expect(node.run('EXISTS', 'new')).toBe(integer(0));
});

test('the expiry stays, and the result is an integer again', () => {
  node.run('SET', 'k', '1', 'EX', '10');
  node.run('APPEND', 'k', '2');
  expect(node.run('OBJECT', 'ENCODING', 'k')).toBe(bulk('raw'));
  expect(node.run('INCR', 'k')).toBe(integer(13));
  expect(node.run('TTL', 'k')).toBe(integer(10));
  expect(node.run('OBJECT', 'ENCODING', 'k')).toBe(bulk('int'));
  expect(node.run('INCRBYFLOAT', 'k', '0.5')).toBe(bulk('13.5'));
  expect(node.run('TTL', 'k')).toBe(integer(10));
});

test('INCRBYFLOAT refuses what is no number, and sums that are none', () => {
  node.run('SET', 'k', 'abc');
  expect(node.run('INCRBYFLOAT', 'k', '1')).toBe(error(ErrorText.notAFloat));
  node.run('SET', 'k', '1');
  expect(node.run('INCRBYFLOAT', 'k', 'x')).toBe(error(ErrorText.notAFloat));
  expect(node.run('INCRBYFLOAT', 'k', '+inf')).toBe(error(ErrorText.floatOverflow));
  expect(node.run('INCRBYFLOAT', 'k', '1.0e2')).toBe(bulk('101'));
  expect(node.run('INCRBYFLOAT', 'k', '2.1')).toBe(bulk('103.1'));
});

test('no step is lost where another thread counts at the same moment', () => {
  node.run('SET', 'k', '1');
  const { store } = node;
  const other = new CommandHarness().context;
  const read = store.read.bind(store);
  let rivals = 3;
  store.read = (key, snapshot, nowMs) => {
    const found = read(key, snapshot, nowMs);
    if (rivals > 0) {
      rivals -= 1;
      const value = String(Number(Buffer.from(snapshot.bytes).toString('latin1', 0, snapshot.length)) + 100);
      const name = Buffer.from('k');
      store.set(
        other.key.assign(name, 0, 1, 0),
        Buffer.from(value),
        0,
        value.length,
        other.writeOptions.reset(),
        START_MS,
      );
    }
    return found;
  };
  expect(node.run('INCR', 'k')).toBe(integer(302));
  rivals = 1;
  expect(node.run('INCRBYFLOAT', 'k', '0.25')).toBe(bulk('402.25'));
});

test('a full store that may not evict refuses a new counter, keeps the old ones, and counts again once there is room', () => {
  node = new CommandHarness({ memoryBytes: 4 * 1024 * 1024, eviction: 'noeviction' });
  const refused = error(ErrorText.outOfMemory);
  const large = 'x'.repeat(4096);
  const oldCount = 100;
  for (let index = 0; index < oldCount; index += 1) node.run('INCR', `old:${index}`);
  let largeCount = 0;
  while (largeCount < 2000 && node.run('SET', `large:${largeCount}`, large) !== refused) largeCount += 1;
  // Where no large value fits any more, some counters still do.
  let count = 0;
  while (count < 100_000 && node.run('INCR', `counter:${count}`) === integer(1)) count += 1;
  expect(node.run('INCR', `counter:${count}`)).toBe(refused);
  expect(node.run('INCRBYFLOAT', `counter:${count}`, '1')).toBe(refused);
  expect(node.run('EXISTS', `counter:${count}`)).toBe(integer(0));
  for (let index = 0; index < largeCount; index += 1) node.run('DEL', `large:${index}`);
  expect(node.run('INCR', `counter:${count}`)).toBe(integer(1));
  for (let index = 0; index < oldCount; index += 1) expect(node.run('GET', `old:${index}`)).toBe(bulk('1'));
});
