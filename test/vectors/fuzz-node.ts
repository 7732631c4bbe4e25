/**
 * Seeded rubbish for a live node. Inputs go out pipelined, many to a connection, until one breaks the protocol or
 * leaves a frame unfinished; which of them does is known from the decoder, run here over the same bytes. Then the
 * node must answer that very error and close; or, of what is unfinished, take our FIN or reset. In between, fresh
 * connections must be served.
 *
 * Any other outcome is a thrown error that names the seed and the input.
 */
import { connect, type Socket } from 'node:net';
import type { Expectation, FuzzProtocol } from './fuzz-protocols.ts';
import { Random } from './random.ts';

export interface FuzzOptions {
  readonly host: string;
  readonly port: number;
  readonly inputCount: number;
  readonly seed: number;
  /** Connections open at a time. */
  readonly laneCount: number;
  readonly protocol: FuzzProtocol;
  readonly onProgress?: (report: FuzzReport) => void;
}

export interface FuzzReport {
  inputCount: number;
  sentBytes: number;
  connectionCount: number;
  /** Connections that the node closed after a protocol error whose text was the expected one. */
  errorCount: number;
  /** The same, with the text lost because closing with input unread resets the connection. */
  errorLostCount: number;
  /** Connections that we ended in order, and that we reset. */
  finishedCount: number;
  resetCount: number;
  /** Fresh connections that were served. */
  probeCount: number;
  /** Resident memory that the node reports: at the start, at most in the first half of the inputs, and at most. */
  rssStartBytes: number;
  rssHalfBytes: number;
  rssMaxBytes: number;
}

/** Sends `inputCount` inputs and resolves with what happened, or rejects at the first thing that should not have. */
export async function fuzzNode(options: FuzzOptions): Promise<FuzzReport> {
  const run = new FuzzRun(options);
  await run.probe();
  run.report.rssStartBytes = run.report.rssMaxBytes;
  await Promise.all(Array.from({ length: options.laneCount }, () => run.lane()));
  await run.probe();
  return run.report;
}

interface Batch {
  readonly bytes: Buffer;
  /** Number of the last input, to find it again. */
  readonly last: number;
  readonly expected: Expectation;
  /** How we leave, where the node does not end it. */
  readonly leave: 'finish' | 'reset';
}

interface Outcome {
  readonly received: Buffer;
  readonly reset: boolean;
}

class FuzzRun {
  readonly report: FuzzReport = {
    inputCount: 0,
    sentBytes: 0,
    connectionCount: 0,
    errorCount: 0,
    errorLostCount: 0,
    finishedCount: 0,
    resetCount: 0,
    probeCount: 0,
    rssStartBytes: 0,
    rssHalfBytes: 0,
    rssMaxBytes: 0,
  };
  private readonly options: FuzzOptions;
  private readonly random: Random;

  constructor(options: FuzzOptions) {
    this.options = options;
    this.random = new Random(options.seed);
  }

  async lane(): Promise<void> {
    const { report, options } = this;
    while (report.inputCount < options.inputCount) {
      const batch = this.nextBatch();
      const outcome = await this.send(batch.bytes, batch.expected.error === null ? batch.leave : 'wait');
      this.judge(batch, outcome);
      report.connectionCount += 1;
      if (report.connectionCount % PROBE_EVERY === 0) {
        await this.probe();
        options.onProgress?.(report);
      }
    }
  }

  /** A fresh connection is served, and the node's memory is noted. */
  async probe(): Promise<void> {
    const { protocol, inputCount } = this.options;
    const { received } = await this.send(Buffer.concat([protocol.opening, protocol.probe]), 'finish');
    const rssBytes = protocol.memoryOf(received);
    if (rssBytes === null) throw new Error(`a fresh connection was not served but got ${shown(received)}`);
    this.report.probeCount += 1;
    this.report.rssMaxBytes = Math.max(this.report.rssMaxBytes, rssBytes);
    if (this.report.inputCount * 2 <= inputCount) this.report.rssHalfBytes = this.report.rssMaxBytes;
  }

  private nextBatch(): Batch {
    const { report, random } = this;
    const { protocol, inputCount } = this.options;
    const parts: Buffer[] = [protocol.opening];
    const requestIds: number[] = [];
    let error: Buffer | null = null;
    for (let whole = true; whole && parts.length <= BATCH_INPUTS_MAX && report.inputCount < inputCount; ) {
      const input = protocol.input(random);
      parts.push(input);
      report.inputCount += 1;
      report.sentBytes += input.length;
      const expected = protocol.expect(input);
      for (const id of expected.requestIds) requestIds.push(id);
      ({ error, whole } = expected);
    }
    const leave = random.below(4) === 0 ? 'reset' : 'finish';
    return {
      bytes: Buffer.concat(parts),
      last: report.inputCount - 1,
      expected: { whole: error === null, error, requestIds },
      leave,
    };
  }

  private judge(batch: Batch, outcome: Outcome): void {
    const { report } = this;
    const { protocol } = this.options;
    const { error } = batch.expected;
    const resetByUs = error === null && batch.leave === 'reset';
    const problem = protocol.problem(outcome.received, batch.expected, outcome.reset || resetByUs);
    if (problem !== null) this.fail(batch, outcome, problem);
    if (error === null) {
      if (resetByUs) report.resetCount += 1;
      else report.finishedCount += 1;
    } else if (protocol.hasError(outcome.received, error)) {
      report.errorCount += 1;
    } else if (outcome.reset) {
      report.errorLostCount += 1;
    } else {
      this.fail(batch, outcome, `must be answered ${JSON.stringify(error.toString('latin1'))}`);
    }
  }

  private fail(batch: Batch, outcome: Outcome, what: string): never {
    throw new Error(
      `seed ${this.options.seed}, input ${batch.last} ${what}\n  the last sent: ${shown(batch.bytes)}\n  the last received: ${shown(outcome.received)}`,
    );
  }

  private send(bytes: Buffer, leave: 'finish' | 'reset' | 'wait'): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const socket: Socket = connect({ host: this.options.host, port: this.options.port });
      const timer = setTimeout(() => {
        socket.destroy();
        reject(new Error(`the node did not end a connection in ${ANSWER_TIMEOUT_MS} ms after ${shown(bytes)}`));
      }, ANSWER_TIMEOUT_MS);
      const parts: Buffer[] = [];
      let connected = false;
      let reset = false;
      socket.on('connect', () => {
        connected = true;
        socket.write(bytes);
        if (leave === 'finish') socket.end();
        else if (leave === 'reset') socket.resetAndDestroy();
      });
      socket.on('data', (part: Buffer) => {
        parts.push(part);
      });
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (connected && (error.code === 'ECONNRESET' || error.code === 'EPIPE')) {
          reset = true;
          return;
        }
        clearTimeout(timer);
        reject(error);
      });
      socket.on('close', () => {
        clearTimeout(timer);
        resolve({ received: Buffer.concat(parts), reset });
      });
    });
  }
}

/** The end of what went over a connection, for a message. */
function shown(bytes: Buffer): string {
  return JSON.stringify(bytes.toString('latin1', Math.max(0, bytes.length - SHOWN_BYTES)));
}

const BATCH_INPUTS_MAX = 32;
const PROBE_EVERY = 500;
/** Only a node that hangs lets anybody wait this long. */
const ANSWER_TIMEOUT_MS = 20_000;
const SHOWN_BYTES = 200;
