/**
 * What carries a data thread: its transport, its timers, and how it hears of mail. With epoll, alone or beside io_uring, the thread is the reactor's, which
 * blocks in its wait and is woken by an eventfd; with `Bun.listen` it is the event loop's.
 */
import { EpollReactor } from '../../io/epoll/reactor.ts';
import { EpollTransport, type EpollListener } from '../../io/epoll/epoll-transport.ts';
import { incomingCore } from '../../io/epoll/libc.ts';
import { SendRing } from '../../io/epoll/send-ring.ts';
import { BunTransport } from '../../io/bun-transport.ts';
import type { ConnectionHandler, Listener, ListenOptions, Transport } from '../../io/transport.ts';
import type { Timers } from '../environment.ts';
import type { SharedState } from './shared-state.ts';

export interface ThreadHost {
  readonly name: string;
  readonly timers: Timers;
  readonly transport: Transport;
  /** The eventfd that wakes this thread; null where mail is listened for on the event loop. */
  readonly wakeDescriptor: number | null;
  listen(options: ListenOptions, handler: ConnectionHandler): Promise<Listener>;
  /** Serves a connection that another thread accepted. */
  adopt(descriptor: number): void;
  /** Calls `onMail` when this thread was woken. Returns once `stop` was called. */
  run(onMail: () => void): Promise<void>;
  stop(): void;
}

export interface Placing {
  readonly transport: 'epoll' | 'io_uring';
  readonly shared: SharedState;
  readonly thread: number;
  readonly threadCount: number;
  /** Hands an accepted connection to another thread. */
  readonly handOver: (to: number, descriptor: number) => void;
  /** Nothing can be accepted for a while, for want of descriptors or memory. */
  readonly onExhausted: (error: Error) => void;
  /** The system had io_uring for the process, and has none for this thread, which does without. */
  readonly onRingRefused: (error: Error) => void;
}

/**
 * The kernel spreads connections over the threads' listeners by chance. They are evened out as they come, and those whose packets come in on the same core
 * are given to the same thread, which then runs there too: waking it, and what it shares with the kernel, stays within one core.
 */
export class EpollHost implements ThreadHost {
  readonly name: string;
  readonly timers: Timers;
  readonly wakeDescriptor: number;
  private readonly reactor = new EpollReactor();
  readonly transport: EpollTransport;
  private readonly ring: SendRing | null;
  private readonly forgetWakeDescriptor: () => void;
  private listener: EpollListener | null = null;

  constructor(placing: Placing) {
    const { reactor } = this;
    const { shared, thread, threadCount, handOver, onExhausted } = placing;
    this.ring = placing.transport === 'io_uring' ? openRing(placing) : null;
    this.forgetWakeDescriptor = () => shared.clearWakeDescriptor(thread);
    this.transport = new EpollTransport(reactor, {
      ring: this.ring,
      onExhausted,
      route(descriptor) {
        const core = incomingCore(descriptor);
        const chosen = shared.placeConnection(core < 0 ? thread : core % threadCount, threadCount);
        if (chosen === thread) return false;
        handOver(chosen, descriptor);
        return true;
      },
    });
    this.name = this.transport.name;
    this.timers = { every: (intervalMs, callback) => reactor.every(intervalMs, callback) };
    this.wakeDescriptor = reactor.wakeDescriptor;
  }

  async listen(options: ListenOptions, handler: ConnectionHandler): Promise<Listener> {
    this.listener = await this.transport.listen(options, handler);
    return this.listener;
  }

  adopt(descriptor: number): void {
    this.listener?.adopt(descriptor);
  }

  run(onMail: () => void): Promise<void> {
    this.reactor.onWake = onMail;
    this.reactor.run();
    this.forgetWakeDescriptor();
    this.reactor.close();
    this.ring?.close();
    return Promise.resolve();
  }

  stop(): void {
    this.reactor.stop();
  }
}

function openRing({ onRingRefused }: Placing): SendRing | null {
  try {
    return new SendRing();
  } catch (error) {
    onRingRefused(error as Error);
    return null;
  }
}

/** Nothing is handed over: the kernel spreads the connections. */
export class EventLoopHost implements ThreadHost {
  readonly name: string;
  readonly timers: Timers;
  readonly wakeDescriptor = null;
  readonly transport = new BunTransport();
  private readonly listenForMail: (onMail: () => void) => Promise<void>;
  private end: (() => void) | null = null;

  constructor(timers: Timers, listenForMail: (onMail: () => void) => Promise<void>) {
    this.timers = timers;
    this.listenForMail = listenForMail;
    this.name = this.transport.name;
  }

  listen(options: ListenOptions, handler: ConnectionHandler): Promise<Listener> {
    return this.transport.listen(options, handler);
  }

  adopt(): void {
    throw new RangeError('a connection was handed to a thread that takes none');
  }

  run(onMail: () => void): Promise<void> {
    return new Promise((resolve) => {
      this.end = resolve;
      void this.listenForMail(onMail);
    });
  }

  stop(): void {
    this.end?.();
  }
}
