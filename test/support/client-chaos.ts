/**
 * Random requests of our client through a faulty network, with everything checked that can be known about their answers:
 *
 * - Every promise settles, and with the codes of errors that faults explain.
 * - An answer belongs to the question: each value carries its key and a serial number, and a `get` of a key gives a value that was written to
 *   that key, and no older one than the last write whose end was seen before the `get` began, where nothing about that key was in doubt.
 * - An increment that was asked for once is done at most once: each has a counter of its own, which ends as 0 or 1, and as 1 where it was acknowledged.
 */
import type { ErrorCode, ShoalError } from '../../src/base/errors.ts';
import type { ShoalClient } from '../../src/client/client.ts';
import type { Random } from '../vectors/random.ts';

export interface ChaosOptions {
  readonly requestCount: number;
  /** Callers that each wait for their answer before they ask again. */
  readonly callerCount: number;
  readonly random: Random;
  /** How many faults there were so far. A write during which there was none was done once, and before its answer. */
  readonly faultCount: () => number;
  readonly onProgress?: (done: number) => void;
}

export interface ChaosReport {
  requestCount: number;
  /** Requests that failed, by the code of their error. */
  readonly errors: Partial<Record<ErrorCode, number>>;
  hitCount: number;
  acknowledgedIncrements: number;
  doubtfulIncrements: number;
  abortCount: number;
  /** The key of each increment, and whether it was acknowledged. */
  readonly increments: Map<string, boolean>;
}

/** What faults of the network may bring about. */
const EXPECTED: ReadonlySet<ErrorCode> = new Set([
  'ConnectionLost',
  'Timeout',
  'NoAvailableNodes',
  'ConnectFailed',
  'Aborted',
]);
const KEYS_PER_CALLER = 20;

interface KeyState {
  /** Serial of the last write that was acknowledged; 0: none, or deleted. */
  known: number;
  /**
   * Serials that may be there all the same: writes that failed, or that a fault may have had sent twice: the first of the two may arrive at any time later.
   * Such a delete adds 0.
   */
  readonly possible: Set<number>;
}

export async function runChaos(client: ShoalClient, options: ChaosOptions): Promise<ChaosReport> {
  const run = new ChaosRun(client, options);
  await Promise.all(Array.from({ length: options.callerCount }, (_, caller) => run.caller(caller)));
  return run.report;
}

/** After the faults: throws where an increment was done twice, or an acknowledged one not at all. */
export async function checkIncrements(client: ShoalClient, report: ChaosReport): Promise<void> {
  for (const [key, acknowledged] of report.increments) {
    const sum = await client.increment(key, 0);
    if (sum > 1) throw new Error(`${key} was incremented ${sum} times`);
    if (acknowledged && sum !== 1) throw new Error(`${key} was acknowledged and is ${sum}`);
  }
}

class ChaosRun {
  readonly report: ChaosReport = {
    requestCount: 0,
    errors: {},
    hitCount: 0,
    acknowledgedIncrements: 0,
    doubtfulIncrements: 0,
    abortCount: 0,
    increments: new Map(),
  };
  private readonly client: ShoalClient;
  private readonly options: ChaosOptions;
  private serial = 0;

  constructor(client: ShoalClient, options: ChaosOptions) {
    this.client = client;
    this.options = options;
  }

  /** Each caller has keys of its own, so it knows what they may hold. */
  async caller(caller: number): Promise<void> {
    const { random, requestCount, onProgress } = this.options;
    const states = new Map<string, KeyState>();
    for (let index = 0; index < KEYS_PER_CALLER; index += 1) {
      states.set(`caller:${caller}:${index}`, { known: 0, possible: new Set() });
    }
    const keys = [...states.keys()];
    while (this.report.requestCount < requestCount) {
      this.report.requestCount += 1;
      if (this.report.requestCount % 10_000 === 0) onProgress?.(this.report.requestCount);
      const key = random.pick(keys);
      await this.request(key, states.get(key)!, keys, states);
    }
  }

