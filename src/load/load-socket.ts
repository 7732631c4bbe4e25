/**
 * Sockets of the load generator: `Bun.connect` on Bun, where it costs half of what `node:net` does there, and the client's own socket on
 * Node. Both take bytes as the client's contract says: a buffer that `write` could not send whole is kept until `onWritten`.
 */
import type { Socket } from 'bun';
import { type ClientSocket, type OpenSocket, openTcpSocket, type SocketHandler } from '../client/tcp-socket.ts';

/** A chunk at least so long gives its memory back at once, instead of waiting for the collector among many of its size. */
const DETACHED_BYTES_MIN = 16_384;

class BunSocket implements ClientSocket {
  private readonly handler: SocketHandler;
  private socket: Socket<BunSocket> | null = null;
  private closed = false;
  private destroyed = false;
  /** What `write` could not send: `kept[keptStart..keptEnd)`. */
  private kept: Buffer | null = null;
  private keptStart = 0;
  private keptEnd = 0;

  constructor(host: string, port: number, handler: SocketHandler) {
    this.handler = handler;
    Bun.connect<BunSocket>({ hostname: host, port, data: this, socket: CALLBACKS }).catch((error: unknown) => {
      this.ended(error instanceof Error ? error : new Error(String(error)));
    });
  }

  write(bytes: Buffer, length: number): boolean {
    const taken = this.socket?.write(bytes, 0, length) ?? -1;
    // Closed: nobody needs the bytes any more, and `onClosed` is on its way.
    if (taken === length || taken < 0) return true;
    this.kept = bytes;
    this.keptStart = taken;
    this.keptEnd = length;
    return false;
  }

  destroy(error: Error | null): void {
    this.destroyed = true;
    this.socket?.terminate();
    // Later, as the contract says, and even where there is no socket yet.
    queueMicrotask(() => this.ended(error));
  }

  opened(socket: Socket<BunSocket>): void {
    if (this.destroyed) {
      socket.terminate();
      return;
    }
    this.socket = socket;
    socket.setNoDelay(true);
    this.handler.onConnected();
  }

  received(bytes: Buffer): void {
    if (this.closed) return;
    this.handler.onBytes(bytes, bytes.length);
    if (bytes.length >= DETACHED_BYTES_MIN) (bytes.buffer as ArrayBuffer).transfer(0);
  }

  drained(): void {
    const { kept, socket } = this;
    if (kept === null || socket === null || this.closed) return;
    const taken = socket.write(kept, this.keptStart, this.keptEnd - this.keptStart);
    if (taken > 0) this.keptStart += taken;
    if (this.keptStart < this.keptEnd) return;
    this.kept = null;
    this.handler.onWritten();
  }

  ended(error: Error | null): void {
    if (this.closed) return;
    this.closed = true;
    this.handler.onClosed(error);
  }
}

/** One object for all sockets; what differs is in `data`. */
const CALLBACKS = {
  open: (socket: Socket<BunSocket>) => socket.data.opened(socket),
  data: (socket: Socket<BunSocket>, bytes: Buffer) => socket.data.received(bytes),
  drain: (socket: Socket<BunSocket>) => socket.data.drained(),
  close: (socket: Socket<BunSocket>, error?: Error) => socket.data.ended(error ?? null),
  error: (socket: Socket<BunSocket>, error: Error) => {
    socket.data.ended(error);
    socket.terminate();
  },
  connectError: (socket: Socket<BunSocket>, error: Error) => socket.data.ended(error),
};

/** The socket that costs least on what runs this process. */
export const openLoadSocket: OpenSocket = (host, port, handler) =>
  process.versions['bun'] === undefined ? openTcpSocket(host, port, handler) : new BunSocket(host, port, handler);
