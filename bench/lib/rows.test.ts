/** What turns come to: medians, ratios within rounds, and notes on what else decided. */
import { expect, test } from 'bun:test';
import { Histogram } from '../../src/load/histogram.ts';
import { type Measured, summarize, type Turn } from './rows.ts';
import { headingOf, tableOf } from './suite-tables.ts';
import { markdownOf, markdownTable, seedTable, type SuiteResult } from './suite-markdown.ts';
import { type Workload, WORKLOADS } from './workloads.ts';

const GET = WORKLOADS.find((one) => one.name === 'get') as Workload;
const EQUAL = WORKLOADS.find((one) => one.name === 'equal-mix-1000') as Workload;

function turn(round: number, cpuUs: number, changes: Partial<Turn> = {}): Turn {
  const latencyNs = new Histogram();
  for (let i = 1; i <= 100; i += 1) latencyNs.record(i * cpuUs * 1000);
  return {
    round,
    operations: 100,
    requestsPerSecond: 1_000_000 / cpuUs,
    serverCpuUsPerOperation: cpuUs,
    serverCpuShare: 0.99,
    generatorCpuShare: 0.5,
    latencyUs: { p50: 50 * cpuUs, p99: 99 * cpuUs, p999: 100 * cpuUs },
    latencyNs,
    residentBytes: 50e6,
    misses: 0,
    errors: 0,
    firstError: null,
    unsent: 0,
    ...changes,
  };
}

function measured(server: string, turns: readonly Turn[], changes: Partial<Measured> = {}): Measured {
  const common = { workload: GET, threads: 1, settings: '', failure: null, offeredPerSecond: null, sharedCores: false };
  return { ...common, server, turns, ...changes };
}

test('ratios are taken within each round, so drift of the machine is none of them', () => {
  const rows = summarize([
    measured('redis', [turn(0, 10), turn(1, 20), turn(2, 40)]),
    measured('shoal', [turn(0, 5), turn(1, 10), turn(2, 24)]),
  ]);
  const [redis, shoal] = rows;
  expect(redis?.ratios).toEqual({});
  expect(redis?.serverCpuUsPerOperation).toMatchObject({ median: 20, min: 10, max: 40 });
  expect(shoal?.ratios['redis']?.cpu).toMatchObject({ median: 0.5, min: 0.5, max: 0.6 });
  expect(shoal?.ratios['redis']?.throughput.median).toBe(2);
  expect(shoal?.ratios['redis']?.p99.median).toBe(0.5);
});

test('a round that one of the two lacks has no ratio', () => {
  const rows = summarize([
    measured('redis', [turn(1, 10)], { failure: 'it\n  broke' }),
    measured('shoal', [turn(0, 1), turn(1, 5), turn(2, 1)]),
  ]);
  expect(rows[1]?.ratios['redis']?.cpu).toMatchObject({ median: 0.5, min: 0.5, max: 0.5 });
  expect(rows[0]?.note).toBe('failed: it broke');
});

test('the rarest latencies are those of all turns together', () => {
  const [row] = summarize([measured('shoal', [turn(0, 1), turn(1, 7), turn(2, 2)])]);
  expect(row?.wholeLatencyUs.longest).toBe(700);
  expect(row?.operations).toBe(300);
  // Adding up leaves the turns as they were.
  const turns = [turn(0, 1), turn(1, 7)];
  summarize([measured('shoal', turns)]);
  expect(turns[0]?.latencyNs.count).toBe(100);
});

test.each([
  ['', {}, {}],
  ['generator saturated: throughput and latency are its own', { serverCpuShare: 0.6, generatorCpuShare: 0.97 }, {}],
  ['other work on the machine: repeat when it is quiet', { serverCpuShare: 0.5, generatorCpuShare: 0.5 }, {}],
  ['', { serverCpuShare: 0.5, generatorCpuShare: 0.5 }, { offeredPerSecond: 1000 }],
  ['did not keep up with the offered load', { unsent: 3 }, { offeredPerSecond: 1000 }],
  ['server and generator share the cores: throughput is of both together', {}, { sharedCores: true }],
  ['io-threads 2', {}, { settings: 'io-threads 2' }],
] as const)('the note %p', (note, turnChanges, changes) => {
  const [row] = summarize([measured('redis', [turn(0, 10, turnChanges)], changes)]);
  expect(row?.note).toBe(note);
});

