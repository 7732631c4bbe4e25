/** One connection over `net.Socket`. Its life is `StreamConnection`'s; here are the calls on its socket. */
import type { Socket, SocketConstructorOpts } from 'node:net';
import { addressText } from './address.ts';
import { type ConnectionGroup, StreamConnection } from './stream-connection.ts';
import { WRITE_CLOSED, WRITE_RETAINED } from './transport.ts';

/** What libuv asks for by itself. Two to eight times as much gave no gain that stood out of the noise on bulk uploads. */
export const RECEIVE_BUFFER_BYTES: number = 64 * 1024;

const NOTHING = new Uint8Array(0);

/** Whether `net.Socket` takes `onread`: Node's does, Bun's does not. */
export const HAS_HANDLES: boolean = process.versions['bun'] === undefined;

/** The constructor's option by which a socket reads into a buffer of one's own. */
export interface ReadingOptions extends SocketConstructorOpts {
  readonly onread: {
    readonly buffer: Uint8Array;
    /** Returns whether to go on reading. */
    callback(length: number, bytes: Uint8Array): boolean;
  };
}

export class NodeConnection extends StreamConnection {
  private readonly socket: Socket;
  private readonly onWritten = (failure?: Error | null): void => {
    if (!failure) this.drained();
  };

  constructor(group: ConnectionGroup, socket: Socket) {
    super(
      group,
      addressText(socket.remoteAddress, socket.remotePort),
      addressText(socket.localAddress, socket.localPort),
    );
    this.socket = socket;
    let error: Error | null = null;
    socket.on('error', (cause) => {
      error ??= cause;
    });
    socket.on('end', () => this.peerFinished());
    socket.on('finish', () => this.startLinger());
    socket.on('close', () => this.socketClosed(error));
  }

  protected override offer(bytes: Uint8Array, start: number, end: number): number {
    const socket = this.socket;
    if (!socket.writable) return WRITE_CLOSED;
    if (socket.writableLength > 0) return 0;
    socket.write(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start));
    if (socket.writableLength === 0) return end - start;
    // 'drain' comes only after writes above the high-water mark; an empty write behind this one tells of any, and costs
    // nothing where all is taken at once, which is nearly always.
    socket.write(NOTHING, this.onWritten);
    return WRITE_RETAINED;
  }

  protected override stopReading(): void {
    this.socket.pause();
  }

  protected override startReading(): void {
    this.socket.resume();
  }

  /** The socket closes by itself once both sides have ended. */
  protected override finish(): void {
    this.socket.end();
  }

  protected override closeNow(): void {
    this.socket.destroy();
  }
}
