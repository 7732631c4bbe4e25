/**
 * Server CPU per operation, throughput and latency of Shoal beside its peers, in the same run.
 *
 * All servers are started once, each with the same data, and then take turns: in each round every case is run on each server, the
 * order changing from round to round, so that drift of the machine hits all alike. A figure is the median of the rounds; what
 * counts is the ratio to redis in the same round. CPU is user and system time of the server's process, all threads.
 *
 *   bun bench/cpu.ts [--rounds 5] [--seconds 2] [--connections 50] [--servers redis,memcached,shoal] [--json FILE]
 */
import { parseArgs } from 'node:util';
import { seededRandom } from '../src/base/random.ts';
import { uniformKeys } from '../src/load/key-choice.ts';
import { printEnvironment, readEnvironment } from './lib/environment.ts';
import type { Batch } from './lib/load-connection.ts';
import { BatchMaker, LoadRunner } from './lib/load-run.ts';
import { cpuTimeUs } from './lib/process-figures.ts';
import { printTable, progress, rounded, writeJson } from './lib/report.ts';
import {
  parseServerNames,
  pinGenerator,
  SERVER_CORE,
  startServer,
  type RunningServer,
  type ServerName,
} from './lib/servers.ts';
import { median, spread } from './lib/statistics.ts';
import type { ItemShape, Operation } from './lib/wire.ts';

const SHAPE: ItemShape = { keyBytes: 32, valueBytes: 1024 };
const KEYS = 100_000;
const MEMORY_BYTES = 2 ** 30;
/** Requests prepared for each case; they are sent again and again. */
const PREPARED_REQUESTS = 8192;
const FILL_BATCH = 100;
const CALIBRATION_SECONDS = 0.5;
/** Above this part of a core the generator sets the pace, not the server. */
const SATURATED = 0.9;
/** With enough connections one of the two is always at work; where neither reaches this part of its core, others took it. */
const BUSY = 0.7;

interface Case {
  readonly operation: Operation;
  readonly pipeline: number;
}

const CASES: readonly Case[] = [
  { operation: 'get', pipeline: 1 },
  { operation: 'set', pipeline: 1 },
  { operation: 'get', pipeline: 32 },
  { operation: 'set', pipeline: 32 },
];

interface Measurement {
  readonly round: number;
  readonly operations: number;
  readonly serverCpuUsPerOperation: number;
  readonly serverCpuShare: number;
  readonly generatorCpuShare: number;
  readonly operationsPerSecond: number;
  /** From sending a batch of `pipeline` requests to its last reply. */
  readonly latencyUs: { readonly p50: number; readonly p99: number; readonly p999: number };
  readonly verifiedBatches: number;
}

/** One server with its connections and the prepared batches of each case. */
class Contestant {
  readonly server: RunningServer;
  readonly measurements = new Map<Case, Measurement[]>();
  private readonly runner: LoadRunner;
  private readonly batches = new Map<Case, Batch[]>();
  private readonly batchCount = new Map<Case, number>();

  private constructor(server: RunningServer, runner: LoadRunner) {
    this.server = server;
    this.runner = runner;
    for (const kind of CASES) {
      const maker = new BatchMaker(server.protocol, kind.operation, SHAPE, kind.pipeline);
      const chooseKey = uniformKeys(KEYS, seededRandom(1));
      this.batches.set(
        kind,
        Array.from({ length: PREPARED_REQUESTS / kind.pipeline }, () => maker.make(chooseKey)),
      );
      this.measurements.set(kind, []);
    }
  }

  static async start(name: ServerName, connections: number): Promise<Contestant> {
    const server = await startServer(name, { memoryBytes: MEMORY_BYTES, atLimit: 'evict', core: SERVER_CORE });
    const runner = await LoadRunner.open(server, connections);
    const maker = new BatchMaker(server.protocol, 'set', SHAPE, FILL_BATCH);
    let key = 0;
    await runner.run(KEYS / FILL_BATCH, () => maker.make(() => key++));
    return new Contestant(server, runner);
  }

  /** Warms the case up and finds how many batches take `seconds`. */
  async calibrate(kind: Case, seconds: number): Promise<void> {
    let count = Math.ceil(PREPARED_REQUESTS / kind.pipeline);
    for (;;) {
      const { wallMs } = await this.runner.run(count, this.sourceOf(kind));
      const batchesPerSecond = count / (wallMs / 1000);
      this.batchCount.set(kind, Math.ceil(batchesPerSecond * seconds));
      if (wallMs >= CALIBRATION_SECONDS * 1000) return;
      count = Math.ceil(batchesPerSecond * CALIBRATION_SECONDS * 1.2);
    }
  }

  async measure(kind: Case, round: number): Promise<void> {
    const generatorBefore = process.cpuUsage();
    const serverBefore = cpuTimeUs(this.server.pid);
    const figures = await this.runner.run(this.batchCount.get(kind) as number, this.sourceOf(kind));
    const serverUs = cpuTimeUs(this.server.pid) - serverBefore;
    const generator = process.cpuUsage(generatorBefore);
    const operations = figures.batchCount * kind.pipeline;
    const latencyUs = (fraction: number): number => rounded(figures.latencyNs.quantile(fraction) / 1000, 1);
    (this.measurements.get(kind) as Measurement[]).push({
      round,
      operations,
      serverCpuUsPerOperation: serverUs / operations,
      serverCpuShare: serverUs / (figures.wallMs * 1000),
      generatorCpuShare: (generator.user + generator.system) / (figures.wallMs * 1000),
      operationsPerSecond: operations / (figures.wallMs / 1000),
      latencyUs: { p50: latencyUs(0.5), p99: latencyUs(0.99), p999: latencyUs(0.999) },
      verifiedBatches: figures.verifiedBatches,
    });
  }

