/** What one data thread counts for itself, as plain numbers, and the sums of all threads: what INFO shows. */
import { heapBytes } from '../io/heap-bytes.ts';
import { memoryOf } from './client-registry.ts';
import type { NodeServices } from './node-services.ts';
import { Gate, Hold } from './session.ts';
import type { TrackingFigures } from './tracking/tracking-hub.ts';

export interface ThreadFigures {
  readonly clients: ClientFigures;
  readonly traffic: TrafficFigures;
  readonly commands: CommandFigures;
  readonly tracking: TrackingFigures;
  /** Bytes of JavaScript's heap, of each thread: items are elsewhere, so it stays as it is. */
  readonly heapBytes: readonly number[];
}

interface ClientFigures {
  readonly inputBytesMax: number;
  readonly outputBytesMax: number;
  readonly memoryBytes: number;
  readonly pausedCount: number;
  readonly subscriberCount: number;
  readonly shoalCount: number;
  readonly receivedCount: number;
  readonly rejectedCount: number;
}

interface TrafficFigures {
  readonly callsPerSecond: number;
  readonly receivedBytesPerSecond: number;
  readonly sentBytesPerSecond: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly readCount: number;
  readonly writeCount: number;
  readonly outputLimitCloses: number;
  readonly inputLimitCloses: number;
  readonly idleCloses: number;
  readonly protocolErrors: number;
}

/** By the command's index in the table. */
interface CommandFigures {
  readonly calls: Float64Array;
  readonly microseconds: Float64Array;
  readonly rejected: Float64Array;
  readonly failed: Float64Array;
  readonly totalCalls: number;
  readonly totalErrors: number;
  readonly errors: ReadonlyMap<string, number>;
}

export function readThreadFigures({ clients, traffic, statistics, tracking }: NodeServices): ThreadFigures {
  statistics.settle(0);
  let inputBytesMax = 0;
  let outputBytesMax = 0;
  let memoryBytes = 0;
  for (const session of clients.all()) {
    inputBytesMax = Math.max(inputBytesMax, session.input.length);
    outputBytesMax = Math.max(outputBytesMax, session.unsentBytes);
    memoryBytes += memoryOf(session);
  }
  const { receivedBytes, sentBytes, readCount, writeCount } = traffic;
  const { outputLimitCloses, inputLimitCloses, idleCloses, protocolErrors } = traffic;
  const { calls, microseconds, rejected, failed, totalCalls, totalErrors, errors } = statistics;
  return {
    clients: {
      inputBytesMax,
      outputBytesMax,
      memoryBytes,
      pausedCount: clients.countWhere(({ holds }) => (holds & (Hold.pause | Hold.blocked)) !== 0),
      subscriberCount: clients.countWhere(({ gates }) => (gates & Gate.subscribed) !== 0),
      shoalCount: clients.countWhere(({ speaksShoal }) => speaksShoal),
      receivedCount: clients.receivedCount,
      rejectedCount: clients.rejectedCount,
    },
    traffic: {
      callsPerSecond: traffic.callsPerSecond(),
      receivedBytesPerSecond: traffic.receivedBytesPerSecond(),
      sentBytesPerSecond: traffic.sentBytesPerSecond(),
      receivedBytes,
      sentBytes,
      readCount,
      writeCount,
      outputLimitCloses,
      inputLimitCloses,
      idleCloses,
      protocolErrors,
    },
    commands: { calls, microseconds, rejected, failed, totalCalls, totalErrors, errors },
    tracking: tracking.figures,
    heapBytes: [heapBytes()],
  };
}

/** The figures of at least one thread, summed up; of what is a maximum, the greatest; of heaps, each. */
export function sumThreadFigures(all: readonly ThreadFigures[]): ThreadFigures {
  const clients = sumRecords(all.map((one) => one.clients));
  const maximum = (name: 'inputBytesMax' | 'outputBytesMax'): number =>
    Math.max(...all.map((one) => one.clients[name]));
  return {
    clients: { ...clients, inputBytesMax: maximum('inputBytesMax'), outputBytesMax: maximum('outputBytesMax') },
    traffic: sumRecords(all.map((one) => one.traffic)),
    commands: sumCommands(all.map((one) => one.commands)),
    tracking: sumRecords(all.map((one) => one.tracking)),
    heapBytes: all.flatMap((one) => one.heapBytes),
  };
}

function sumCommands(all: readonly CommandFigures[]): CommandFigures {
  const errors = new Map<string, number>();
  for (const one of all) for (const [code, count] of one.errors) errors.set(code, (errors.get(code) ?? 0) + count);
  return {
    calls: sumArrays(all.map((one) => one.calls)),
    microseconds: sumArrays(all.map((one) => one.microseconds)),
    rejected: sumArrays(all.map((one) => one.rejected)),
    failed: sumArrays(all.map((one) => one.failed)),
    totalCalls: all.reduce((sum, one) => sum + one.totalCalls, 0),
    totalErrors: all.reduce((sum, one) => sum + one.totalErrors, 0),
    errors,
  };
}

function sumArrays(all: readonly Float64Array[]): Float64Array {
  const sum = new Float64Array(all[0]?.length ?? 0);
  for (const one of all) for (let index = 0; index < sum.length; index += 1) sum[index]! += one[index]!;
  return sum;
}

function sumRecords<R extends { readonly [K in keyof R]: number }>(all: readonly R[]): R {
  const sum: Record<string, number> = {};
  for (const one of all) {
    for (const [name, value] of Object.entries<number>(one)) sum[name] = (sum[name] ?? 0) + value;
  }
  return sum as R;
}
