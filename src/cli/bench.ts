/**
 * `shoal bench`: a load test of any server. Fills the key space, warms up, measures, and prints what was seen. The load itself is in
 * src/load; here are its options, what it shows while it runs, and what becomes of a signal.
 *
 * The first SIGINT or SIGTERM ends the run and prints what was measured so far; a second one ends the process at once.
 */
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { seededRandom } from '../base/random.ts';
import { ShoalError } from '../base/errors.ts';
import { uniformKeys, zipfKeys } from '../load/key-choice.ts';
import { LoadRunner, type RunnerOptions } from '../load/load-runner.ts';
import { openLoadSocket } from '../load/load-socket.ts';
import { MixedSource, type OperationSource, PreloadSource, uniformBytes } from '../load/operation-source.ts';
import { readServerVersion } from '../load/server-version.ts';
import { PROTOCOLS } from '../load/wire.ts';
import { benchHelp } from './bench-help.ts';
import { type BenchOptions, readBenchOptions } from './bench-options.ts';
import { reportText } from './bench-report.ts';
import { benchResult, isClean } from './bench-result.ts';
import { BenchProgress } from './bench-progress.ts';
import type { CommandContext, CommandModule } from './command.ts';
import { ExitCode, FORCED_EXIT_CODES, type StopSignal } from './exit-codes.ts';
import { onStopSignal } from './stop-signal.ts';

export const benchCommand: CommandModule = { run: bench, help: benchHelp };

async function bench(args: readonly string[], context: CommandContext): Promise<number> {
  const options = readBenchOptions(args, context.environment);
  if (options.help) {
    context.writeOut(benchHelp());
    return ExitCode.ok;
  }
  const { values } = options;
  if (values.jsonFile.path !== '') checkWritable(values.jsonFile.path);
  const startedAt = new Date();
  const target = runnerOptions(options);
  const progress = new BenchProgress(context, values.quiet);
  const runner = new LoadRunner(target);
  let interruptedBy: StopSignal | null = null;
  onStopSignal(context, (signal) => {
    interruptedBy = signal;
    runner.interrupt();
  });
  try {
    const serverVersion = await readServerVersion(target);
    await runner.open();
    const preload = values.preload === 'none' ? null : await progress.show('preload', runner, preloadSource(options));
    if (values.warmupMs > 0) await progress.show('warm-up', runner, mixedSource(options, 'warm-up'), values.warmupMs);
    const source = mixedSource(options, 'measure');
    const measured = await progress.show('measure', runner, source, values.durationMs);
    const overdueCount = source.overdueCount(runner.nowNs());
    const result = benchResult({
      startedAt,
      version: context.version,
      serverVersion,
      options,
      preload,
      measured,
      overdueCount,
    });
    const json = `${JSON.stringify(result, null, 2)}\n`;
    if (values.jsonFile.path !== '') writeJson(values.jsonFile.path, json);
    context.writeOut(values.json ? json : reportText(result));
    if (interruptedBy !== null) return FORCED_EXIT_CODES[interruptedBy as StopSignal];
    return isClean(result) ? ExitCode.ok : ExitCode.fault;
  } finally {
    progress.clear();
    runner.close();
  }
}

function runnerOptions({ values, host, port }: BenchOptions): RunnerOptions {
  return {
    host,
    port,
    protocol: PROTOCOLS[values.protocol],
    credentials: { user: values.user, password: values.protocol === 'memcached' ? '' : values.password },
    connections: values.connections,
    depth: values.pipeline,
    shape: {
      keyPrefix: values.keyPrefix.text,
      keyBytes: values.keyBytes,
      valueBytesMax: values.valueBytes.maxBytes,
      ttlMs: values.ttlMs,
    },
    timeoutMs: values.timeoutMs,
    openSocket: openLoadSocket,
  };
}

function preloadSource({ values }: BenchOptions): OperationSource {
  const { minBytes, maxBytes } = values.valueBytes;
  return new PreloadSource(values.keyCount, uniformBytes(minBytes, maxBytes, seededRandom(values.seed)));
}

/** The operations of the run, or of the warm-up before it: other ones of the same kind. */
function mixedSource({ values, operationsMax }: BenchOptions, phase: 'warm-up' | 'measure'): MixedSource {
  const random = seededRandom(values.seed + (phase === 'measure' ? 1 : 2));
  const { minBytes, maxBytes } = values.valueBytes;
  const isZipf = values.distribution === 'zipf';
  const warmup = phase === 'warm-up';
  const durationMs = warmup ? values.warmupMs : values.durationMs || Infinity;
  return new MixedSource({
    readShare: values.readPercent / 100,
    chooseKey: isZipf ? zipfKeys(values.keyCount, values.zipfExponent, random) : uniformKeys(values.keyCount, random),
    chooseBytes: uniformBytes(minBytes, maxBytes, random),
    random,
    operationsMax: warmup ? Infinity : operationsMax,
    durationNs: durationMs * 1e6,
    ratePerSecond: values.ratePerSecond,
  });
}

/** Before minutes are spent on what could then not be kept. */
function checkWritable(path: string): void {
  try {
    closeSync(openSync(path, 'a'));
  } catch (error) {
    throw new ShoalError('InvalidOption', `--json-file: ${path} cannot be written: ${messageOf(error)}`);
  }
}

function writeJson(path: string, json: string): void {
  try {
    writeFileSync(path, json);
  } catch (error) {
    throw new ShoalError('ServerError', `${path} cannot be written: ${messageOf(error)}`, { cause: error });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
