/**
 * A load that knows what every key must hold: values carry a counter, one caller at a time has a key, so a read tells a lost or a stale
 * write from a right one, whatever the cluster does meanwhile.
 *
 * Operations begin by the clock, not by the answers, and latency counts from when an operation was due: a cluster that
 * stops for a second shows it.
 */
import { Histogram } from '../../src/load/histogram.ts';

/** What is loaded: any client. A key that is not there is null. */
export interface CheckedClient {
  readonly name: string;
  get(key: string): Promise<string | null>;
  set(key: string, value: string): Promise<void>;
  close(): Promise<void>;
}

export interface CheckedLoadOptions {
  /** Keys are `PREFIX:0` to `PREFIX:count-1`, of this load alone. */
  readonly prefix: string;
  readonly keyCount: number;
  readonly valueBytes: number;
  /** Of the operations, how many are reads: 0 to 1. */
  readonly readShare: number;
  readonly operationsPerSecond: number;
  readonly random01: () => number;
}

/** A read that answered what it must not, or an operation that failed. */
export interface LoadFault {
  readonly client: string;
  readonly key: string;
  readonly kind: 'error' | 'lost' | 'stale';
  readonly text: string;
}

/** Operations in flight above which none is begun, which the latency then shows. */
const IN_FLIGHT_MAX = 2000;
const TICK_MS = 2;
/** Faults that are kept; all are counted. */
const FAULTS_KEPT_MAX = 20;
const MICROSECONDS_PER_MS = 1000;

export class CheckedLoad {
  readonly faults: LoadFault[] = [];
  readonly counts = { reads: 0, writes: 0, error: 0, lost: 0, stale: 0 };
  /** µs from when an operation was due to its end, since `takeLatencies`. */
  private latencies = new Histogram();
  private readonly client: CheckedClient;
  private readonly options: CheckedLoadOptions;
  /** By key: the last counter that was acknowledged, and the last that was sent. */
  private readonly acknowledged: Uint32Array;
  private readonly sent: Uint32Array;
  private readonly busy: Uint8Array;
  /** Counters whose writes failed: each may be executed at any time after that, once. */
  private readonly uncertain = new Map<number, Set<number>>();
  private readonly padding: string;
  private inFlight = 0;
  private timer: ReturnType<typeof setInterval> | null = null;
  private onIdle: (() => void) | null = null;

  constructor(client: CheckedClient, options: CheckedLoadOptions) {
    this.client = client;
    this.options = options;
    this.acknowledged = new Uint32Array(options.keyCount);
    this.sent = new Uint32Array(options.keyCount);
    this.busy = new Uint8Array(options.keyCount);
    this.padding = 'x'.repeat(options.valueBytes);
  }

  get name(): string {
    return this.client.name;
  }

  /** Writes every key once. Rejects with what a client rejects with. */
  async fill(concurrency: number): Promise<void> {
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < this.options.keyCount) {
        const key = next++;
        this.sent[key] = 1;
        await this.client.set(this.keyOf(key), this.valueOf(1));
        this.acknowledged[key] = 1;
      }
    };
    await Promise.all(Array.from({ length: concurrency }, lane));
  }

  start(): void {
    const { operationsPerSecond } = this.options;
    const startMs = performance.now();
    let begun = 0;
    this.timer = setInterval(() => {
      const due = ((performance.now() - startMs) * operationsPerSecond) / 1000;
      for (; begun < due && this.inFlight < IN_FLIGHT_MAX; begun += 1) {
        void this.operate(startMs + (begun * 1000) / operationsPerSecond);
      }
    }, TICK_MS);
  }

  /** Resolves once nothing is in flight. */
  async stop(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    if (this.inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.onIdle = resolve;
      });
    }
  }

  /** Reads every key with `reader`, which may be another client. */
  async verifyAll(reader: CheckedClient, concurrency: number): Promise<void> {
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < this.options.keyCount) await this.read(reader, next++);
    };
    await Promise.all(Array.from({ length: concurrency }, lane));
  }

  /** µs, as `Histogram.quantile`; then begins anew. */
  takeLatencies(): Histogram {
    const taken = this.latencies;
    this.latencies = new Histogram();
    return taken;
  }

  private async operate(dueMs: number): Promise<void> {
    const { random01, keyCount, readShare } = this.options;
    const key = Math.floor(random01() * keyCount);
    if (this.busy[key] === 1) return;
    this.busy[key] = 1;
    this.inFlight += 1;
    if (random01() < readShare) await this.read(this.client, key);
    else await this.write(key);
    this.latencies.record(Math.round((performance.now() - dueMs) * MICROSECONDS_PER_MS));
    this.busy[key] = 0;
    this.inFlight -= 1;
    if (this.inFlight === 0) this.onIdle?.();
  }

  private async write(key: number): Promise<void> {
    const counter = this.sent[key]! + 1;
    this.sent[key] = counter;
    this.counts.writes += 1;
    try {
      await this.client.set(this.keyOf(key), this.valueOf(counter));
      this.acknowledged[key] = counter;
    } catch (error) {
      this.fault(this.client, key, 'error', `set: ${String(error)}`);
      this.uncertain.set(key, (this.uncertain.get(key) ?? new Set()).add(counter));
    }
  }

  private async read(client: CheckedClient, key: number): Promise<void> {
    this.counts.reads += 1;
    let value: string | null;
    try {
      value = await client.get(this.keyOf(key));
    } catch (error) {
      this.fault(client, key, 'error', `get: ${String(error)}`);
      return;
    }
    if (value === null) {
      if (this.acknowledged[key]! > 0) this.fault(client, key, 'lost', `${this.acknowledged[key]} is gone`);
      return;
    }
    const counter = Number(value.slice(0, value.indexOf(' ')));
    if (counter >= this.acknowledged[key]! && counter <= this.sent[key]!) return;
    if (this.uncertain.get(key)?.has(counter) === true) return;
    this.fault(client, key, 'stale', `${counter} where ${this.acknowledged[key]} was acknowledged`);
  }

  private fault(client: CheckedClient, key: number, kind: LoadFault['kind'], text: string): void {
    this.counts[kind] += 1;
    if (this.faults.length < FAULTS_KEPT_MAX) {
      this.faults.push({ client: client.name, key: this.keyOf(key), kind, text });
    }
  }

  private keyOf(key: number): string {
    return `${this.options.prefix}:${key}`;
  }

  private valueOf(counter: number): string {
    return `${counter} ${this.padding}`;
  }
}
