/**
 * The other end of a connection in tests: a TCP client that counts and hashes what it receives, reads only when
 * told to, and closes in every way there is. Waiting is for events; a peer that waits for what never comes fails by the
 * time limit of its test.
 */
import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';

/** How much received text is kept for comparison; beyond it only count and checksum. */
const KEPT_BYTES_MAX = 64 * 1024;

export interface PeerOptions {
  readonly host?: string;
  readonly port: number;
}

export class TcpPeer {
  receivedBytes = 0;
  /** The peer's FIN has been seen. */
  ended = false;
  closed = false;
  error: Error | null = null;
  private readonly socket: Socket;
  private readonly hash = createHash('sha256');
  private kept = '';
  private readonly waiting = new Set<() => void>();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => {
      this.receivedBytes += bytes.length;
      this.hash.update(bytes);
      if (this.kept.length < KEPT_BYTES_MAX) this.kept += bytes.toString('latin1');
      this.changed();
    });
    socket.on('end', () => {
      this.ended = true;
      this.changed();
    });
    socket.on('error', (error) => {
      this.error = error;
    });
    socket.on('close', () => {
      this.closed = true;
      this.changed();
    });
  }

  /** Connects; rejects where nobody listens. The peer keeps its side open when the other one ends. */
  static connect(options: PeerOptions): Promise<TcpPeer> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: options.host ?? '127.0.0.1', port: options.port, allowHalfOpen: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new TcpPeer(socket));
      });
    });
  }

  /** What arrived, as latin1, up to 64 KiB. */
  get text(): string {
    return this.kept;
  }

  get localPort(): number {
    return this.socket.localPort ?? 0;
  }

  send(bytes: Uint8Array | string): void {
    this.socket.write(bytes);
  }

  stopReading(): void {
    this.socket.pause();
  }

  startReading(): void {
    this.socket.resume();
  }

  /** Half-closes: no more is sent, all is still read. */
  finish(): void {
    this.socket.end();
  }

  /** RST: what the kernel does when a process dies with input unread. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** The checksum of all received; afterwards no more can be received. */
  checksum(): string {
    return this.hash.digest('hex');
  }

  received(bytes: number): Promise<void> {
    return this.until(() => this.receivedBytes >= bytes || this.closed);
  }

  untilEnded(): Promise<void> {
    return this.until(() => this.ended || this.closed);
  }

  untilClosed(): Promise<void> {
    return this.until(() => this.closed);
  }

  private until(condition: () => boolean): Promise<void> {
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

  private changed(): void {
    for (const check of this.waiting) check();
  }
}