  async stop(): Promise<void> {
    this.runner.close();
    await this.server.stop();
  }

  private sourceOf(kind: Case): () => Batch {
    const batches = this.batches.get(kind) as Batch[];
    let serial = 0;
    return () => batches[serial++ % batches.length] as Batch;
  }
}

/** The medians of one case on one server, beside redis. */
function summarize(contestant: Contestant, kind: Case, redis: Contestant | undefined) {
  const measured = contestant.measurements.get(kind) as Measurement[];
  const ofRedis = redis?.measurements.get(kind);
  const ratios = measured.map((one, i) => one.serverCpuUsPerOperation / (ofRedis?.[i]?.serverCpuUsPerOperation ?? NaN));
  const middle = (pick: (one: Measurement) => number): number => median(measured.map(pick));
  return {
    server: contestant.server.name,
    operation: kind.operation,
    pipeline: kind.pipeline,
    serverCpuUsPerOperation: spread(measured.map((one) => one.serverCpuUsPerOperation)),
    ratioToRedis: spread(ratios),
    operationsPerSecond: middle((one) => one.operationsPerSecond),
    latencyUs: {
      p50: middle((one) => one.latencyUs.p50),
      p99: middle((one) => one.latencyUs.p99),
      p999: middle((one) => one.latencyUs.p999),
    },
    serverCpuShare: middle((one) => one.serverCpuShare),
    generatorCpuShare: middle((one) => one.generatorCpuShare),
    generatorSaturated: measured.some((one) => one.generatorCpuShare > SATURATED && one.serverCpuShare < SATURATED),
    measurements: measured,
  };
}

/** What else, besides the server, decided the throughput and latency of a row. CPU per operation stays comparable. */
function noteOf(summary: ReturnType<typeof summarize>): string {
  if (summary.generatorSaturated) return 'generator saturated: throughput and latency are its own';
  const bothWaited = summary.serverCpuShare < BUSY && summary.generatorCpuShare < BUSY;
  return bothWaited ? 'other work on the machine: repeat when it is quiet' : '';
}

function report(summaries: readonly ReturnType<typeof summarize>[]): void {
  const titles = [
    'server',
    'CPU µs/op',
    'min-max',
    'to redis',
    'min-max',
    'kop/s',
    'p50 µs',
    'p99 µs',
    'p99.9 µs',
    'server CPU',
    'generator CPU',
    '',
  ];
  const range = (low: number, high: number): string => `${low.toFixed(2)}-${high.toFixed(2)}`;
  for (const kind of CASES) {
    console.log(
      `${kind.operation.toUpperCase()}, pipeline ${kind.pipeline}${kind.pipeline > 1 ? ' (latency of the whole batch)' : ''}`,
    );
    const rows = summaries
      .filter((one) => one.operation === kind.operation && one.pipeline === kind.pipeline)
      .map((one) => [
        one.server,
        rounded(one.serverCpuUsPerOperation.median, 2),
        range(one.serverCpuUsPerOperation.min, one.serverCpuUsPerOperation.max),
        rounded(one.ratioToRedis.median, 2),
        range(one.ratioToRedis.min, one.ratioToRedis.max),
        rounded(one.operationsPerSecond / 1000, 1),
        Math.round(one.latencyUs.p50),
        Math.round(one.latencyUs.p99),
        Math.round(one.latencyUs.p999),
        `${Math.round(one.serverCpuShare * 100)}%`,
        `${Math.round(one.generatorCpuShare * 100)}%`,
        noteOf(one),
      ]);
    printTable([titles, ...rows]);
  }
}

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    connections: { type: 'string', default: '50' },
    servers: { type: 'string' },
    json: { type: 'string' },
  },
});
const names = parseServerNames(options.servers);
const rounds = Number(options.rounds);
pinGenerator();
const environment = readEnvironment(names);
printEnvironment(environment);
console.log(
  `${options.connections} connections, ${SHAPE.keyBytes} B keys, ${SHAPE.valueBytes} B values, ${KEYS} keys, ${rounds} rounds of ${options.seconds} s, medians\n`,
);
const contestants: Contestant[] = [];
try {
  for (const name of names) contestants.push(await Contestant.start(name, Number(options.connections)));
  for (const kind of CASES) for (const one of contestants) await one.calibrate(kind, Number(options.seconds));
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of CASES) {
      for (let turn = 0; turn < contestants.length; turn += 1) {
        const one = contestants[(turn + round) % contestants.length] as Contestant;
        progress(`round ${round + 1} of ${rounds}: ${kind.operation}, pipeline ${kind.pipeline}, ${one.server.name}`);
        await one.measure(kind, round);
      }
    }
  }
} finally {
  for (const one of contestants) await one.stop();
}
progress('');
const redis = contestants.find((one) => one.server.name === 'redis');
const summaries = CASES.flatMap((kind) => contestants.map((one) => summarize(one, kind, redis)));
report(summaries);
writeJson(options.json, { benchmark: 'cpu', environment, summaries });
process.exit(0);
