import { describe, expect, test } from 'bun:test';
import { LoadFigures } from '../load/load-figures.ts';
import type { PhaseEnd, PhaseResult } from '../load/load-runner.ts';
import { readBenchOptions } from './bench-options.ts';
import { reportText } from './bench-report.ts';
import { benchResult, type BenchResult, isClean } from './bench-result.ts';

/** A phase of a second: 70 hits of 1 ms, 30 writes of 2 ms, and what `change` does to it. */
function phase(
  change: (figures: LoadFigures) => void = () => undefined,
  end: PhaseEnd = 'complete',
  busyCores = 0.5,
): PhaseResult {
  const figures = new LoadFigures();
  for (let i = 0; i < 70; i += 1) figures.readLatencyNs.record(1e6);
  for (let i = 0; i < 30; i += 1) figures.writeLatencyNs.record(2e6);
  figures.hitCount = 70;
  figures.storedCount = 30;
  figures.sentBytes = 2_000_000;
  figures.receivedBytes = 3_500_000;
  change(figures);
  return { figures, end, wallNs: 1e9, busyCores };
}

function result(measured = phase(), args: readonly string[] = [], preload: PhaseResult | null = null): BenchResult {
  return benchResult({
    startedAt: new Date(0),
    version: '1.2.3',
    serverVersion: 'redis 7.0.15',
    options: readBenchOptions(args, {}),
    preload,
    measured,
    overdueCount: 12,
  });
}

test('the text', () => {
  const [server, load, items, generator, ...rest] = reportText(result()).split('\n');
  expect(server).toBe('server       redis 7.0.15 at 127.0.0.1:7600, RESP');
  expect(load).toBe('load         50 connections, 1 in flight on each');
  expect(items).toBe('items        100,000 keys (uniform), values of 1kb, 70% reads');
  expect(generator).toMatch(/^generator {4}shoal 1\.2\.3 on bun \S+, \S+ \S+$/);
  expect(rest).toEqual([
    '',
    'operations   100 in 1.00 s, 100 a second',
    'reads        70, 100.00% hits, no misses',
    'writes       30',
    '',
    'latency (ms)        p50       p90       p99     p99.9       max      mean',
    '  reads           1.000     1.000     1.000     1.000     1.000     1.000',
    '  writes          2.000     2.000     2.000     2.000     2.000     2.000',
    '',
    'traffic      2.0 MB sent (2.0 MB/s), 3.5 MB received (3.5 MB/s)',
    'errors       none',
    '',
  ]);
  expect(isClean(result())).toBeTrue();
});

describe('what the text says of', () => {
  const args = ['--connections', '1', '--rate', '5000', '--distribution', 'zipf', '--value-size', '1-2kb'];
  test('an open loop that was too fast', () => {
    const text = reportText(
      result(
        phase((figures) => figures.sendDelayNs.record(3e6)),
        args,
      ),
    );
    expect(text).toContain('load         1 connection, 1 in flight on each, 5,000 operations a second offered\n');
    expect(text).toContain('items        100,000 keys (Zipf 0.99), values of 1 to 2kb, 70% reads\n');
    expect(text).toContain('  sent late       3.000');
    expect(text).toContain('12 operations were due and could not be sent');
  });

  test('errors, without what would move the cursor', () => {
    const measured = phase((figures) => {
      figures.errors.add('OOM', 1500, 'OOM \u001b[2Jfull\r\n');
      figures.readErrorCount = 1500;
      figures.connectionsLost = 2;
    });
    const text = reportText(result(measured));
    expect(text).toContain('errors       1,500\n  1,500      OOM: OOM ?[2Jfull??\n');
    expect(text).toContain('2 connections were lost, 0 opened again; 0 tries failed.');
    expect(isClean(result(measured))).toBeFalse();
  });

  test('a preload with errors', () => {
    const preload = phase((figures) => figures.errors.add('OOM', 3, 'full'));
    expect(reportText(result(phase(), [], preload))).toContain(
      'errors       none\nin preload   3\n  3          OOM: full\n',
    );
    expect(isClean(result(phase(), [], preload))).toBeFalse();
  });

  test('misses', () => {
    const text = reportText(result(phase((figures) => (figures.missCount = 30))));
    expect(text).toContain('reads        100, 70.00% hits, 30 misses');
    expect(text).toContain('Reads missed');
    expect(isClean(result(phase((figures) => (figures.missCount = 30))))).toBeTrue();
  });

  test('a generator that had nothing more to give', () => {
    expect(reportText(result(phase(undefined, 'complete', 0.97)))).toContain('The generator used 97.00% of a core');
    expect(result(phase(undefined, 'complete', 0.94)).generator.wasBottleneck).toBeFalse();
  });

  test('a run that was interrupted, or lost its server', () => {
    expect(reportText(result(phase(undefined, 'interrupted')))).toContain(
      'Interrupted: these are the figures up to then.',
    );
    const lost = result(phase(undefined, 'connectionsLost'));
    expect(reportText(lost)).toContain('Every connection was lost');
    expect(isClean(lost)).toBeFalse();
    const nothing: PhaseResult = { figures: new LoadFigures(), end: 'interrupted', wallNs: 0, busyCores: 0 };
    expect(reportText(result(nothing))).toContain('operations   none\n\nInterrupted: nothing was measured yet.\n');
  });
});

test('the JSON: figures with units in their names, and the configuration', () => {
  const json = JSON.parse(JSON.stringify(result(phase(), ['--ttl', '5s'], phase()))) as BenchResult;
  expect(json).toMatchObject({
    schema: 1,
    startedAt: '1970-01-01T00:00:00.000Z',
    versions: { shoal: '1.2.3', server: 'redis 7.0.15' },
    configuration: {
      connectionCount: 50,
      valueBytesMin: 1024,
      ttlMs: 5000,
      zipfExponent: null,
      operationCountMax: 1e6,
    },
    preload: { operationCount: 100, durationMs: 1000, errors: { count: 0, byKind: [] } },
    outcome: 'complete',
    operationCount: 100,
    operationsPerSecond: 100,
    reads: { count: 70, hitRatio: 1, latency: { p50Ms: 1, maxMs: 1 } },
    writes: { count: 30, storedCount: 30, latency: { p999Ms: 2 } },
    traffic: { sentBytes: 2_000_000, receivedBytes: 3_500_000 },
    openLoop: null,
  });
  expect(result(phase((figures) => (figures.hitCount = 0))).reads.hitRatio).toBeNull();
});
