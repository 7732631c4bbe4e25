/**
 * One thread of the store's stress test: random operations on keys that all threads share, and checks of everything it reads. Reports
 * what it found wrong, and how much it did.
 *
 * Three kinds of keys:
 *   owned    one thread writes and deletes, all read. The owner publishes the least version that may still be seen (`floors`), so a
 *            value that was deleted or replaced and comes back is found out by any reader.
 *   shared   all write: each value names its key and carries a pattern, so torn or mixed up values are found out.
 *   counted  all increment, or append a record of their own: sums and orders are checked.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { seededRandom } from '../../src/base/random.ts';
import { Janitor } from '../../src/store/janitor.ts';
import type { StoreHandle } from '../../src/store/memory.ts';
import { Store } from '../../src/store/store.ts';
import { WriteResult } from '../../src/store/types.ts';
import { StoreDriver } from './store-driver.ts';

export interface StressTask {
  readonly handle: StoreHandle;
  readonly thread: number;
  readonly threadCount: number;
  readonly seed: number;
  readonly operations: number;
  readonly keys: number;
  readonly valueBytesMax: number;
  /** A log longer than this begins again. */
  readonly logBytesMax: number;
  /** One Int32 per owned key: the least version that a reader may see; then one start flag. */
  readonly floors: SharedArrayBuffer;
  readonly nowMs: number;
}

export interface StressReport {
  readonly thread: number;
  readonly problems: string[];
  readonly stored: number;
  readonly refused: number;
  readonly found: number;
  /** Increments of each counter that were stored. */
  readonly increments: number[];
  /** Records appended to each log. */
  readonly appended: number[];
}

export const COUNTER_KEYS = 8;
const PROBLEMS_MAX = 10;

/** A value that says what it is: `key version length pattern`, the pattern following from the rest. */
export function stressValue(key: string, version: number, length: number): string {
  const head = `${key} ${version} ${length} `;
  return head + String.fromCharCode(97 + ((version + key.length) % 26)).repeat(length);
}

/** The version of a value that `stressValue` made for `key`; throws where it is torn or another key's. */
export function checkStressValue(key: string, value: string): number {
  const [name, version, length] = value.split(' ', 3);
  if (name !== key) throw new Error(`key ${key} holds a value of ${name}`);
  if (value !== stressValue(key, Number(version), Number(length)))
    throw new Error(`key ${key} holds a torn value of ${value.length} bytes: ${value.slice(0, 60)}`);
  return Number(version);
}