test('the table shows what the part is about, and errors with the first of them', () => {
  const rows = summarize([
    measured('redis', [turn(0, 10)]),
    measured('shoal', [turn(0, 7.5, { errors: 2, firstError: 'it said no' })]),
  ]);
  const [titles, redis, shoal] = tableOf(rows);
  expect(headingOf(rows)).toStartWith('get: GET, 1 KiB values');
  expect(titles?.slice(0, 5)).toEqual(['server', 'kreq/s', 'CPU µs/op', 'min-max', 'CPU / redis']);
  expect(redis?.slice(0, 5)).toEqual(['redis', 100, 10, '10.00-10.00', '']);
  expect(shoal?.slice(0, 5)).toEqual(['shoal', 133.3, 7.5, '7.50-7.50', '0.75']);
  expect(shoal?.at(titles?.indexOf('errors') ?? -1)).toBe(2);
  expect(shoal?.at(-1)).toBe('first error: it said no');
  expect(new Set(tableOf(rows).map((row) => row.length))).toEqual(new Set([titles?.length ?? 0]));
});

test('a server that never had a turn leaves its cells empty', () => {
  const rows = summarize([measured('redis', [], { failure: 'gone' }), measured('shoal', [turn(0, 5)])]);
  const [titles, redis] = tableOf(rows);
  expect(titles).not.toContain('CPU / redis');
  expect(redis).toEqual(['redis', '', '', '', '', '', '', '', 0, '', '', 'failed: gone']);
});

const ENVIRONMENT = {
  startedAt: '2030-01-02T03:04:05Z',
  machine: 'a machine',
  kernel: '6',
  bun: '1',
  servers: { redis: 'v7' },
  commit: 'abc',
  pinning: 'server on core 0, generator on core 1',
  loadBefore: 0,
};

function result(rows: SuiteResult['rows'], memory: SuiteResult['memory'] = []): SuiteResult {
  return { command: 'npm run bench', environment: ENVIRONMENT, rows, memory };
}

test('the first table of the Markdown holds what was measured, and says what was not', () => {
  const rows = [
    ...summarize([measured('redis', [turn(0, 10)]), measured('shoal', [turn(0, 5)])]),
    ...summarize([
      measured('memcached', [turn(0, 10)], { workload: EQUAL, offeredPerSecond: 500 }),
      measured('shoal', [turn(0, 4)], { workload: EQUAL, offeredPerSecond: 500 }),
    ]),
  ];
  const memory = [
    { server: 'shoal', keyBytes: 32, valueBytes: 1024, items: 10, bytesPerItem: 1076, overheadBytesPerItem: 20 },
    { server: 'redis', keyBytes: 32, valueBytes: 1024, items: 10, bytesPerItem: 1456, overheadBytesPerItem: 400 },
  ];
  const lines = seedTable(result(rows, memory)).split('\n');
  expect(lines).toContain('| GET | 200,000 | 100,000 | not measured | 2.00 | not measured |');
  expect(lines).toContain('| GET P99 | 0.49 ms | 0.99 ms | not measured | 0.50 | not measured |');
  expect(lines).toContain('| SET | not measured | not measured | not measured | not measured | not measured |');
  expect(lines).toContain('| Load test P99, equal load | 0.40 ms | not measured | 0.99 ms | not measured | 0.40 |');
  expect(lines).toContain('| Memory overhead per item | 20 B | 400 B | not measured | 0.05 | not measured |');
  const markdown = markdownOf(result(rows, memory));
  expect(markdown).toStartWith('`npm run bench` on a machine, Linux 6, server on core 0');
  for (const title of ['### One thread', '### Equal offered load', '### Memory']) expect(markdown).toContain(title);
});

test('a bar in a cell does not end it', () => {
  expect(markdownTable(['a', 'b'], [['x|y', 'z']])).toBe('| a | b |\n| --- | --- |\n| x\\|y | z |');
});
