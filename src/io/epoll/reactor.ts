/**
 * An event loop of one's own over epoll, for a thread that does nothing else: it blocks in one wait, and calls whoever owns a descriptor that is
 * ready. JavaScript's own event loop does not turn meanwhile, so timers, calls after the turn, and waking from another thread are
 * here too. Microtasks run once a turn.
 *
 * Level-triggered: what is not read or written now is reported again. An event of a descriptor that was closed earlier in the same turn is not
 * given to a new one with the same number: each registration has a generation, which comes back with the event.
 *
 * No event makes an object: owners stand in an array by descriptor, events are read from one buffer.
 */
import type * as BunCore from 'bun:jsc';
import { createRequire } from 'node:module';
import {
  addressOf,
  byteBuffer,
  EINTR,
  EPOLL_CTL_ADD,
  EPOLL_CTL_MOD,
  EPOLLIN,
  errorNumber,
  int32Buffer,
  type Libc,
  loadLibc,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  systemError,
} from './libc.ts';
import { type ReactorTimer, ReactorTimers } from './reactor-timers.ts';

/** Events taken in one turn; the rest come in the next. */
const EVENT_COUNT_MAX = 256;
/** Words of the kernel's `struct epoll_event`, which is packed on x86-64 only, and where the owner's two words begin. */
const EVENT_WORDS = process.arch === 'x64' ? 3 : 4;
const EVENT_DATA = process.arch === 'x64' ? 1 : 2;
/** What one `recv` may bring. Smaller costs more calls for pipelines of large values; larger brought nothing. */
const RECEIVE_BYTES = 256 * 1024;

export interface DescriptorOwner {
  /** The descriptor is ready: EPOLLIN, EPOLLOUT, EPOLLERR and EPOLLHUP bits. */
  ready(events: number): void;
}

export class EpollReactor {
  /** Called on the reactor's thread after somebody woke it. */
  onWake: () => void = () => {};
  /** For `wakeReactor`. */
  readonly wakeDescriptor: number;
  /** What all connections of this thread receive into, one after the other. */
  readonly receiveBuffer = byteBuffer(RECEIVE_BYTES);
  private readonly libc: Libc;
  private readonly epoll: number;
  private readonly owners: (DescriptorOwner | null)[] = [];
  private readonly generations: number[] = [];
  private readonly events = int32Buffer(EVENT_COUNT_MAX * EVENT_WORDS);
  private readonly control = int32Buffer(EVENT_WORDS);
  private readonly wakeCount = byteBuffer(8);
  private readonly timers = new ReactorTimers();
  private readonly drainMicrotasks: () => void;
  private later: (() => void)[] = [];
  private stopped = false;

  /** Whether this runtime and system have what a reactor needs. */
  static isAvailable(): boolean {
    if (process.platform !== 'linux' || process.versions['bun'] === undefined) return false;
    try {
      new EpollReactor().close();
      return true;
    } catch {
      return false;
    }
  }

  /** Throws where the system refuses the descriptors. */
  constructor() {
    this.libc = loadLibc();
    const { drainMicrotasks } = createRequire(import.meta.url)('bun:jsc') as typeof BunCore;
    this.drainMicrotasks = drainMicrotasks;
    this.epoll = this.libc.epoll_create1(SOCK_CLOEXEC);
    if (this.epoll < 0) throw systemError(errorNumber(), 'epoll_create1');
    this.wakeDescriptor = this.libc.eventfd(0, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (this.wakeDescriptor < 0) {
      const error = systemError(errorNumber(), 'eventfd');
      this.libc.close(this.epoll);
      throw error;
    }
    this.register(this.wakeDescriptor, { ready: () => this.woken() }, EPOLLIN);
  }

  /** Serves until `stop`, and blocks only while there is nothing to do. */
  run(): void {
    while (!this.stopped) {
      this.turn(this.later.length > 0 ? 0 : this.timers.waitMs(performance.now()));
    }
  }

  /** One round: waits `timeoutMs` at most (-1: until something is ready) and does what is due. */
  turn(timeoutMs: number): void {
    const { events, owners, generations } = this;
    const count = this.libc.epoll_wait(this.epoll, addressOf(events), EVENT_COUNT_MAX, timeoutMs);
    if (count < 0) {
      const number = errorNumber();
      if (number !== EINTR) throw systemError(number, 'epoll_wait');
    }
    for (let word = 0; word < count * EVENT_WORDS; word += EVENT_WORDS) {
      const descriptor = events[word + EVENT_DATA]!;
      if (generations[descriptor] === events[word + EVENT_DATA + 1]!) owners[descriptor]?.ready(events[word]!);
    }
    if (this.later.length > 0) this.runLater();
    this.drainMicrotasks();
    if (!this.timers.isEmpty) this.timers.run(performance.now());
  }

  /** Ends `run` after the current turn. */
  stop(): void {
    this.stopped = true;
  }

  /** Closes the reactor's own descriptors. */
  close(): void {
    this.libc.close(this.wakeDescriptor);
    this.libc.close(this.epoll);
  }

  /** Calls `callback` about every `intervalMs`. */
  every(intervalMs: number, callback: () => void): ReactorTimer {
    return this.timers.add(performance.now(), intervalMs, intervalMs, callback);
  }

  /** Calls `callback` once. */
  after(delayMs: number, callback: () => void): ReactorTimer {
    return this.timers.add(performance.now(), delayMs, 0, callback);
  }

  /** Calls `callback` at the end of the current turn. */
  afterThis(callback: () => void): void {
    this.later.push(callback);
  }

  /** Reports when `descriptor` is ready for `interest` (EPOLLIN, EPOLLOUT; errors always). Throws where the kernel refuses. */
  register(descriptor: number, owner: DescriptorOwner, interest: number): void {
    while (this.owners.length <= descriptor) {
      this.owners.push(null);
      this.generations.push(0);
    }
    this.owners[descriptor] = owner;
    if (this.change(EPOLL_CTL_ADD, descriptor, interest) < 0) {
      const error = systemError(errorNumber(), 'epoll_ctl');
      this.owners[descriptor] = null;
      throw error;
    }
  }

  setInterest(descriptor: number, interest: number): void {
    this.change(EPOLL_CTL_MOD, descriptor, interest);
  }

  /** Forgets the descriptor, and closes it. */
  closeDescriptor(descriptor: number): void {
    this.owners[descriptor] = null;
    this.generations[descriptor]! += 1;
    this.libc.close(descriptor);
  }

  private change(operation: number, descriptor: number, interest: number): number {
    const { control } = this;
    control[0] = interest;
    control[EVENT_DATA] = descriptor;
    control[EVENT_DATA + 1] = this.generations[descriptor]!;
    return this.libc.epoll_ctl(this.epoll, operation, descriptor, addressOf(control));
  }

  private woken(): void {
    // Many wakes are one: reading takes them all.
    this.libc.read(this.wakeDescriptor, addressOf(this.wakeCount), this.wakeCount.length);
    this.onWake();
  }

  private runLater(): void {
    const due = this.later;
    this.later = [];
    for (const callback of due) callback();
  }
}

let one: Uint8Array | null = null;

/** Wakes the reactor with that `wakeDescriptor`, from any thread of the process. Never blocks. */
export function wakeReactor(wakeDescriptor: number): void {
  if (one === null) {
    one = byteBuffer(8);
    new BigUint64Array(one.buffer)[0] = 1n;
  }
  loadLibc().write(wakeDescriptor, addressOf(one), one.length);
}
