/**
 * The life of one connection, the same over every runtime's sockets. A transport's class adds the five calls that touch
 * its socket and reports the five things that happen to it; who may be called when is decided here, once.
 *
 *   OPEN ── end() or the peer's FIN, served ──> ENDING ── peer's FIN, or linger over ──> CLOSED (onClose)
 *     └──────────────── destroy(), or a handler that throws ──> DESTROYED ─────────────────┘
 *
 * Invariants:
 * - `onClose` is called once; no other callback comes outside OPEN. What arrives while ENDING is read and dropped, so
 *   that closing with unread input does not make the kernel reset the connection and lose the last reply.
 * - A peer's FIN is acted on when the handler reads (is not paused) and its last write was taken whole and sent: a
 *   client that sends its requests, half-closes and then reads slowly gets every reply.
 * - A handler that throws costs its own connection only; the error is `onClose`'s.
 */
import { type Connection, type ConnectionHandler, WRITE_CLOSED, WRITE_RETAINED } from './transport.ts';

/**
 * How long an ended connection waits for the peer to close its side; range 1 ms to minutes. One second outlasts a slow
 * round trip, and a peer that never closes holds a descriptor no longer.
 */
export const LINGER_MS_MAX_DEFAULT = 1000;

/**
 * How long a connection is silent before the kernel asks whether the peer still lives; a peer that lost power says no
 * goodbye. Five minutes, as Redis has it.
 */
export const KEEP_ALIVE_MS = 300_000;

/** What runs later, on the thread of the connections. */
export interface Scheduler {
  /** Once the handler's call or socket's event at hand is over. */
  afterThis(callback: () => void): void;
  startTimer(callback: () => void, delayMs: number): { stop(): void };
}

// Taken when this module loads, so that fake timers of an application's tests do not hold a connection open.
const { setTimeout: startTimer, clearTimeout: stopTimer, queueMicrotask } = globalThis;

/** That of the runtime. */
export const EVENT_LOOP: Scheduler = {
  afterThis: (callback) => queueMicrotask(callback),
  startTimer(callback, delayMs) {
    const timer = startTimer(callback, delayMs);
    return { stop: () => stopTimer(timer) };
  },
};

const OPEN = 0;
const ENDING = 1;
const DESTROYED = 2;
const CLOSED = 3;
type State = typeof OPEN | typeof ENDING | typeof DESTROYED | typeof CLOSED;

/** What connections of one listener have in common. */
export interface ConnectionGroup {
  readonly handler: ConnectionHandler;
  readonly lingerMsMax: number;
  readonly scheduler: Scheduler;
  /** Every connection whose `onClose` is still to come. */
  readonly open: Set<StreamConnection>;
  /** Called after each `onClose`. */
  onClosed(): void;
}

export abstract class StreamConnection implements Connection {
  readonly remoteAddress: string;
  readonly localAddress: string;
  context: unknown = undefined;
  receiveBuffer: Uint8Array | null = null;
  private readonly group: ConnectionGroup;
  private state: State = OPEN;
  private reading = true;
  private peerEnded = false;
  /** The last write was taken in part or is retained: `onDrain` is owed. */
  private owesDrain = false;
  private error: Error | null = null;
  private lingerTimer: { stop(): void } | null = null;

  constructor(group: ConnectionGroup, remoteAddress: string, localAddress: string) {
    this.group = group;
    this.remoteAddress = remoteAddress;
    this.localAddress = localAddress;
    group.open.add(this);
  }

  /** As `Connection.write`, for a range that is not empty, on a connection that is open. */
  protected abstract offer(bytes: Uint8Array, start: number, end: number): number;
  protected abstract stopReading(): void;
  protected abstract startReading(): void;
  /**
   * Sends FIN after what is retained, then calls `startLinger`; where the peer has ended already, closes. May be called
   * twice. `socketClosed` follows.
   */
  protected abstract finish(peerEnded: boolean): void;
  /** Closes the socket now. `socketClosed` follows, at once or later. */
  protected abstract closeNow(): void;

