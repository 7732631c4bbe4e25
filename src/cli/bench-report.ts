/** The result of a load test, for people: what was run, how fast, how late, what went wrong, and what to make of it. */
import { formatSize } from '../config/units.ts';
import type { BenchResult, ErrorFigures, LatencyFigures } from './bench-result.ts';

const LABEL_COLUMN = 13;
const NUMBER_COLUMN = 10;
const PROTOCOL_TITLES: Readonly<Record<string, string>> = {
  resp: 'RESP',
  shoal: 'Shoal protocol',
  memcached: 'memcached text',
};

export function reportText(result: BenchResult): string {
  const lines = [
    ...headLines(result),
    '',
    ...(result.operationCount === 0 ? [line('operations', 'none')] : measuredLines(result)),
    ...(result.preload === null || result.preload.errors.count === 0
      ? []
      : [line('in preload', errorsText(result.preload.errors)), ...errorLines(result.preload.errors)]),
    ...notes(result).flatMap((note) => ['', note]),
  ];
  return `${lines.join('\n')}\n`;
}

function measuredLines(result: BenchResult): string[] {
  return [
    line(
      'operations',
      `${whole(result.operationCount)} in ${seconds(result.durationMs)}, ${whole(result.operationsPerSecond)} a second`,
    ),
    line('reads', readsText(result)),
    line('writes', whole(result.writes.count)),
    ...latencyLines(result),
    line('traffic', trafficText(result)),
    line('errors', errorsText(result.errors)),
    ...errorLines(result.errors),
  ];
}

function headLines(result: BenchResult): string[] {
  const { configuration: c, versions } = result;
  const node = c.host.includes(':') ? `[${c.host}]:${c.port}` : `${c.host}:${c.port}`;
  const size =
    c.valueBytesMin === c.valueBytesMax
      ? formatSize(c.valueBytesMin)
      : `${formatSize(c.valueBytesMin)} to ${formatSize(c.valueBytesMax)}`;
  const keys = `${whole(c.keyCount)} keys (${c.zipfExponent === null ? 'uniform' : `Zipf ${c.zipfExponent}`})`;
  const loop = c.ratePerSecond === null ? '' : `, ${whole(c.ratePerSecond)} operations a second offered`;
  return [
    line('server', `${versions.server} at ${node}, ${PROTOCOL_TITLES[c.protocol] ?? c.protocol}`),
    line(
      'load',
      `${whole(c.connectionCount)} ${c.connectionCount === 1 ? 'connection' : 'connections'}, ${whole(c.pipelineDepth)} in flight on each${loop}`,
    ),
    line('items', `${keys}, values of ${size}, ${c.readPercent}% reads`),
    line('generator', `shoal ${versions.shoal} on ${versions.runtime}, ${versions.platform}`),
  ];
}

function readsText({ reads }: BenchResult): string {
  if (reads.hitRatio === null) return whole(reads.count);
  const misses = reads.missCount === 0 ? 'no misses' : `${whole(reads.missCount)} misses`;
  return `${whole(reads.count)}, ${percent(reads.hitRatio)} hits, ${misses}`;
}

function latencyLines({ reads, writes, openLoop }: BenchResult): string[] {
  const rows: readonly (readonly [string, LatencyFigures | null])[] = [
    ['  reads', reads.latency],
    ['  writes', writes.latency],
    ['  sent late', openLoop?.sendDelay ?? null],
  ];
  const known = rows.filter((row): row is readonly [string, LatencyFigures] => row[1] !== null);
  if (known.length === 0) return [''];
  const titles = ['p50', 'p90', 'p99', 'p99.9', 'max', 'mean'];
  return [
    '',
    `${'latency (ms)'.padEnd(LABEL_COLUMN)}${titles.map((title) => title.padStart(NUMBER_COLUMN)).join('')}`,
    ...known.map(([label, l]) => {
      const cells = [l.p50Ms, l.p90Ms, l.p99Ms, l.p999Ms, l.maxMs, l.meanMs];
      return `${label.padEnd(LABEL_COLUMN)}${cells.map((cell) => cell.toFixed(3).padStart(NUMBER_COLUMN)).join('')}`;
    }),
    '',
  ];
}

function trafficText({ traffic, durationMs }: BenchResult): string {
  const rate = (bytes: number): string => (durationMs > 0 ? ` (${megabytes((bytes / durationMs) * 1000)}/s)` : '');
  const { sentBytes, receivedBytes } = traffic;
  return `${megabytes(sentBytes)} sent${rate(sentBytes)}, ${megabytes(receivedBytes)} received${rate(receivedBytes)}`;
}

function errorsText({ count }: ErrorFigures): string {
  return count === 0 ? 'none' : whole(count);
}

function errorLines({ byKind }: ErrorFigures): string[] {
  return byKind.map(({ kind, count, example }) => line(`  ${whole(count)}`, `${kind}: ${printable(example)}`));
}

/** What the figures alone do not say. */
function notes({
  outcome,
  operationCount,
  connections,
  openLoop,
  generator,
  reads,
  configuration,
}: BenchResult): string[] {
  const found: string[] = [];
  if (outcome === 'interrupted') {
    const measured = operationCount > 0 ? 'these are the figures up to then' : 'nothing was measured yet';
    found.push(`Interrupted: ${measured}.`);
  }
  if (outcome === 'connectionsLost')
    found.push('Every connection was lost, and could not be opened again: the run ended early.');
  if (connections.lostCount + connections.failedCount > 0) {
    found.push(
      `${whole(connections.lostCount)} connections were lost, ${whole(connections.reconnectCount)} opened again; ${whole(connections.failedCount)} tries failed.`,
    );
  }
  if (openLoop !== null && openLoop.overdueCount > 0) {
    found.push(
      `${whole(openLoop.overdueCount)} operations were due and could not be sent: this is more than the server keeps up with.`,
    );
  }
  if (generator.wasBottleneck) {
    found.push(
      `The generator used ${percent(generator.busyCores)} of a core: it may be the limit here, not the server. Run several, or look at the server's own load.`,
    );
  }
  if (reads.hitRatio !== null && reads.hitRatio < 1 && configuration.ttlMs === null && outcome === 'complete') {
    found.push('Reads missed: the server holds fewer items than there are keys, or nothing was preloaded.');
  }
  return found;
}

function line(label: string, text: string): string {
  return `${label.padEnd(LABEL_COLUMN)}${text}`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function percent(ratio: number): string {
  return `${(Math.floor(ratio * 10_000) / 100).toFixed(2)}%`;
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(2)} s`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** What a server sends must not move the cursor. */
function printable(text: string): string {
  return text.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, '?');
}
