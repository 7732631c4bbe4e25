/**
 * The figures of a run as Markdown for the docs: first the table of the project's first description, filled in with what was measured, then one
 * table for each part. Every figure is from the run; what was not measured says so.
 */
import type { Environment } from './environment.ts';
import type { MemoryFigures } from './memory-part.ts';
import { OWN_NAMES } from './roster.ts';
import type { Metric, Row } from './rows.ts';
import { METRIC_TITLES, PART_METRICS, ratioText } from './suite-tables.ts';

export interface SuiteResult {
  readonly command: string;
  readonly environment: Environment;
  readonly rows: readonly Row[];
  readonly memory: readonly MemoryFigures[];
}

const NOT_MEASURED = 'not measured';

export function markdownOf(result: SuiteResult): string {
  return [`\`${result.command}\` on ${machineOf(result.environment)}.`, seedTable(result), ...partTables(result)]
    .join('\n\n')
    .concat('\n');
}

interface SeedLine {
  readonly title: string;
  readonly workload: string;
  readonly metric: Metric;
}

const SEED_THROUGHPUT: readonly SeedLine[] = [
  { title: 'GET', workload: 'get', metric: 'throughput' },
  { title: 'SET', workload: 'set', metric: 'throughput' },
  { title: 'Mixed (70/30 R/W)', workload: 'mix', metric: 'throughput' },
  { title: 'Load test, 1000 connections', workload: 'mix-1000', metric: 'throughput' },
];
const SEED_LATENCY: readonly SeedLine[] = [
  { title: 'GET P99', workload: 'get', metric: 'p99' },
  { title: 'SET P99', workload: 'set', metric: 'p99' },
  { title: 'Load test P99, equal load', workload: 'equal-mix-1000', metric: 'p99' },
];

/** One server thread on one core, no pipelining. */
export function seedTable({ rows, memory }: SuiteResult): string {
  const servers = ['shoal', 'redis', 'memcached'];
  const line = ({ title, workload, metric }: SeedLine): readonly string[] => {
    const of = (server: string): Row | undefined =>
      rows.find((row) => row.workload === workload && row.server === server && row.threads === 1);
    const ratio = (peer: string): string => ratioText(of('shoal')?.ratios[peer]?.[metric]) || NOT_MEASURED;
    const figure = (row: Row | undefined): string =>
      row === undefined || row.failure !== null
        ? NOT_MEASURED
        : metric === 'throughput'
          ? thousands(row.requestsPerSecond.median)
          : `${(row.latencyUs.p99 / 1000).toFixed(2)} ms`;
    return [title, ...servers.map((server) => figure(of(server))), ratio('redis'), ratio('memcached')];
  };
  return markdownTable(
    ['Benchmark', 'Shoal', 'Redis', 'Memcached', 'Shoal / Redis', 'Shoal / Memcached'],
    [...SEED_THROUGHPUT.map(line), ...SEED_LATENCY.map(line), memoryLine(memory)],
  );
}

/** Bytes above key and value, relative to Redis as the first description had it. */
function memoryLine(memory: readonly MemoryFigures[]): readonly string[] {
  const of = (server: string): number =>
    memory.find((one) => one.server === server && one.valueBytes === 1024)?.overheadBytesPerItem ?? NaN;
  const [shoal, redis, memcached] = [of('shoal'), of('redis'), of('memcached')];
  const bytes = (value: number): string => (Number.isNaN(value) ? NOT_MEASURED : `${value.toFixed(0)} B`);
  const ratio = (value: number): string => (Number.isNaN(value) ? NOT_MEASURED : value.toFixed(2));
  return [
    'Memory overhead per item',
    bytes(shoal),
    bytes(redis),
    bytes(memcached),
    ratio(shoal / redis),
    ratio(shoal / memcached),
  ];
}

const PART_TITLES: Readonly<Record<string, string>> = {
  closed: 'One thread, each connection waits for its answers',
  threads: 'Several threads',
  equal: 'Equal offered load, latency from when a request was due',
  pause: 'Pauses while the server evicts, at half load',
  opinion: 'By redis-benchmark',
};

function partTables({ rows, memory }: SuiteResult): readonly string[] {
  const parts = [...new Set(rows.map((row) => row.part))];
  const tables = parts.map((part) => {
    const ours = rows.filter((row) => row.part === part);
    return `### ${PART_TITLES[part] ?? part}\n\n${partTable(part, ours)}`;
  });
  return memory.length === 0 ? tables : [...tables, `### Memory\n\n${memoryTable(memory)}`];
}

/** One line for each workload and server: the columns that its part is about. */
function partTable(part: string, rows: readonly Row[]): string {
  const peers = [...new Set(rows.flatMap((row) => Object.keys(row.ratios)))];
  const metrics = PART_METRICS[part] ?? [];
  const isOpen = rows.some((row) => row.offeredPerSecond !== null);
  const titles = [
    'workload',
    ...(part === 'threads' ? ['threads'] : []),
    'server',
    isOpen ? 'offered/s' : 'requests/s',
    'CPU µs/op',
    'p50 µs',
    'p99 µs',
    'p99.9 µs',
    ...(part === 'pause' ? ['p99.99 µs', 'longest µs'] : []),
    'RSS MB',
    'errors',
    ...peers.flatMap((peer) => metrics.map((metric) => `${METRIC_TITLES[metric]} / ${peer}`)),
    'note',
  ];
  const lines = rows.map((row) => [
    row.title,
    ...(part === 'threads' ? [String(row.threads)] : []),
    row.server,
    thousands(row.offeredPerSecond ?? row.requestsPerSecond.median),
    decimals(row.serverCpuUsPerOperation.median, 2),
    decimals(row.latencyUs.p50, 0),
    decimals(row.latencyUs.p99, 0),
    decimals(row.latencyUs.p999, 0),
    ...(part === 'pause' ? [decimals(row.wholeLatencyUs.p9999, 0), decimals(row.wholeLatencyUs.longest, 0)] : []),
    decimals(row.residentBytes / 1e6, 0),
    String(row.errors + row.unsent),
    ...peers.flatMap((peer) =>
      metrics.map((metric) => (OWN_NAMES.includes(row.server) ? ratioText(row.ratios[peer]?.[metric]) : '')),
    ),
    row.note,
  ]);
  return markdownTable(titles, lines);
}

function memoryTable(memory: readonly MemoryFigures[]): string {
  return markdownTable(
    ['items', 'server', 'bytes per item', 'above key and value'],
    memory.map((one) => [
      `${thousands(one.items)} of ${one.keyBytes} B + ${one.valueBytes} B`,
      one.server,
      decimals(one.bytesPerItem, 1),
      decimals(one.overheadBytesPerItem, 1),
    ]),
  );
}

export function markdownTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(titles), line(titles.map(() => '---')), ...rows.map(line)].join('\n');
}

function machineOf({ machine, kernel, servers, commit, pinning, startedAt }: Environment): string {
  const versions = Object.entries(servers).map(([name, version]) => `${name}: ${version}`);
  return `${machine}, Linux ${kernel}, ${pinning}; ${versions.join('; ')}; commit ${commit}, ${startedAt.slice(0, 10)}`;
}

function thousands(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString('en-US') : '';
}

function decimals(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : '';
}
