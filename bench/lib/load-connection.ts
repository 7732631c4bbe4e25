/**
 * The load generator's connections: each sends a prepared batch, counts the bytes of its replies, and asks for the next batch.
 *
 * Replies are not parsed: all good replies of a batch have known lengths, so a batch is answered once that many bytes
 * came. What came is checked by its first byte for every batch, and wholly for those that the driver picks.
 * Bun.connect is used for its low cost per event. One batch is in flight per connection.
 */
import type { Socket } from 'bun';

/** Bytes to send, and what must come back. Prepared once, sent many times. */
export interface Batch {
  readonly request: Buffer;
  /** Bytes of all good replies together. */
  readonly replyBytes: number;
  /** First byte of a good reply. */
  readonly replyByte: number;
  /** Checks all replies; throws where one is wrong. */
  readonly verify: (replies: Buffer) => void;
}

/** Decides what a connection does after each batch. */
export interface LoadDriver {
  /** The next batch for the connection, or null where it shall rest. `previous` was answered after `latencyNs`. */
  next(connection: LoadConnection, previous: Batch | null, latencyNs: number): Batch | null;
  /** Whether the replies of this batch shall be checked wholly. */
  wantsVerification(batch: Batch): boolean;
  fail(error: Error): void;
}

export class LoadConnection {
  private socket: Socket | null = null;
  private readonly driver: LoadDriver;
  private batch: Batch | null = null;
  private sentBytes = 0;
  private receivedBytes = 0;
  private startedAtNs = 0;
  /** Replies of the batch so far, where they are to be checked wholly. */
  private collected: Buffer | null = null;

  constructor(driver: LoadDriver) {
    this.driver = driver;
  }

  async open(host: string, port: number): Promise<this> {
    this.socket = await Bun.connect({
      hostname: host,
      port,
      socket: {
        data: (_socket, chunk) => this.receive(chunk),
        drain: () => this.flush(),
        close: () => this.closed(),
        error: (_socket, error) => this.driver.fail(error),
      },
    });
    this.socket.setNoDelay(true);
    return this;
  }

  /** Sends a first batch, where the driver has one. */
  start(): void {
    this.proceed(null, 0);
  }

  close(): void {
    const { socket } = this;
    this.socket = null;
    socket?.end();
  }

  private proceed(previous: Batch | null, latencyNs: number): void {
    const batch = this.driver.next(this, previous, latencyNs);
    this.batch = batch;
    if (batch === null) return;
    this.sentBytes = 0;
    this.receivedBytes = 0;
    this.collected = this.driver.wantsVerification(batch) ? Buffer.allocUnsafe(batch.replyBytes) : null;
    this.startedAtNs = Bun.nanoseconds();
    this.flush();
  }

  private flush(): void {
    const { batch, socket } = this;
    if (batch === null || socket === null || this.sentBytes === batch.request.length) return;
    const written = socket.write(batch.request, this.sentBytes, batch.request.length - this.sentBytes);
    if (written > 0) this.sentBytes += written;
  }

  private receive(chunk: Buffer): void {
    const { batch } = this;
    if (batch === null) {
      this.driver.fail(new Error(`a reply that nothing asked for: ${excerpt(chunk)}`));
      return;
    }
    const received = this.receivedBytes + chunk.length;
    if ((this.receivedBytes === 0 && chunk[0] !== batch.replyByte) || received > batch.replyBytes) {
      this.driver.fail(new Error(`not the reply that was expected: ${excerpt(chunk)}`));
      return;
    }
    if (this.collected !== null) chunk.copy(this.collected, this.receivedBytes);
    this.receivedBytes = received;
    if (received < batch.replyBytes) return;
    const latencyNs = Bun.nanoseconds() - this.startedAtNs;
    try {
      if (this.collected !== null) batch.verify(this.collected);
    } catch (error) {
      this.driver.fail(error as Error);
      return;
    }
    this.proceed(batch, latencyNs);
  }

  private closed(): void {
    if (this.socket === null) return;
    this.socket = null;
    this.driver.fail(new Error('the server closed the connection'));
  }
}

function excerpt(bytes: Buffer): string {
  return JSON.stringify(bytes.subarray(0, 80).toString('latin1'));
}
