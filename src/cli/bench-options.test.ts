import { describe, expect, test } from 'bun:test';
import { failureOf } from '../../test/support/failure-of.ts';
import { benchHelp } from './bench-help.ts';
import { BENCH_OPTIONS, type BenchOptions, readBenchOptions } from './bench-options.ts';

function read(...args: readonly string[]): BenchOptions {
  return readBenchOptions(args, {});
}

async function problems(...args: readonly string[]): Promise<readonly string[]> {
  const failure = await failureOf(Promise.try(() => readBenchOptions(args, {})));
  expect(failure).toMatchObject({ code: 'InvalidOption' });
  return failure.message.split('\n');
}

test('without options: the node of shoal serve', () => {
  expect(read()).toMatchObject({ host: '127.0.0.1', port: 7600, operationsMax: 1_000_000, help: false });
  expect(read().values).toMatchObject({
    protocol: 'resp',
    connections: 50,
    readPercent: 70,
    valueBytes: { minBytes: 1024, maxBytes: 1024 },
    preload: 'all',
    json: false,
    ratePerSecond: 0,
  });
});

test.each([
  [['--target', '10.0.0.1:6379'], '10.0.0.1', 6379],
  [['--target=[::1]:6379'], '::1', 6379],
  [['--host', 'example.org', '--port', '1'], 'example.org', 1],
])('%p is where the server is', (args, host, port) => {
  expect(read(...args)).toMatchObject({ host, port });
});

test('sizes, one or two', () => {
  expect(read('--value-size', '100-10kb').values.valueBytes).toEqual({ minBytes: 100, maxBytes: 10_240 });
  expect(read('--value-size', '1').values.valueBytes).toEqual({ minBytes: 1, maxBytes: 1 });
  expect(read('--value-size', '64mb').values.valueBytes.maxBytes).toBe(64 * 1024 * 1024);
});

test('what ends a run: the operations, the time, or whatever comes first', () => {
  expect(read('--duration', '5s')).toMatchObject({ operationsMax: Infinity, values: { durationMs: 5000 } });
  expect(read('--duration', '5s', '--operations', '7').operationsMax).toBe(7);
  expect(read('--operations', 'unlimited', '--duration', '5s').operationsMax).toBe(Infinity);
});

test('a preset sets defaults; what is given counts', () => {
  const seed = read('--preset', 'seed');
  expect(seed.operationsMax).toBe(10_000_000);
  expect(seed.values).toMatchObject({ connections: 1000, readPercent: 70, keyCount: 100_000, pipeline: 1 });
  const less = read('--preset', 'seed', '--operations', '1000', '--connections=10');
  expect(less.operationsMax).toBe(1000);
  expect(less.values).toMatchObject({ connections: 10, keyCount: 100_000 });
});

test('the password may come from the environment, and the flag counts before it', () => {
  const environment = { SHOAL_PASSWORD: 'from there' };
  expect(readBenchOptions([], environment).values.password).toBe('from there');
  expect(readBenchOptions(['--password', 'p'], environment).values.password).toBe('p');
  // What is exported for one server does not keep another from being measured.
  expect(readBenchOptions(['--protocol', 'memcached'], environment).values.protocol).toBe('memcached');
});

describe('is refused', () => {
  test.each([
    [['--conections', '5'], '--conections is not an option; did you mean --connections?'],
    [['--connections', '0'], '--connections: "0" is not allowed; give a whole number from 1 to 50000'],
    [['--protocol', 'rsp'], '--protocol: "rsp" is not allowed; give one of resp, shoal, memcached; did you mean resp?'],
    [['--reads', '101'], '--reads: "101" is not allowed; give a whole number from 0 to 100'],
    [
      ['--duration', '10'],
      '--duration: "10" is not allowed; give a duration from 100ms to 30d, or unlimited, with its unit (ms, s, m, h, d)',
    ],
    [['--value-size', '0'], '--value-size: "0" is not allowed; give a size from 1 to 64mb, or two such as 100-10kb'],
    [
      ['--value-size', '10-5'],
      '--value-size: "10-5" is not allowed; give a size from 1 to 64mb, or two such as 100-10kb',
    ],
    [
      ['--value-size', '65mb'],
      '--value-size: "65mb" is not allowed; give a size from 1 to 64mb, or two such as 100-10kb',
    ],
    [['--target', 'localhost'], '--target: "localhost" is not allowed; give host:port, or [address]:port for IPv6'],
    [['--target', 'a:70000'], '--target: "a:70000" is not allowed; give host:port, or [address]:port for IPv6'],
    [['--target', 'a:1', '--port', '2'], '--target already says what --host and --port do; give one or the other'],
    [['--operations', 'unlimited'], 'nothing ends this run; give --operations or --duration'],
    [
      ['--key-size', '8'],
      '--key-size: 8 bytes are too few for the prefix "bench:" and 5 digits; give at least 11, or fewer --keys',
    ],
    [['--key-prefix', 'a b'], '--key-prefix: "a b" is not allowed; give printable ASCII without spaces'],
    [['--user', 'me'], '--user needs a password'],
    [['--zipf-exponent', '1'], '--zipf-exponent counts only with --distribution zipf'],
    [
      ['--zipf-exponent', '11', '--distribution', 'zipf'],
      '--zipf-exponent: "11" is not allowed; give a number from 0 to 10',
    ],
    [['--protocol', 'memcached', '--key-size', '300'], '--key-size: memcached takes 250 bytes at most, not 300'],
    [['--protocol', 'memcached', '--password', 'p'], 'the protocol of memcached has no password'],
    [['--json=yes'], '--json takes no value'],
    [['extra'], '"extra" belongs to no option'],
  ])('%p', async (args, message) => {
    expect(await problems(...args)).toEqual([message]);
  });

  test('all at once, and no password is shown', async () => {
    expect(await problems('--port', 'x', '--keys', '0', '--password', 'secret')).toEqual([
      '--port: "x" is not allowed; give a whole number from 1 to 65535',
      '--keys: "0" is not allowed; give a whole number from 1 to 1000000000',
    ]);
  });
});

test('the help names every option, in lines that fit a terminal', () => {
  const help = benchHelp();
  for (const { flag } of Object.values(BENCH_OPTIONS)) expect(help).toContain(`  --${flag}`);
  expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  expect(read('--port', 'x', '--help').help).toBeTrue();
});
