/**
 * Runs of load over a set of connections: so many batches, one closed loop per connection, latencies recorded, and a part of all replies
 * checked byte by byte. The first wrong reply ends the run with an error.
 */
import { Histogram } from '../../src/load/histogram.ts';
import { LoadConnection, type Batch, type LoadDriver } from './load-connection.ts';
import { HOST, type RunningServer } from './servers.ts';
import {
  isGoodReply,
  patchRequest,
  repeatRequest,
  requestTemplate,
  type ItemShape,
  type Operation,
  type RequestTemplate,
  type WireProtocol,
} from './wire.ts';

/** One batch in this many is checked wholly. */
const VERIFY_EVERY = 64;

export interface RunFigures {
  readonly batchCount: number;
  readonly wallMs: number;
  /** From sending a batch to the last byte of its replies, in ns. */
  readonly latencyNs: Histogram;
  readonly verifiedBatches: number;
}

/** The connections to one server, opened once and used for many runs. */
export class LoadRunner {
  private connections: LoadConnection[] = [];
  private batchSource: () => Batch = noBatches;
  private left = 0;
  private inFlight = 0;
  private serial = 0;
  private verifyEvery = VERIFY_EVERY;
  private verified = 0;
  private readonly latencyNs = new Histogram();
  private settle: ((error: Error | null) => void) | null = null;
  private failure: Error | null = null;

  static async open(server: RunningServer, connectionCount: number): Promise<LoadRunner> {
    const runner = new LoadRunner();
    const driver: LoadDriver = {
      next: (_connection, previous, latencyNs) => runner.next(previous, latencyNs),
      wantsVerification: () => runner.picksForVerification(),
      fail: (error) => runner.fail(error),
    };
    for (let i = 0; i < connectionCount; i += 1) {
      runner.connections.push(await new LoadConnection(driver).open(HOST, server.port));
    }
    return runner;
  }

  close(): void {
    for (const connection of this.connections) connection.close();
    this.connections = [];
  }

  /** Sends `count` batches from `source`. A batch is asked for just before it is sent, and answered before its connection gets another. */
  async run(count: number, source: () => Batch, verify: 'some' | 'all' = 'some'): Promise<RunFigures> {
    if (this.failure !== null) throw this.failure;
    this.batchSource = source;
    this.left = count;
    this.verifyEvery = verify === 'all' ? 1 : VERIFY_EVERY;
    this.verified = 0;
    this.latencyNs.clear();
    const startedAt = performance.now();
    await new Promise<void>((done, reject) => {
      this.settle = (error) => (error === null ? done() : reject(error));
      // One more in flight than there are, so that a run that is answered at once is not taken as ended.
      this.inFlight = 1;
      for (const connection of this.connections) connection.start();
      this.finishOne();
    });
    return {
      batchCount: count,
      wallMs: performance.now() - startedAt,
      latencyNs: this.latencyNs,
      verifiedBatches: this.verified,
    };
  }

  private next(previous: Batch | null, latencyNs: number): Batch | null {
    if (previous !== null) this.latencyNs.record(latencyNs);
    if (this.left === 0) {
      if (previous !== null) this.finishOne();
      return null;
    }
    if (previous === null) this.inFlight += 1;
    this.left -= 1;
    return this.batchSource();
  }

  private finishOne(): void {
    this.inFlight -= 1;
    if (this.inFlight === 0) this.settle?.(null);
  }

  private picksForVerification(): boolean {
    this.serial += 1;
    if (this.serial % this.verifyEvery !== 0) return false;
    this.verified += 1;
    return true;
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.settle?.(error);
  }
}

/** Makes batches of one kind of request. */
export class BatchMaker {
  private readonly template: RequestTemplate;
  private readonly length: number;

  constructor(protocol: WireProtocol, operation: Operation, shape: ItemShape, length: number) {
    this.template = requestTemplate(protocol, operation, shape);
    this.length = length;
  }

  /** A batch for the keys that `chooseKey` names, one after the other. Owns a buffer of its own. */
  make(chooseKey: () => number): Batch {
    const { template, length } = this;
    const request = repeatRequest(template, length);
    const numbers = new Float64Array(length);
    for (let i = 0; i < length; i += 1) numbers[i] = chooseKey();
    numbers.forEach((number, i) => patchRequest(request, template, i, number));
    return {
      request,
      replyBytes: template.reply.length * length,
      replyByte: template.reply[0] as number,
      verify: (replies) => {
        for (let i = 0; i < length; i += 1) {
          if (isGoodReply(replies, i * template.reply.length, template, numbers[i] as number)) continue;
          throw new Error(`a wrong reply for key ${numbers[i]}`);
        }
      },
    };
  }
}

function noBatches(): Batch {
  throw new Error('no run has begun');
}
