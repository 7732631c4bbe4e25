/**
 * An event loop of one's own over epoll, for a thread that does nothing else: it blocks in one wait, and calls whoever owns a descriptor that is
 * ready. JavaScript's own event loop does not turn meanwhile, so timers, calls after the turn, and waking from another thread are
 * here too. Microtasks run at the end of each turn, whatever queued them, so none waits for the next event. A rejection that nobody handles is
 * reported by the runtime's loop, so only once `run` has returned: what runs here handles its own.
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
  EVENT_DATA,
  EVENT_WORDS,
  int32Buffer,
  type Libc,
  loadLibc,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  systemError,
} from './libc.ts';
import type { GroupHandler } from '../transport.ts';
import { type ReactorTimer, ReactorTimers } from './reactor-timers.ts';

/** Events taken in one turn; the rest come in the next. */
const EVENT_COUNT_MAX = 256;
/** What one `recv` may bring. Smaller costs more calls for pipelines of large values; larger brought nothing. */
export const RECEIVE_BYTES: number = 256 * 1024;

/** Served together. More brought nothing, and the first of them waits for the last. */
const GROUP_SIZE = 16;
/** Once so much was received ahead, the others of the group are received when it is their turn: it shall still be in the nearer caches. */
const AHEAD_BYTES_MAX = 16 * 1024;
/** The last that is received ahead may bring all that one receives, and so may who comes after it. */
const BUFFER_BYTES = AHEAD_BYTES_MAX + 2 * RECEIVE_BYTES;

export interface DescriptorOwner {
  /** The descriptor is ready: EPOLLIN, EPOLLOUT, EPOLLERR and EPOLLHUP bits. */
  ready(events: number): void;
  /** The descriptor is among several that are ready, and `ready` will come: what can be received may be received now. */
  receiveAhead?(events: number): void;
}

export class EpollReactor {
  /** Called on the reactor's thread after somebody woke it. */
  onWake: () => void = () => {};
  /** For `wakeReactor`. */
  readonly wakeDescriptor: number;
  /** Told of connections that are ready in the same turn: that of the listener. Where there is none, each is served by itself. */
  groups: GroupHandler | null = null;
  /** What all connections of this thread receive into. */
  readonly receiveBuffer = byteBuffer(BUFFER_BYTES);
  /** Where in it what was received ahead, and not yet given to all, ends. */
  receivedEnd = 0;
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
  private closed = false;
  /** The time of the timers: when they were last looked at, or one was added. */
  private nowMs = 0;

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
    this.finishTurn();
    while (!this.stopped) this.turn(this.timers.waitMs(this.nowMs));
  }

  /** One round: waits `timeoutMs` at most (-1: until something is ready) and does what is due. */
  turn(timeoutMs: number): void {
    const { events } = this;
    const waitMs = this.later.length > 0 ? 0 : timeoutMs;
    const count = this.libc.epoll_wait(this.epoll, addressOf(events), EVENT_COUNT_MAX, waitMs);
    if (count < 0) {
      const number = errorNumber();
      if (number !== EINTR) throw systemError(number, 'epoll_wait');
    }
    const { groups } = this;
    const size = groups === null ? 1 : GROUP_SIZE;
    for (let first = 0; first < count; first += size) {
      const end = Math.min(count, first + size);
      if (groups === null || end - first === 1) {
        this.tellReady(first, end);
        continue;
      }
      groups.beginGroup();
      for (let event = first; event < end; event += 1) this.ownerOf(event)?.receiveAhead?.(this.eventsOf(event));
      groups.groupReceived();
      this.tellReady(first, end);
      this.receivedEnd = 0;
      groups.endGroup();
    }
    this.finishTurn();
  }

  /** Whether there is room for what a connection that is ready may bring, and for others behind it. */
  get mayReceiveAhead(): boolean {
    return this.receivedEnd < AHEAD_BYTES_MAX;
  }

  /** Ends `run` after the current turn. */
  stop(): void {
    this.stopped = true;
  }

  /** Closes the reactor's own descriptors; those of connections are their listeners' to close, before. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.libc.close(this.wakeDescriptor);
    this.libc.close(this.epoll);
  }

  /** Calls `callback` about every `intervalMs`. */
  every(intervalMs: number, callback: () => void): ReactorTimer {
    this.nowMs = performance.now();
    return this.timers.add(this.nowMs, intervalMs, intervalMs, callback);
  }

  /** Calls `callback` once. */
  after(delayMs: number, callback: () => void): ReactorTimer {
    this.nowMs = performance.now();
    return this.timers.add(this.nowMs, delayMs, 0, callback);
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

  /** Gives a registered descriptor to another owner. */
  handOver(descriptor: number, owner: DescriptorOwner, interest: number): void {
    this.owners[descriptor] = owner;
    this.setInterest(descriptor, interest);
  }

  setInterest(descriptor: number, interest: number): void {
    this.change(EPOLL_CTL_MOD, descriptor, interest);
  }

  /** Forgets the descriptor, and closes it. */
  closeDescriptor(descriptor: number): void {
    this.owners[descriptor] = null;
    // 32 bits, as the event carries it back.
    this.generations[descriptor] = (this.generations[descriptor]! + 1) | 0;
    this.libc.close(descriptor);
  }

  private tellReady(first: number, end: number): void {
    for (let event = first; event < end; event += 1) this.ownerOf(event)?.ready(this.eventsOf(event));
  }

  private eventsOf(event: number): number {
    return this.events[event * EVENT_WORDS]!;
  }

  /** Who owns the descriptor that the event is of; null where that is closed. */
  private ownerOf(event: number): DescriptorOwner | null {
    const data = event * EVENT_WORDS + EVENT_DATA;
    const descriptor = this.events[data]!;
    return this.generations[descriptor] === this.events[data + 1]! ? this.owners[descriptor]! : null;
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

  /** Timers first: what they queue is done before the next wait, which may be long. */
  private finishTurn(): void {
    if (!this.timers.isEmpty) {
      this.nowMs = performance.now();
      this.timers.run(this.nowMs);
    }
    if (this.later.length > 0) this.runLater();
    this.drainMicrotasks();
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
