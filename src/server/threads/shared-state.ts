/**
 * The numbers that all threads of a node share beside the store: client ids, open connections, how often what replies wait for has moved, and
 * for each thread whether mail waits for it and how to wake it. One SharedArrayBuffer; each thread's words have cache lines of their own.
 */

/** Words of a node: two 64-bit counters, the number of connections, the count of steps; the rest of two cache lines is free. */
const CLIENT_ID = 0;
const MAIL_STAMP = 1;
const CONNECTION_COUNT = 8;
const PROGRESS_COUNT = 16;
const NODE_WORDS = 32;

/** Words of a thread. */
const MAIL_COUNT = 0;
const MAIL_BACKLOG = 1;
const WAKE_DESCRIPTOR = 2;
const PLACED_COUNT = 3;
const AWAITS_PROGRESS = 4;
const THREAD_WORDS = 32;

const NO_DESCRIPTOR = -1;

export class SharedState {
  readonly buffer: SharedArrayBuffer;
  readonly words: Int32Array;
  private readonly counters: BigInt64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.words = new Int32Array(buffer);
    this.counters = new BigInt64Array(buffer, 0, 2);
  }

  /** For `threadCount` data threads, and a control thread whose number is `threadCount`. */
  static create(threadCount: number): SharedState {
    const words = NODE_WORDS + (threadCount + 1) * THREAD_WORDS;
    const state = new SharedState(new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT));
    for (let thread = 0; thread <= threadCount; thread += 1) state.setWakeDescriptor(thread, NO_DESCRIPTOR);
    return state;
  }

  /** From 1 on, each once in the life of the node. */
  takeClientId(): number {
    return Number(Atomics.add(this.counters, CLIENT_ID, 1n)) + 1;
  }

  /** Grows with time: a message that was sent because of another one has a higher stamp. */
  takeMailStamp(): number {
    return Number(Atomics.add(this.counters, MAIL_STAMP, 1n));
  }

  /** Client connections of all threads. */
  get connectionCount(): number {
    return Atomics.load(this.words, CONNECTION_COUNT);
  }

  /** Counts one more connection, unless there are `countMax` already. */
  admitConnection(countMax: number): boolean {
    if (Atomics.add(this.words, CONNECTION_COUNT, 1) < countMax) return true;
    this.dismissConnection();
    return false;
  }

  dismissConnection(): void {
    Atomics.sub(this.words, CONNECTION_COUNT, 1);
  }

  /** Index in `words` of how many messages were sent to `thread` since it last looked; senders notify it. */
  mailCountWord(thread: number): number {
    return wordOf(thread, MAIL_COUNT);
  }

  /** Index in `words` of how many bytes of messages wait for `thread`. */
  mailBacklogWord(thread: number): number {
    return wordOf(thread, MAIL_BACKLOG);
  }

  /** The eventfd that wakes `thread` from its wait, or null where it has none. */
  wakeDescriptor(thread: number): number | null {
    const descriptor = Atomics.load(this.words, wordOf(thread, WAKE_DESCRIPTOR));
    return descriptor === NO_DESCRIPTOR ? null : descriptor;
  }

  setWakeDescriptor(thread: number, descriptor: number): void {
    Atomics.store(this.words, wordOf(thread, WAKE_DESCRIPTOR), descriptor);
  }

  /** Before the descriptor is closed: its number may then be another file's. */
  clearWakeDescriptor(thread: number): void {
    this.setWakeDescriptor(thread, NO_DESCRIPTOR);
  }

  /** Changes with each step of what replies may wait for. */
  get progressCount(): number {
    return Atomics.load(this.words, PROGRESS_COUNT);
  }

  countProgress(): void {
    Atomics.add(this.words, PROGRESS_COUNT, 1);
  }

  /** `thread` is to be woken by the next step. */
  awaitProgress(thread: number): void {
    Atomics.store(this.words, wordOf(thread, AWAITS_PROGRESS), 1);
  }

  /** Whether `thread` is to be woken by the step that was just counted; asked once for each. */
  takeAwaiting(thread: number): boolean {
    return Atomics.exchange(this.words, wordOf(thread, AWAITS_PROGRESS), 0) !== 0;
  }

  /**
   * Chooses the thread that serves a connection, and counts one more for it: `nearest`, unless that has more than its share already, and then the one that has
   * fewest.
   */
  placeConnection(nearest: number, threadCount: number): number {
    for (;;) {
      const chosen = this.chooseThread(nearest, threadCount);
      // Who counted another one for it meanwhile may have been the last that it should have.
      if (this.countPlaced(chosen.thread, chosen.count)) return chosen.thread;
    }
  }

  /** A connection that was placed on `thread` is gone. */
  unplaceConnection(thread: number): void {
    Atomics.sub(this.words, wordOf(thread, PLACED_COUNT), 1);
  }

  private chooseThread(nearest: number, threadCount: number): { readonly thread: number; readonly count: number } {
    const near = { thread: nearest, count: this.placedCount(nearest) };
    let fewest = near;
    let total = 1;
    for (let thread = 0; thread < threadCount; thread += 1) {
      const count = thread === nearest ? near.count : this.placedCount(thread);
      total += count;
      if (count < fewest.count) fewest = { thread, count };
    }
    return near.count < shareOf(total / threadCount) ? near : fewest;
  }

  /** Counts one more connection of `thread`, unless it has not `count` any more. */
  private countPlaced(thread: number, count: number): boolean {
    return Atomics.compareExchange(this.words, wordOf(thread, PLACED_COUNT), count, count + 1) === count;
  }

  private placedCount(thread: number): number {
    return Atomics.load(this.words, wordOf(thread, PLACED_COUNT));
  }
}

function wordOf(thread: number, word: number): number {
  return NODE_WORDS + thread * THREAD_WORDS + word;
}

/** Connections that a thread may have where there are `average` for each: as many more as chance would bring it, but none more where there are few. */
function shareOf(average: number): number {
  return Math.ceil(average) + Math.max(0, Math.floor(Math.sqrt(average)) - 1);
}
