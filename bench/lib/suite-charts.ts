/** The charts of a run of the suite. A chart of which nothing was measured is not made. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Row } from './rows.ts';
import type { SuiteResult } from './suite-markdown.ts';
import { barChart, type Bar, type BarGroup } from './svg-bars.ts';
import { lineChart } from './svg-lines.ts';
import { WORKLOADS, type Part } from './workloads.ts';

/** Name of the file, and what goes into it. */
export type Chart = readonly [name: string, svg: string];

/** Writes the charts into `folder`, which is made where it is not there, and returns their names. */
export function writeCharts(folder: string, result: SuiteResult): readonly string[] {
  mkdirSync(folder, { recursive: true });
  const charts = chartsOf(result);
  for (const [name, svg] of charts) writeFileSync(join(folder, name), svg);
  return charts.map(([name]) => name);
}

export function chartsOf(result: SuiteResult): readonly Chart[] {
  const { rows } = result;
  const cpu = groupsOf(rows, 'closed', (row) => ({
    series: row.server,
    value: row.serverCpuUsPerOperation.median,
    low: row.serverCpuUsPerOperation.min,
    high: row.serverCpuUsPerOperation.max,
  }));
  const p99 = groupsOf(rows, 'equal', (row) => ({ series: row.server, value: row.latencyUs.p99 / 1000 }));
  const pauses = [
    ...groupsOf(rows, 'pause', (row) => ({ series: row.server, value: row.wholeLatencyUs.p9999 / 1000 }), 'p99.99'),
    ...groupsOf(rows, 'pause', (row) => ({ series: row.server, value: row.wholeLatencyUs.longest / 1000 }), 'longest'),
  ];
  const bars = [
    {
      name: 'cpu.svg',
      title: 'Server CPU per request, one thread',
      axisTitle: 'µs per request, user and system; less is better',
      groups: cpu,
    },
    {
      name: 'equal-load-p99.svg',
      title: 'p99 at equal offered load, 80% of the slowest peak',
      axisTitle: 'ms from when a request was due; less is better',
      groups: p99,
    },
    {
      name: 'pauses.svg',
      title: 'Rarest waits at half load, while the server evicts',
      axisTitle: 'ms from when a request was due; less is better',
      groups: pauses,
    },
    {
      name: 'memory.svg',
      title: 'Memory above key and value',
      axisTitle: 'bytes per item; less is better',
      groups: memoryGroups(result),
    },
  ];
  const drawn = bars
    .filter(({ groups }) => groups.length > 0)
    .map(({ name, ...chart }): Chart => [name, barChart(chart)]);
  return [...drawn, ...threadCharts(rows)];
}

/** A group for each workload of the part, by its short name, or by `label`. */
function groupsOf(rows: readonly Row[], part: Part, barOf: (row: Row) => Bar, label?: string): readonly BarGroup[] {
  return WORKLOADS.filter((one) => one.part === part).flatMap((workload) => {
    const bars = rows
      .filter((row) => row.workload === workload.name && row.failure === null)
      .map(barOf)
      .filter((bar) => Number.isFinite(bar.value));
    return bars.length === 0 ? [] : [{ label: label ?? workload.name, bars }];
  });
}

function memoryGroups({ memory }: SuiteResult): readonly BarGroup[] {
  return [...new Set(memory.map((one) => one.valueBytes))].map((valueBytes) => {
    const own = memory.filter((one) => one.valueBytes === valueBytes);
    const label = `${own[0]?.keyBytes} B + ${valueBytes} B`;
    // Less than nothing may be measured of few items; there is no such bar.
    const bars = own.map((one) => ({ series: one.server, value: Math.max(0, one.overheadBytesPerItem) }));
    return { label, bars };
  });
}

/** Throughput over threads, a chart for each workload; one number of threads is no curve. */
function threadCharts(rows: readonly Row[]): readonly Chart[] {
  return WORKLOADS.filter((one) => one.part === 'threads').flatMap((workload): Chart[] => {
    const own = rows.filter((row) => row.workload === workload.name && row.failure === null);
    if (new Set(own.map((row) => row.threads)).size < 2) return [];
    const lines = [...new Set(own.map((row) => row.server))].map((series) => ({
      series,
      points: own
        .filter((row) => row.server === series)
        .map((row) => ({ x: row.threads, y: row.requestsPerSecond.median / 1000 })),
    }));
    const chart = { title: workload.title, xTitle: 'server threads', yTitle: 'thousand requests per second', lines };
    return [[`${workload.name}.svg`, lineChart(chart)]];
  });
}
