/**
 * Seeded rubbish for a live node. Inputs go out pipelined, many to a connection, until one breaks the protocol or
 * leaves a frame unfinished; which of them does is known from the decoder, run here over the same bytes. Then the
 * node must answer that very error and close; or, of what is unfinished, take our FIN or reset. In between, fresh
 * connections must be served.
 *
 * Any other outcome is a thrown error that names the seed and the input.
 */
import { connect, type Socket } from 'node:net';
import { Command } from '../../src/protocol/command.ts';
import { RespDecoder } from '../../src/protocol/resp/decoder.ts';
import { Random } from './random.ts';
import { encodeRequest } from './resp-feed.ts';
import { fuzzInput } from './resp-mutations.ts';

export interface FuzzOptions {
  readonly host: string;
  readonly port: number;
  readonly inputCount: number;
  readonly seed: number;
  /** Connections open at a time. */
  readonly laneCount: number;
  /** The node's limits: the decoder here must judge as the node's does. */
  readonly limits: {
    readonly argumentCountMax: number;
    readonly bulkBytesMax: number;
    readonly inlineBytesMax: number;
  };
  /**
   * Whether lines about as long as the limit are among the inputs. Redis's verdict on those depends on how the
   * network cuts them.
   */
  readonly longLines: 'sent' | 'left out';
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
  /** Fresh connections that got PONG. */
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
  /** The error line that must come, or null. */
  readonly error: Buffer | null;
  /** How we leave, where the node does not end it. */
  readonly leave: 'finish' | 'reset';
}

interface Outcome {
  /** The last bytes received. */
  readonly tail: Buffer;
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
  private readonly command = new Command();

  constructor(options: FuzzOptions) {
    this.options = options;
    this.random = new Random(options.seed);
  }

  async lane(): Promise<void> {
    const { report, options } = this;
    while (report.inputCount < options.inputCount) {
      const batch = this.nextBatch();
      const outcome = await this.send(batch.bytes, batch.error === null ? batch.leave : 'wait');
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
    const request = Buffer.concat([encodeRequest(['PING']), encodeRequest(['INFO', 'memory'])]);
    const { tail } = await this.send(request, 'finish');
    const text = tail.toString('latin1');
    if (!text.startsWith('+PONG\r\n')) throw new Error(`a fresh connection got no PONG but ${JSON.stringify(text)}`);
    this.report.probeCount += 1;
    const rssBytes = Number(/used_memory_rss:(\d+)/.exec(text)?.[1] ?? 0);
    this.report.rssMaxBytes = Math.max(this.report.rssMaxBytes, rssBytes);
    if (this.report.inputCount * 2 <= this.options.inputCount) this.report.rssHalfBytes = this.report.rssMaxBytes;
  }

  private nextBatch(): Batch {
    const { report, random } = this;
    const inputs: Buffer[] = [];
    let error: Buffer | null = null;
    for (let whole = true; whole && inputs.length < BATCH_INPUTS_MAX && report.inputCount < this.options.inputCount; ) {
      const input = fuzzInput(random);
      if (this.options.longLines === 'left out' && input.length > LONG_INPUT_BYTES) continue;
      inputs.push(input);
      report.inputCount += 1;
      report.sentBytes += input.length;
      const decoder = new RespDecoder(this.options.limits);
      let start = 0;
      for (;;) {
        const taken = decoder.decode(input, start, input.length, this.command);
        if (taken <= 0) break;
        start += taken;
      }
      if (decoder.error !== '') error = errorLine(decoder.error);
      whole = start === input.length;
    }
    const leave = random.below(4) === 0 ? 'reset' : 'finish';
    return { bytes: Buffer.concat(inputs), last: report.inputCount - 1, error, leave };
  }

  private judge(batch: Batch, outcome: Outcome): void {
    const { report } = this;
    if (batch.error === null) {
      if (PROTOCOL_ERROR_END.test(outcome.tail.toString('latin1')))
        this.fail(batch, outcome, 'is no protocol error, but was answered as one');
      if (batch.leave === 'finish') report.finishedCount += 1;
      else report.resetCount += 1;
    } else if (outcome.tail.subarray(-batch.error.length).equals(batch.error)) {
      report.errorCount += 1;
    } else if (outcome.reset) {
      report.errorLostCount += 1;
    } else {
      this.fail(batch, outcome, `must be answered ${JSON.stringify(batch.error.toString('latin1'))}`);
    }
  }

  private fail(batch: Batch, outcome: Outcome, what: string): never {
    const input = JSON.stringify(batch.bytes.toString('latin1').slice(-200));
    const got = JSON.stringify(outcome.tail.toString('latin1'));
    throw new Error(
      `seed ${this.options.seed}, input ${batch.last} ${what}\n  the last sent: ${input}\n  the last received: ${got}`,
    );
  }

  private send(bytes: Buffer, leave: 'finish' | 'reset' | 'wait'): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const socket: Socket = connect({ host: this.options.host, port: this.options.port });
      const timer = setTimeout(() => {
        socket.destroy();
        reject(
          new Error(
            `the node did not end a connection in ${ANSWER_TIMEOUT_MS} ms after ${JSON.stringify(bytes.toString('latin1').slice(-200))}`,
          ),
        );
      }, ANSWER_TIMEOUT_MS);
      let tail: Buffer = EMPTY;
      let connected = false;
      let reset = false;
      socket.on('connect', () => {
        connected = true;
        socket.write(bytes);
        if (leave === 'finish') socket.end();
        else if (leave === 'reset') socket.resetAndDestroy();
      });
      socket.on('data', (part: Buffer) => {
        tail = Buffer.concat([tail, part]).subarray(-TAIL_BYTES);
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
        resolve({ tail, reset });
      });
    });
  }
}

/** The error's line on the wire: characters are bytes, and U+DC00 + byte stands for one above 0x7f. */
function errorLine(error: string): Buffer {
  return Buffer.from(`-${error}\r\n`.split('').map((character) => character.charCodeAt(0) & 0xff));
}

const BATCH_INPUTS_MAX = 32;
const LONG_INPUT_BYTES = 60_000;
const PROBE_EVERY = 500;
/** Only a node that hangs lets anybody wait this long. */
const ANSWER_TIMEOUT_MS = 20_000;
const TAIL_BYTES = 4096;
const PROTOCOL_ERROR_END = /-ERR Protocol error: [^\r]*\r\n$/;
const EMPTY = Buffer.alloc(0);