  write(bytes: Uint8Array, start: number, end: number): number {
    if (this.state !== OPEN) return WRITE_CLOSED;
    if (start === end) return 0;
    return this.wrote(this.offer(bytes, start, end), end - start);
  }

  /** Whether `write` may take something. */
  protected get isOpen(): boolean {
    return this.state === OPEN;
  }

  /** `taken` of `wanted` bytes were taken by a write, or what else `write` answers. */
  protected wrote(taken: number, wanted: number): number {
    this.owesDrain = taken === WRITE_RETAINED || (taken >= 0 && taken < wanted);
    return taken;
  }

  /** Bytes have come that will be `received` once other connections were given theirs. */
  lookedAhead(bytes: Uint8Array, start: number, end: number): void {
    if (this.state !== OPEN) return;
    try {
      this.group.handler.lookAhead?.(this, bytes, start, end);
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  pause(): void {
    if (this.state !== OPEN || !this.reading) return;
    this.reading = false;
    this.stopReading();
  }

  resume(): void {
    if (this.state !== OPEN || this.reading) return;
    this.reading = true;
    this.startReading();
    if (this.peerEnded) this.group.scheduler.afterThis(() => this.finishIfServed());
  }

  end(): void {
    if (this.state !== OPEN) return;
    this.state = ENDING;
    // Some sockets report their close from inside the call that ends them; the handler must not be called from there.
    this.group.scheduler.afterThis(() => {
      if (this.state !== ENDING) return;
      if (!this.reading) this.startReading();
      this.finish(this.peerEnded);
    });
  }

  destroy(): void {
    if (this.state === DESTROYED || this.state === CLOSED) return;
    this.state = DESTROYED;
    this.closeNow();
  }

  /** To be called once, when the connection is complete and before any other of the methods below. */
  opened(): void {
    try {
      this.group.handler.onOpen(this);
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  received(bytes: Uint8Array, start: number, end: number): void {
    if (this.state !== OPEN) return;
    try {
      this.group.handler.onData(this, bytes, start, end);
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  /** The socket takes bytes again; calls that nothing waits for are harmless. */
  drained(): void {
    if (this.state !== OPEN || !this.owesDrain) return;
    this.owesDrain = false;
    try {
      this.group.handler.onDrain(this);
    } catch (thrown) {
      this.fail(thrown);
    }
    this.finishIfServed();
  }

  peerFinished(): void {
    this.peerEnded = true;
    if (this.state === ENDING) this.finish(true);
    else this.finishIfServed();
  }

  /** A fault of the socket or of the handler: closes the connection and keeps the first error for `onClose`. */
  fail(thrown: unknown): void {
    this.error ??= thrown instanceof Error ? thrown : new Error(String(thrown));
    this.destroy();
  }

  socketClosed(error: Error | null): void {
    if (this.state === CLOSED) return;
    this.state = CLOSED;
    this.lingerTimer?.stop();
    this.group.open.delete(this);
    try {
      this.group.handler.onClose(this, this.error ?? error);
    } catch (thrown) {
      // There is no connection left to blame: it surfaces as an uncaught exception, outside the socket's callback.
      queueMicrotask(() => {
        throw thrown;
      });
    }
    this.group.onClosed();
  }

  /** FIN is sent: the peer has `lingerMsMax` to close its side. */
  protected startLinger(): void {
    if (this.state !== ENDING || this.lingerTimer !== null) return;
    this.lingerTimer = this.group.scheduler.startTimer(() => this.destroy(), this.group.lingerMsMax);
  }

  private finishIfServed(): void {
    if (this.state !== OPEN || !this.peerEnded || !this.reading || this.owesDrain) return;
    this.state = ENDING;
    this.finish(true);
  }
}
