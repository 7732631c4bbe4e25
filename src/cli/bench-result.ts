/**
 * The result of a load test as plain data: what `--json` prints, and what the text for people is made of. Names carry their units.
 * Fields are added, never changed in meaning; `schema` would count up if that had to be.
 */
import type { Histogram } from '../load/histogram.ts';
import type { ErrorRow, LoadFigures } from '../load/load-figures.ts';
import { BOTTLENECK_CORES } from '../load/load-meter.ts';
import type { PhaseEnd, PhaseResult } from '../load/load-runner.ts';
import type { BenchOptions } from './bench-options.ts';

export interface LatencyFigures {
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export interface BenchResult {
  readonly schema: 1;
  readonly startedAt: string;
  readonly versions: {
    readonly shoal: string;
    readonly runtime: string;
    readonly platform: string;
    /** What the server says of itself; `unknown` where it does not. */
    readonly server: string;
  };
  readonly configuration: BenchConfiguration;
  /** Null where nothing was preloaded. */
  readonly preload: {
    readonly operationCount: number;
    readonly durationMs: number;
    readonly errors: ErrorFigures;
  } | null;
  /** Why the run ended: all was done, it was interrupted, or no connection was left. */
  readonly outcome: PhaseEnd;
  readonly durationMs: number;
  /** Operations that ended, well or not: reads and writes together. */
  readonly operationCount: number;
  /** Of those that ended well. */
  readonly operationsPerSecond: number;
  readonly reads: {
    readonly count: number;
    readonly hitCount: number;
    readonly missCount: number;
    readonly errorCount: number;
    /** Hits among the reads that were answered well; null where there was none. */
    readonly hitRatio: number | null;
    readonly latency: LatencyFigures | null;
  };
  readonly writes: {
    readonly count: number;
    readonly storedCount: number;
    readonly errorCount: number;
    readonly latency: LatencyFigures | null;
  };
  readonly errors: ErrorFigures;
  /** In all phases. */
  readonly connections: {
    readonly lostCount: number;
    readonly reconnectCount: number;
    /** Tries to connect again that failed. */
    readonly failedCount: number;
  };
  /** As on the wire. */
  readonly traffic: { readonly sentBytes: number; readonly receivedBytes: number };
  /** Values compared byte by byte; key and length are checked in each. */
  readonly comparedValueCount: number;
  /** Null in a closed loop. */
  readonly openLoop: {
    readonly offeredPerSecond: number;
    /** Operations whose time had come and that were never sent. */
    readonly overdueCount: number;
    /** How late the others were sent. */
    readonly sendDelay: LatencyFigures | null;
  } | null;
  readonly generator: {
    /** 1 is one core's whole time. */
    readonly busyCores: number;
    /** Whether the figures may say more of the generator than of the server. */
    readonly wasBottleneck: boolean;
  };
}

export interface ErrorFigures {
  readonly count: number;
  /** The most frequent first; `example` is the text of the first one. */
  readonly byKind: readonly ErrorRow[];
}

export interface BenchConfiguration {
  readonly host: string;
  readonly port: number;
  readonly protocol: string;
  readonly connectionCount: number;
  /** Requests in flight on each connection. */
  readonly pipelineDepth: number;
  /** Null: only time ended it. */
  readonly operationCountMax: number | null;
  /** Null: only the count ended it. */
  readonly durationMsMax: number | null;
  /** Null: closed loop. */
  readonly ratePerSecond: number | null;
  readonly readPercent: number;
  readonly keyCount: number;
  readonly keyBytes: number;
  readonly keyPrefix: string;
  readonly distribution: string;
  /** Null where keys are uniform. */
  readonly zipfExponent: number | null;
  readonly valueBytesMin: number;
  readonly valueBytesMax: number;
  /** Null: items do not expire. */
  readonly ttlMs: number | null;
  readonly seed: number;
  readonly warmupMs: number;
  readonly timeoutMs: number;
  readonly preset: string;
}

export interface BenchRun {
  readonly startedAt: Date;
  readonly version: string;
  readonly serverVersion: string;
  readonly options: BenchOptions;
  readonly preload: PhaseResult | null;
  readonly measured: PhaseResult;
  readonly overdueCount: number;
}

export function benchResult(run: BenchRun): BenchResult {
  const { options, preload, measured } = run;
  const { figures } = measured;
  const goodReads = figures.hitCount + figures.missCount;
  const seconds = measured.wallNs / 1e9;
  const { ratePerSecond } = options.values;
  return {
    schema: 1,
    startedAt: run.startedAt.toISOString(),
    versions: {
      shoal: run.version,
      runtime: runtimeName(),
      platform: `${process.platform} ${process.arch}`,
      server: run.serverVersion,
    },
    configuration: configurationOf(options),
    preload:
      preload === null
        ? null
        : {
            operationCount: preload.figures.operationCount,
            durationMs: milliseconds(preload.wallNs),
            errors: errorFigures(preload.figures),
          },
    outcome: measured.end,
    durationMs: milliseconds(measured.wallNs),
    operationCount: figures.operationCount,
    operationsPerSecond: seconds > 0 ? Math.round((goodReads + figures.storedCount) / seconds) : 0,
    reads: {
      count: figures.readCount,
      hitCount: figures.hitCount,
      missCount: figures.missCount,
      errorCount: figures.readErrorCount,
      hitRatio: goodReads === 0 ? null : figures.hitCount / goodReads,
      latency: latencyFigures(figures.readLatencyNs),
    },
    writes: {
      count: figures.writeCount,
      storedCount: figures.storedCount,
      errorCount: figures.writeErrorCount,
      latency: latencyFigures(figures.writeLatencyNs),
    },
    errors: errorFigures(figures),
    connections: {
      lostCount: figures.connectionsLost + (preload?.figures.connectionsLost ?? 0),
      reconnectCount: figures.reconnectCount + (preload?.figures.reconnectCount ?? 0),
      failedCount: figures.connectFailures + (preload?.figures.connectFailures ?? 0),
    },
    traffic: { sentBytes: figures.sentBytes, receivedBytes: figures.receivedBytes },
    comparedValueCount: figures.comparedCount,
    openLoop:
      ratePerSecond === 0
        ? null
        : {
            offeredPerSecond: ratePerSecond,
            overdueCount: run.overdueCount,
            sendDelay: latencyFigures(figures.sendDelayNs),
          },
    generator: {
      busyCores: Number(measured.busyCores.toFixed(3)),
      wasBottleneck: figures.operationCount > 0 && measured.busyCores >= BOTTLENECK_CORES,
    },
  };
}

/** Whether all of it went well, preload included. */
export function isClean(result: BenchResult): boolean {
  const { errors, connections, preload, outcome } = result;
  const troubles = errors.count + connections.lostCount + connections.failedCount + (preload?.errors.count ?? 0);
  return troubles === 0 && outcome !== 'connectionsLost';
}

function configurationOf({ values, host, port, operationsMax }: BenchOptions): BenchConfiguration {
  return {
    host,
    port,
    protocol: values.protocol,
    connectionCount: values.connections,
    pipelineDepth: values.pipeline,
    operationCountMax: operationsMax === Infinity ? null : operationsMax,
    durationMsMax: values.durationMs || null,
    ratePerSecond: values.ratePerSecond || null,
    readPercent: values.readPercent,
    keyCount: values.keyCount,
    keyBytes: values.keyBytes,
    keyPrefix: values.keyPrefix.text,
    distribution: values.distribution,
    zipfExponent: values.distribution === 'zipf' ? values.zipfExponent : null,
    valueBytesMin: values.valueBytes.minBytes,
    valueBytesMax: values.valueBytes.maxBytes,
    ttlMs: values.ttlMs || null,
    seed: values.seed,
    warmupMs: values.warmupMs,
    timeoutMs: values.timeoutMs,
    preset: values.preset,
  };
}

function errorFigures(figures: LoadFigures): ErrorFigures {
  return { count: figures.errors.total, byKind: figures.errors.rows() };
}

function latencyFigures(histogram: Histogram): LatencyFigures | null {
  if (histogram.count === 0) return null;
  return {
    meanMs: milliseconds(histogram.mean),
    p50Ms: milliseconds(histogram.quantile(0.5)),
    p90Ms: milliseconds(histogram.quantile(0.9)),
    p99Ms: milliseconds(histogram.quantile(0.99)),
    p999Ms: milliseconds(histogram.quantile(0.999)),
    maxMs: milliseconds(histogram.max),
  };
}

/** To the microsecond. */
function milliseconds(ns: number): number {
  return Math.round(ns / 1000) / 1000;
}

function runtimeName(): string {
  const bun = process.versions['bun'];
  return bun === undefined ? `node ${process.versions.node}` : `bun ${bun}`;
}
