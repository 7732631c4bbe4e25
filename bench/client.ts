/**
 * CPU that an application spends per operation in its cache client, and how fast it gets its answers: ours beside ioredis,
 * node-redis and Valkey GLIDE, on Node and on Bun, in one run.
 *
 * Each client runs in a process of its own with 50 and 1000 callers, 32-byte keys and strings of 1 KiB. The clients take turns
 * in every round. Ours talks to a Shoal node, the others to redis-server; server and application are pinned to a core each, and what is measured is the
 * application's process, all threads. What counts is the ratio to ioredis in the same round.
 *
 *   bun bench/client.ts [--rounds 5] [--operations 100000] [--runtimes node,bun] [--clients shoal,ioredis,…] [--json FILE]
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import { printEnvironment, readEnvironment } from './lib/environment.ts';
import { printTable, progress, rounded, writeJson } from './lib/report.ts';
import { GENERATOR_CORE, PROJECT_ROOT, SERVER_CORE, startServer } from './lib/servers.ts';
import { median, spread } from './lib/statistics.ts';

const CLIENTS = ['shoal', 'ioredis', 'ioredis-pipelining', 'node-redis', 'glide'] as const;
type ClientName = (typeof CLIENTS)[number];
const REFERENCE: ClientName = 'ioredis';
const IN_FLIGHT = [50, 1000] as const;
const OPERATIONS = ['get', 'set'] as const;
const MEMORY_BYTES = 256 * 2 ** 20;
/** Begins the lines that the worker writes itself. */
const ANSWER_MARK = 'answer: ';
const START_ATTEMPTS_MAX = 5;
const WARM_UP_OPERATIONS = 20_000;

interface Figures {
  readonly cpuUs: number;
  readonly userUs: number;
  readonly wallMs: number;
  readonly errors: number;
}

interface Row {
  readonly runtime: string;
  readonly operation: string;
  readonly inFlight: number;
  readonly client: ClientName;
  readonly cpuUsPerOperation: number[];
  readonly operationsPerSecond: number[];
  errors: number;
}

/** One client in its process. */
class Worker {
  private readonly child: ChildProcessByStdio<Writable, Readable, null>;
  private readonly lines: AsyncIterableIterator<string>;
  private readonly exited: Promise<unknown>;

  constructor(runtime: string, client: ClientName, port: number) {
    const program = runtime === 'bun' ? process.execPath : 'node';
    const command = [program, join(PROJECT_ROOT, 'bench/lib/client-worker.mjs'), client, String(port)];
    const pinned = GENERATOR_CORE === undefined ? command : ['taskset', '-c', String(GENERATOR_CORE), ...command];
    this.child = spawn(pinned[0]!, pinned.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
    const reader: Interface = createInterface({ input: this.child.stdout });
    this.lines = reader[Symbol.asyncIterator]();
    this.exited = once(this.child, 'close');
  }

  async ready(): Promise<this> {
    if ((await this.line()) !== 'ready') throw new Error('the client did not start');
    return this;
  }

  async measure(operation: string, inFlight: number, count: number): Promise<Figures> {
    this.child.stdin.write(`${JSON.stringify({ operation, inFlight, count })}\n`);
    return JSON.parse(await this.line()) as Figures;
  }

  /** Resolves once it has closed its connections and ended. */
  async stop(): Promise<void> {
    this.child.stdin.end();
    await this.exited;
  }

  /** The next line that is an answer: libraries print as well. */
  private async line(): Promise<string> {
    for (;;) {
      const { value, done } = await this.lines.next();
      if (done === true) throw new Error('the client ended');
      if (value.startsWith(ANSWER_MARK)) return value.slice(ANSWER_MARK.length);
      console.error(value);
    }
  }
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    operations: { type: 'string', default: '100000' },
    runtimes: { type: 'string', default: 'node,bun' },
    clients: { type: 'string', default: CLIENTS.join(',') },
    json: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const operationCount = Number(values.operations);
const clients = CLIENTS.filter((name) => values.clients.split(',').includes(name));
const environment = readEnvironment(['redis', 'shoal']);
printEnvironment(environment);

const placement = { memoryBytes: MEMORY_BYTES, atLimit: 'evict', core: SERVER_CORE } as const;
const redis = await startServer('redis', placement);
const shoal = await startServer('shoal', placement);
const rows: Row[] = [];
try {
  for (const runtime of values.runtimes.split(',')) await measureRuntime(runtime);
} finally {
  await redis.stop();
  await shoal.stop();
}
report();

async function measureRuntime(runtime: string): Promise<void> {
  const workers = new Map<ClientName, Worker>();
  try {
    for (const client of clients) {
      workers.set(client, await startWorker(runtime, client));
    }
    for (const operation of OPERATIONS) {
      for (const inFlight of IN_FLIGHT) {
        for (let round = -1; round < rounds; round += 1) {
          const order = round % 2 === 0 ? clients : clients.toReversed();
          for (const client of order) {
            progress(`${runtime} ${operation} ${inFlight} in flight, round ${round + 1} of ${rounds}: ${client}`);
            const count = round < 0 ? WARM_UP_OPERATIONS : operationCount;
            const figures = await workers.get(client)!.measure(operation, inFlight, count);
            if (round >= 0) note(runtime, operation, inFlight, client, figures, count);
          }
        }
      }
    }
  } finally {
    for (const worker of workers.values()) await worker.stop();
    progress('');
  }
}

/** A client that loses its first connection while it is prepared (GLIDE on Bun does, now and then) gets another try. */
async function startWorker(runtime: string, client: ClientName): Promise<Worker> {
  for (let attempt = 1; ; attempt += 1) {
    const worker = new Worker(runtime, client, client === 'shoal' ? shoal.port : redis.port);
    try {
      return await worker.ready();
    } catch (error) {
      if (attempt === START_ATTEMPTS_MAX) throw error;
    }
  }
}

function note(
  runtime: string,
  operation: string,
  inFlight: number,
  client: ClientName,
  figures: Figures,
  count: number,
): void {
  let row = rows.find(
    (known) =>
      known.runtime === runtime &&
      known.operation === operation &&
      known.inFlight === inFlight &&
      known.client === client,
  );
  if (row === undefined) {
    row = { runtime, operation, inFlight, client, cpuUsPerOperation: [], operationsPerSecond: [], errors: 0 };
    rows.push(row);
  }
  row.cpuUsPerOperation.push(figures.cpuUs / count);
  row.operationsPerSecond.push((count / figures.wallMs) * 1000);
  row.errors += figures.errors;
}

function report(): void {
  const table: (string | number)[][] = [
    ['runtime', 'operation', 'in flight', 'client', 'CPU µs/op', 'to ioredis', 'range', 'op/s', 'errors'],
  ];
  for (const row of rows) {
    const reference = rows.find(
      (other) =>
        other.runtime === row.runtime &&
        other.operation === row.operation &&
        other.inFlight === row.inFlight &&
        other.client === REFERENCE,
    );
    const ratios = row.cpuUsPerOperation.map(
      (cpuUs, round) => cpuUs / (reference?.cpuUsPerOperation[round] ?? Number.NaN),
    );
    const { min, max } = spread(ratios);
    table.push([
      row.runtime,
      row.operation,
      row.inFlight,
      row.client,
      rounded(median(row.cpuUsPerOperation), 2),
      rounded(median(ratios), 2),
      `${rounded(min, 2)}–${rounded(max, 2)}`,
      Math.round(median(row.operationsPerSecond)),
      row.errors,
    ]);
  }
  printTable(table);
  writeJson(values.json, { environment, rounds, operationCount, rows });
}