  private async request(
    key: string,
    state: KeyState,
    keys: readonly string[],
    states: ReadonlyMap<string, KeyState>,
  ): Promise<void> {
    const { random } = this.options;
    const kind = random.below(100);
    if (kind < 45) await this.get(key, state);
    else if (kind < 65) await this.set(key, state);
    else if (kind < 72) await this.remove(key, state);
    else if (kind < 85) await this.increment();
    else if (kind < 92) {
      const wanted = Array.from({ length: 1 + random.below(8) }, () => random.pick(keys));
      await this.getMany(wanted, states);
    } else await this.aborted(key);
  }

  private async get(key: string, state: KeyState): Promise<void> {
    const value = await this.attempt(this.client.get<string>(key));
    if (value.failed) return;
    this.check(key, state, value.result);
  }

  private async getMany(wanted: readonly string[], states: ReadonlyMap<string, KeyState>): Promise<void> {
    const values = await this.attempt(this.client.getMany<string>(wanted));
    if (values.failed) return;
    wanted.forEach((key, index) => this.check(key, states.get(key)!, values.result[index]));
  }

  private async set(key: string, state: KeyState): Promise<void> {
    const serial = this.nextSerial();
    const filler = 'x'.repeat(this.options.random.below(this.options.random.below(20) === 0 ? 50_000 : 200));
    await this.write(state, serial, () => this.client.set(key, `${key} ${serial} ${filler}`));
  }

  private async remove(key: string, state: KeyState): Promise<void> {
    await this.write(state, 0, () => this.client.delete(key));
  }

  private async write(state: KeyState, serial: number, request: () => Promise<unknown>): Promise<void> {
    const faultsBefore = this.options.faultCount();
    const outcome = await this.attempt(request());
    if (!outcome.failed) state.known = serial;
    if (outcome.failed || this.options.faultCount() !== faultsBefore) state.possible.add(serial);
  }

  private async increment(): Promise<void> {
    const key = `once:${this.nextSerial()}`;
    const outcome = await this.attempt(this.client.increment(key));
    if (outcome.failed) this.report.doubtfulIncrements += 1;
    else if (outcome.result !== 1) throw new Error(`${key}: the first increment answered ${outcome.result}`);
    else this.report.acknowledgedIncrements += 1;
    this.report.increments.set(key, !outcome.failed);
  }

  /** A caller that gives up at once: its answer comes when nobody waits, and must reach nobody. */
  private async aborted(key: string): Promise<void> {
    const controller = new AbortController();
    const promise = this.client.get(key, { signal: controller.signal });
    controller.abort();
    const outcome = await this.attempt(promise);
    if (outcome.failed) this.report.abortCount += 1;
  }

  private check(key: string, state: KeyState, value: string | undefined): void {
    const serial = value === undefined ? 0 : serialOf(key, value);
    if (value !== undefined) this.report.hitCount += 1;
    if (serial === state.known || state.possible.has(serial)) return;
    throw new Error(`${key} holds ${serial}; it was given ${state.known} or ${[...state.possible].join(', ')}`);
  }

  private nextSerial(): number {
    this.serial += 1;
    return this.serial;
  }

  /** While the node is down all fails at once: that is seen once for each time. */
  private untilUp(): Promise<void> {
    if (this.client.nodes[0]?.state === 'up') return Promise.resolve();
    return new Promise((resolve) => {
      const off = this.client.on('nodeUp', () => {
        off();
        resolve();
      });
    });
  }

  private async attempt<T>(
    promise: Promise<T>,
  ): Promise<{ readonly failed: false; readonly result: T } | { readonly failed: true }> {
    try {
      return { failed: false, result: await promise };
    } catch (error) {
      // The client may come from a packed copy, with a class of errors of its own.
      const { name, code } = error as ShoalError;
      if (name !== 'ShoalError' || !EXPECTED.has(code)) throw error;
      this.report.errors[code] = (this.report.errors[code] ?? 0) + 1;
      if (code === 'NoAvailableNodes') await this.untilUp();
      return { failed: true };
    }
  }
}

function serialOf(key: string, value: string): number {
  const [owner, serial] = value.split(' ', 2);
  if (owner !== key) throw new Error(`a get of ${key} was answered with the value of ${String(owner)}`);
  return Number(serial);
}
