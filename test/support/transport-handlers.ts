/**
 * Handlers that the transport contract drives connections with: one that records every callback and lets a test wait
 * for one, and a sender that keeps the rules of `Connection.write` as strictly as they can be kept.
 */
import type { ShoalError } from '../../src/base/errors.ts';
import {
  type ConnectHandler,
  type Connection,
  type ConnectionHandler,
  WRITE_CLOSED,
  WRITE_RETAINED,
} from '../../src/io/transport.ts';

const SCRIBBLE = 0xee;

/** What a test overrides; anything else is recorded only. */
export type Behaviour = Partial<ConnectionHandler>;

export class RecordingHandler implements ConnectHandler {
  /** Callbacks that came when they must not have; a test ends by looking that there is none. */
  readonly violations: string[] = [];
  readonly opened: Connection[] = [];
  readonly closed: { readonly connection: Connection; readonly error: Error | null }[] = [];
  /** Of attempts to connect. */
  readonly failures: ShoalError[] = [];
  receivedBytes = 0;
  drainCount = 0;
  private readonly behaviour: Behaviour;
  private readonly finished = new Set<Connection>();
  private readonly waiting = new Set<() => void>();
  private depth = 0;

  constructor(behaviour: Behaviour = {}) {
    this.behaviour = behaviour;
  }

  onOpen(connection: Connection): void {
    this.check('onOpen', connection);
    this.opened.push(connection);
    this.record(() => this.behaviour.onOpen?.(connection));
  }

  onData(connection: Connection, bytes: Uint8Array, start: number, end: number): void {
    this.check('onData', connection);
    if (start < 0 || start >= end || end > bytes.length)
      this.violations.push(`onData with ${start} to ${end} of ${bytes.length} bytes`);
    this.receivedBytes += end - start;
    this.record(() => this.behaviour.onData?.(connection, bytes, start, end));
  }

  onDrain(connection: Connection): void {
    this.check('onDrain', connection);
    this.drainCount += 1;
    this.record(() => this.behaviour.onDrain?.(connection));
  }

  onClose(connection: Connection, error: Error | null): void {
    if (this.finished.has(connection)) this.violations.push('onClose twice');
    this.closed.push({ connection, error });
    this.finished.add(connection);
    this.record(() => this.behaviour.onClose?.(connection, error));
  }

  onConnectFailed(error: ShoalError): void {
    if (this.depth > 0) this.violations.push('onConnectFailed inside another callback');
    this.failures.push(error);
    this.record(() => {});
  }

  /** Resolves when `condition` holds, which is looked at after each callback. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        this.waiting.delete(check);
        resolve();
      };
      this.waiting.add(check);
    });
  }

  untilOpened(count = 1): Promise<void> {
    return this.until(() => this.opened.length >= count);
  }

  untilClosed(count = 1): Promise<void> {
    return this.until(() => this.closed.length >= count);
  }

  untilFailed(count = 1): Promise<void> {
    return this.until(() => this.failures.length >= count);
  }

  private check(callback: string, connection: Connection): void {
    if (this.finished.has(connection)) this.violations.push(`${callback} after onClose`);
    if (this.depth > 0) this.violations.push(`${callback} inside another callback`);
  }

  private record(behave: () => void): void {
    this.depth += 1;
    try {
      behave();
    } finally {
      this.depth -= 1;
      for (const check of this.waiting) check();
    }
  }
}

/**
 * Sends in order through a connection. Bytes that `write` gave back are overwritten at once, so a transport that still
 * reads them sends rubbish; a retained buffer is left alone for good.
 */
export class Sender {
  retainedCount = 0;
  partialCount = 0;
  sentBytes = 0;
  private readonly connection: Connection;
  private queue: Uint8Array[] = [];
  private offset = 0;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  get pendingBytes(): number {
    let total = 0;
    for (const bytes of this.queue) total += bytes.length;
    return total - this.offset;
  }

  /** Takes `bytes` over: they are overwritten once sent. */
  send(bytes: Uint8Array): void {
    this.queue.push(bytes);
    if (this.queue.length === 1) this.flush();
  }

  /** Offers what is left; to be called at `onDrain`. */
  flush(): void {
    for (let bytes = this.queue[0]; bytes !== undefined; bytes = this.queue[0]) {
      const taken = this.connection.write(bytes, this.offset, bytes.length);
      if (taken === WRITE_CLOSED) {
        this.queue = [];
        this.offset = 0;
        return;
      }
      if (taken === WRITE_RETAINED) {
        this.retainedCount += 1;
        this.sentBytes += bytes.length - this.offset;
        this.next();
        continue;
      }
      bytes.fill(SCRIBBLE, this.offset, this.offset + taken);
      this.sentBytes += taken;
      this.offset += taken;
      if (this.offset < bytes.length) {
        this.partialCount += 1;
        return;
      }
      this.next();
    }
  }

  private next(): void {
    this.queue.shift();
    this.offset = 0;
  }
}

/** Above this much unsent an echoing connection stops reading. */
const ECHO_PENDING_BYTES_MAX = 1024 * 1024;

/** Sends back what arrives, and reads no faster than the peer does. */
export function echoBehaviour(): Behaviour {
  return {
    onOpen(connection) {
      connection.context = new Sender(connection);
    },
    onData(connection, bytes, start, end) {
      const sender = connection.context as Sender;
      sender.send(Uint8Array.from(bytes.subarray(start, end)));
      if (sender.pendingBytes > ECHO_PENDING_BYTES_MAX) connection.pause();
    },
    onDrain(connection) {
      const sender = connection.context as Sender;
      sender.flush();
      if (sender.pendingBytes === 0) connection.resume();
    },
  };
}
