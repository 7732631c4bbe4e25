/**
 * A transport without sockets: a test opens connections, hands bytes to the node and sees what it writes, pauses and closes. What a
 * connection takes can be limited, like a socket whose peer does not read.
 */
import type {
  ConnectAttempt,
  Connection,
  ConnectionHandler,
  Listener,
  ListenOptions,
  Transport,
} from '../../src/io/transport.ts';
import { WRITE_CLOSED, WRITE_RETAINED } from '../../src/io/transport.ts';

export class FakeTransport implements Transport {
  readonly name = 'fake';
  private handler: ConnectionHandler | null = null;
  private nextPort = 50_000;

  async listen(options: ListenOptions, handler: ConnectionHandler): Promise<Listener> {
    this.handler = handler;
    return { host: options.host, port: 7600, stopAccepting: () => {}, close: async () => {} };
  }

  connect(): ConnectAttempt {
    throw new Error('a fake transport leads nowhere');
  }

  /** A new connection, as if a peer had connected. */
  open(): FakeConnection {
    if (this.handler === null) throw new Error('nobody listens');
    this.nextPort += 1;
    const connection = new FakeConnection(this.handler, `127.0.0.1:${this.nextPort}`);
    this.handler.onOpen(connection);
    return connection;
  }
}

export class FakeConnection implements Connection {
  readonly remoteAddress: string;
  readonly localAddress = '127.0.0.1:7600';
  context: unknown = null;
  receiveBuffer: Uint8Array | null = null;
  /** Offered writes, those that were not taken included. */
  writeCount = 0;
  paused = false;
  state: 'open' | 'ended' | 'destroyed' = 'open';
  /** Bytes that it takes before it is full. */
  room = Number.POSITIVE_INFINITY;
  /** Answer WRITE_RETAINED to the next write that finds no room, and keep its bytes. */
  retains = false;
  private readonly handler: ConnectionHandler;
  private taken = '';

  constructor(handler: ConnectionHandler, remoteAddress: string) {
    this.handler = handler;
    this.remoteAddress = remoteAddress;
  }

  write(bytes: Uint8Array, start: number, end: number): number {
    this.writeCount += 1;
    if (this.state !== 'open') return WRITE_CLOSED;
    const wanted = end - start;
    const count = this.retains ? wanted : Math.min(wanted, this.room);
    const retained = this.retains && wanted > this.room;
    this.taken += Buffer.from(bytes.subarray(start, start + count)).toString('latin1');
    this.room = Math.max(0, this.room - wanted);
    return retained ? WRITE_RETAINED : count;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    if (this.state === 'open') this.state = 'ended';
  }

  destroy(): void {
    if (this.state === 'destroyed') return;
    this.state = 'destroyed';
    this.handler.onClose(this, null);
  }

  /** What the node wrote since the last call, as latin1 text. */
  take(): string {
    const { taken } = this;
    this.taken = '';
    return taken;
  }

  /** Hands bytes to the node as one received chunk. The buffer is overwritten afterwards, as a transport's is. */
  receive(text: string): this {
    const bytes = Buffer.from(text, 'latin1');
    this.handler.onData(this, bytes, 0, bytes.length);
    bytes.fill(0x21);
    return this;
  }

  /** `receive` and `take` in one. */
  exchange(text: string): string {
    return this.receive(text).take();
  }

  /** Lets the connection take `room` more bytes, and tells the node. */
  drain(room = Number.POSITIVE_INFINITY): void {
    this.room = room;
    this.handler.onDrain(this);
  }

  /** The peer closes. */
  close(): void {
    this.destroy();
  }
}