function runStress(task: StressTask): StressReport {
  const random = seededRandom(task.seed * 1000 + task.thread);
  const below = (limit: number): number => Math.floor(random() * limit);
  const driver = new StoreDriver(Store.attach(task.handle, task.thread));
  const { store } = driver;
  const floors = new Int32Array(task.floors);
  const versions = new Map<number, number>();
  const problems: string[] = [];
  const increments = new Array<number>(COUNTER_KEYS).fill(0);
  const appended = new Array<number>(COUNTER_KEYS).fill(0);
  let stored = 0;
  let refused = 0;
  let found = 0;
  const count = (result: WriteResult): void => {
    if (result === WriteResult.outOfMemory) refused += 1;
    else stored += 1;
  };
  const newLength = (): number => (random() < 0.01 ? below(task.valueBytesMax) : below(400));
  const nowMs = (operation: number): number => task.nowMs + Math.floor(operation / 100);

  const owned = (operation: number): void => {
    const number = below(task.keys);
    const key = `owned${number}`;
    const isOwner = number % task.threadCount === task.thread;
    if (!isOwner || random() < 0.4) {
      const floor = Atomics.load(floors, number);
      const value = driver.get(key, nowMs(operation));
      if (value === null) return;
      found += 1;
      const version = checkStressValue(key, value);
      if (version < floor) throw new Error(`${key} shows version ${version} after version ${floor} was reached`);
      if (isOwner && version !== versions.get(number))
        throw new Error(`${key} shows ${version}, its owner wrote ${versions.get(number)}`);
      return;
    }
    const version = (versions.get(number) ?? 0) + 1;
    versions.set(number, version);
    if (random() < 0.3) {
      driver.delete(key, nowMs(operation));
      if (driver.get(key, nowMs(operation)) !== null) throw new Error(`${key} is there after its owner deleted it`);
      Atomics.store(floors, number, version + 1);
    } else {
      const expiresAtMs = random() < 0.2 ? nowMs(operation) + 1 + below(30) : 0;
      const result = driver.set(key, stressValue(key, version, newLength()), nowMs(operation), (options) => {
        options.expiresAtMs = expiresAtMs;
      });
      count(result);
      if (result === WriteResult.stored) Atomics.store(floors, number, version);
      else driver.delete(key, nowMs(operation));
    }
  };

  const shared = (operation: number): void => {
    const key = `shared${below(task.keys)}`;
    const choice = random();
    if (choice < 0.5) {
      const value = driver.get(key, nowMs(operation));
      if (value !== null) checkStressValue(key, value);
    } else if (choice < 0.8) count(driver.set(key, stressValue(key, operation, newLength()), nowMs(operation)));
    else if (choice < 0.87) driver.delete(key, nowMs(operation));
    else if (choice < 0.9) store.inspect(driver.key(key), driver.info, true, nowMs(operation));
    else store.expire(driver.key(key), random() < 0.3 ? 0 : nowMs(operation) + below(100), 0, nowMs(operation));
  };

  const counted = (operation: number): void => {
    const number = below(COUNTER_KEYS);
    if (random() < 0.5) {
      const result = driver.update(`counter${number}`, nowMs(operation), (value) => {
        if (value !== null && !/^\d+$/.test(value)) throw new Error(`counter${number} holds ${value.slice(0, 60)}`);
        return String(Number(value ?? '0') + 1);
      });
      count(result);
      if (result === WriteResult.stored) increments[number]! += 1;
    } else {
      const record = `<${task.thread}:${appended[number]!}>`;
      const result = driver.update(`log${number}`, nowMs(operation), (value) => {
        checkLog(value ?? '');
        return ((value ?? '').length > task.logBytesMax ? '' : (value ?? '')) + record;
      });
      count(result);
      if (result === WriteResult.stored) appended[number]! += 1;
    }
  };

  /** Inside a batch, so no exclusive section can be halfway through. */
  const readPair = (operation: number): void => {
    const key = `pair${below(4)}`;
    const left = driver.get(`${key}a`, nowMs(operation));
    const right = driver.get(`${key}b`, nowMs(operation));
    if (left !== null && right !== null && left !== right)
      throw new Error(`${key}: ${left} and ${right}, written together`);
  };

  const exclusive = (operation: number): void => {
    const key = `pair${below(4)}`;
    store.beginExclusive();
    const left = driver.get(`${key}a`, nowMs(operation));
    const right = driver.get(`${key}b`, nowMs(operation));
    if (left !== null && right !== null && left !== right)
      problems.push(`${key}: ${left} and ${right}, written together`);
    for (const half of [`${key}a`, `${key}b`]) {
      if (driver.set(half, `${task.thread} ${operation}`, nowMs(operation)) !== WriteResult.stored)
        driver.delete(half, nowMs(operation));
    }
    store.endExclusive();
  };

  Atomics.wait(floors, floors.length - 1, 0);
  for (let operation = 0; operation < task.operations && problems.length < PROBLEMS_MAX; operation += 1) {
    store.enter();
    try {
      const choice = random();
      if (choice < 0.5) owned(operation);
      else if (choice < 0.85) shared(operation);
      else if (choice < 0.97) counted(operation);
      else if (choice < 0.99) readPair(operation);
      else exclusive(operation);
    } catch (error) {
      problems.push(String(error));
    }
    store.leave();
  }
  return { thread: task.thread, problems, stored, refused, found, increments, appended };
}

/** Each thread's records are there in the order in which it appended them. */
function checkLog(value: string): void {
  const last = new Map<string, number>();
  for (const [whole, thread, number] of value.matchAll(/<(\d+):(\d+)>|[^]/g)) {
    if (thread === undefined) throw new Error(`a log holds ${whole} between records: ${value.slice(0, 80)}`);
    if (Number(number) <= (last.get(thread) ?? -1))
      throw new Error(`a log holds record ${number} of thread ${thread} after ${last.get(thread)}`);
    last.set(thread, Number(number));
  }
}

/** The fifth thread: what the node's janitor thread does, until told to stop. */
function runJanitor(task: StressTask): StressReport {
  const floors = new Int32Array(task.floors);
  const janitor = new Janitor(Store.attach(task.handle, task.threadCount));
  Atomics.wait(floors, floors.length - 1, 0);
  let steps = 0;
  while (Atomics.load(floors, floors.length - 1) === 1) {
    steps += 1;
    janitor.step(task.nowMs + steps);
  }
  return { thread: task.thread, problems: [], stored: 0, refused: 0, found: 0, increments: [], appended: [] };
}

if (parentPort !== null) {
  const task = workerData as StressTask;
  parentPort.postMessage(task.thread === task.threadCount ? runJanitor(task) : runStress(task));
}
