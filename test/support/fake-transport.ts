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
  WriteBatch,
} from '../../src/io/transport.ts';
import { copyBytes } from '../../src/base/bytes.ts';
import { WRITE_CLOSED, WRITE_RETAINED } from '../../src/io/transport.ts';

export class FakeTransport implements Transport {
  readonly name = 'fake';
  /** That which was made last. */
  batch: FakeWriteBatch | null = null;
  private handler: ConnectionHandler | null = null;
  private nextPort = 50_000;

  async listen(options: ListenOptions, handler: ConnectionHandler): Promise<Listener> {
    this.handler = handler;
    return { host: options.host, port: 7600, stopAccepting: () => {}, close: async () => {} };
  }

  connect(): ConnectAttempt {
    throw new Error('a fake transport leads nowhere');
  }

  newWriteBatch(): FakeWriteBatch {
    this.batch = new FakeWriteBatch();
    return this.batch;
  }

  /**
   * Hands each connection its bytes, all of which came before any was handed over. The buffer is overwritten afterwards. A connection that is closed meanwhile
   * gets nothing.
   */
  receiveTogether(arrivals: readonly (readonly [FakeConnection, string])[]): void {
    const { group } = this.handler!;
    const all = Buffer.from(arrivals.map(([, text]) => text).join(''), 'latin1');
    const each = (give: (connection: FakeConnection, start: number, end: number) => void): void => {
      let start = 0;
      for (const [connection, text] of arrivals) {
        if (connection.state === 'open') give(connection, start, start + text.length);
        start += text.length;
      }
    };
    group?.beginGroup();
    each((connection, start, end) => this.handler!.lookAhead?.(connection, all, start, end));
    group?.groupReceived();
    each((connection, start, end) => this.handler!.onData(connection, all, start, end));
    group?.endGroup();
    all.fill(0x21);
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

/** Writes to one connection after the other. */
export class FakeWriteBatch implements WriteBatch {
  count = 0;
  readonly bytes = Buffer.alloc(64 * 1024);
  readonly starts = new Int32Array(16);
  readonly ends = new Int32Array(16);
  readonly taken = new Int32Array(16);
  /** Told how many are written to at once. */
  onSend: ((count: number) => void) | null = null;
  private readonly connections: (Connection | null)[] = [];
  private end = 0;

  add(connection: Connection, source: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    if (this.count === this.starts.length || this.end + length > this.bytes.length) return false;
    copyBytes(source, start, this.bytes, this.end, length);
    this.connections[this.count] = connection;
    this.starts[this.count] = this.end;
    this.end += length;
    this.ends[this.count] = this.end;
    this.count += 1;
    return true;
  }

  drop(i: number): void {
    this.connections[i] = null;
  }

  send(): void {
    this.onSend?.(this.count);
    for (let i = 0; i < this.count; i += 1) {
      this.taken[i] = this.connections[i]?.write(this.bytes, this.starts[i]!, this.ends[i]!) ?? WRITE_CLOSED;
    }
  }

  clear(): void {
    this.count = 0;
    this.end = 0;
  }
}
