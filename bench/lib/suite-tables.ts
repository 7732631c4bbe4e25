/** The rows of the suite as tables of text: one table for each workload, with what its part is about. */
import { rounded, type Cell } from './report.ts';
import type { Metric, Row } from './rows.ts';
import type { Spread } from './statistics.ts';
import type { Part } from './workloads.ts';

/** What of Shoal is set beside the peers in each part. Below 1 is better, but for throughput. */
export const PART_METRICS: Readonly<Record<string, readonly Metric[]>> = {
  closed: ['cpu'],
  opinion: ['cpu', 'throughput'],
  threads: ['throughput', 'cpu'],
  equal: ['p99'],
  pause: ['p9999', 'longest'],
} satisfies Partial<Record<Part, readonly Metric[]>>;

export const METRIC_TITLES: Readonly<Record<Metric, string>> = {
  cpu: 'CPU',
  throughput: 'throughput',
  p50: 'p50',
  p99: 'p99',
  p9999: 'p99.99',
  longest: 'longest',
};

/** A line above the table of a workload. */
export function headingOf(rows: readonly Row[]): string {
  const [first] = rows as [Row, ...Row[]];
  const threads = first.part === 'threads' ? `, ${first.threads} ${first.threads === 1 ? 'thread' : 'threads'}` : '';
  const offered = first.offeredPerSecond === null ? '' : `, ${first.offeredPerSecond} requests/s offered`;
  return `${first.workload}: ${first.title}${threads}${offered}`;
}

/** The first row holds the titles. */
export function tableOf(rows: readonly Row[]): readonly (readonly Cell[])[] {
  const [first] = rows as [Row, ...Row[]];
  const peers = [...new Set(rows.flatMap((row) => Object.keys(row.ratios)))];
  const metrics = PART_METRICS[first.part] ?? [];
  const isOpen = first.offeredPerSecond !== null;
  const tail = isOpen ? ['p99.99 µs', 'longest µs'] : [];
  const ratioTitles = peers.flatMap((peer) => metrics.map((metric) => `${METRIC_TITLES[metric]} / ${peer}`));
  const titles = [
    'server',
    'kreq/s',
    'CPU µs/op',
    'min-max',
    ...ratioTitles,
    'p50 µs',
    'p99 µs',
    'p99.9 µs',
    ...tail,
    'RSS MB',
    'errors',
    ...(rows.some((row) => row.misses > 0) ? ['misses'] : []),
    'server CPU',
    'generator CPU',
    '',
  ];
  const body = rows.map((row): readonly Cell[] => [
    row.server,
    fixed(row.requestsPerSecond.median / 1000, 1),
    fixed(row.serverCpuUsPerOperation.median, 2),
    range(row.serverCpuUsPerOperation),
    ...peers.flatMap((peer) => metrics.map((metric) => ratioText(row.ratios[peer]?.[metric]))),
    whole(row.latencyUs.p50),
    whole(row.latencyUs.p99),
    whole(row.latencyUs.p999),
    ...(isOpen ? [whole(row.wholeLatencyUs.p9999), whole(row.wholeLatencyUs.longest)] : []),
    whole(row.residentBytes / 1e6),
    row.errors + row.unsent,
    ...(rows.some((one) => one.misses > 0) ? [percent(row.misses / row.operations)] : []),
    percent(row.serverCpuShare),
    percent(row.generatorCpuShare),
    row.firstError === null || row.failure !== null ? row.note : `${row.note} first error: ${row.firstError}`.trim(),
  ]);
  return [titles, ...body];
}

/** `0.75 (0.71-0.80)`; nothing where there is none. */
export function ratioText(ratio: Spread | undefined): string {
  if (ratio === undefined || Number.isNaN(ratio.median)) return '';
  const middle = ratio.median.toFixed(2);
  return ratio.min === ratio.max ? middle : `${middle} (${range(ratio)})`;
}

function range({ min, max }: Spread): string {
  return Number.isFinite(min) ? `${min.toFixed(2)}-${max.toFixed(2)}` : '';
}

function fixed(value: number, digits: number): Cell {
  return Number.isFinite(value) ? rounded(value, digits) : '';
}

function whole(value: number): Cell {
  return Number.isFinite(value) ? Math.round(value) : '';
}

function percent(share: number): string {
  return Number.isFinite(share) ? `${Math.round(share * 100)}%` : '';
}
