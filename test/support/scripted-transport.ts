/**
 * A transport whose connections a test plays the other side of: it says when an attempt succeeds or fails, how much of a write is taken, what comes,
 * and when it ends.
 */
import { ShoalError } from '../../src/base/errors.ts';
import {
  type ConnectAddress,
  type ConnectAttempt,
  type ConnectHandler,
  type Connection,
  type Listener,
  type Transport,
  WRITE_CLOSED,
  WRITE_RETAINED,
} from '../../src/io/transport.ts';

export class ScriptedTransport implements Transport {
  readonly name = 'scripted';
  readonly attempts: ScriptedAttempt[] = [];

  listen(): Promise<Listener> {
    throw new Error('nobody listens on a scripted transport');
  }

  connect(address: ConnectAddress, handler: ConnectHandler): ConnectAttempt {
    const attempt = new ScriptedAttempt(address, handler);
    this.attempts.push(attempt);
    return attempt;
  }

  /** The newest attempt. */
  get last(): ScriptedAttempt {
    const attempt = this.attempts.at(-1);
    if (attempt === undefined) throw new Error('nobody has connected');
    return attempt;
  }
}

export class ScriptedAttempt implements ConnectAttempt {
  readonly address: ConnectAddress;
  isCancelled = false;
  private readonly handler: ConnectHandler;

  constructor(address: ConnectAddress, handler: ConnectHandler) {
    this.address = address;
    this.handler = handler;
  }

  cancel(): void {
    this.isCancelled = true;
  }

  fail(reason: string): void {
    this.handler.onConnectFailed(new ShoalError('ConnectFailed', reason));
  }

  succeed(): ScriptedConnection {
    const connection = new ScriptedConnection(this.handler);
    this.handler.onOpen(connection);
    return connection;
  }
}

export class ScriptedConnection implements Connection {
  readonly remoteAddress = '192.0.2.1:7600';
  readonly localAddress = '192.0.2.2:50000';
  context: unknown = null;
  receiveBuffer: Uint8Array | null = null;
  /** Bytes that it takes before it is full. */
  room = Number.POSITIVE_INFINITY;
  /** Answer WRITE_RETAINED to what finds no room. */
  retains = false;
  isDestroyed = false;
  private readonly handler: ConnectHandler;
  private readonly written: Buffer[] = [];

  constructor(handler: ConnectHandler) {
    this.handler = handler;
  }

  write(bytes: Uint8Array, start: number, end: number): number {
    if (this.isDestroyed) return WRITE_CLOSED;
    const wanted = end - start;
    const isRetained = this.retains && wanted > this.room;
    const count = isRetained ? wanted : Math.min(wanted, this.room);
    this.written.push(Buffer.from(bytes.subarray(start, start + count)));
    this.room = Math.max(0, this.room - wanted);
    return isRetained ? WRITE_RETAINED : count;
  }

  pause(): void {}

  resume(): void {}

  end(): void {
    this.destroy();
  }

  destroy(): void {
    this.close(null);
  }

  /** What was written since the last call. */
  take(): Buffer {
    const bytes = Buffer.concat(this.written);
    this.written.length = 0;
    return bytes;
  }

  /** The peer sends; the buffer is overwritten afterwards, as a transport's is. */
  receive(bytes: Uint8Array): void {
    const buffer = new Uint8Array(bytes.length + 8);
    buffer.set(bytes);
    this.handler.onData(this, buffer, 0, bytes.length);
    buffer.fill(0xee);
  }

  drain(room = Number.POSITIVE_INFINITY): void {
    this.room = room;
    this.handler.onDrain(this);
  }

  /** The connection ends, by the peer or by a fault. */
  close(error: Error | null): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.handler.onClose(this, error);
  }
}
