/**
 * A TCP connection to a node: the thin shell over `node:net` that the client's connections write to and read from, on Node and on
 * Bun. All sockets of a thread read into one buffer, so a read allocates nothing.
 */
import { Socket } from 'node:net';

export interface SocketHandler {
  onConnected(): void;
  /** The first `length` of `bytes` arrived; they are valid during this call only. */
  onBytes(bytes: Buffer, length: number): void;
  /** What `write` kept is sent: it may be called again. */
  onWritten(): void;
  /** Once, however it ended; nothing is called afterwards. Null: in order. */
  onClosed(error: Error | null): void;
}

export interface ClientSocket {
  /**
   * Sends `bytes[0..length)`. True: the system took them all and the buffer is the caller's again. False: the socket keeps the buffer
   * until `onWritten`, and nothing may be written before.
   */
  write(bytes: Buffer, length: number): boolean;
  /** Closes at once. `onClosed` follows, later. */
  destroy(error: Error | null): void;
}

export type OpenSocket = (host: string, port: number, handler: SocketHandler) => ClientSocket;

export class TcpSocket implements ClientSocket {
  private readonly socket: Socket;
  private readonly onWritten: (failure?: Error | null) => void;

  constructor(host: string, port: number, handler: SocketHandler) {
    const receiveBuffer = sharedReceiveBuffer();
    let error: Error | null = null;
    const socket = new Socket({
      onread: {
        buffer: receiveBuffer,
        callback(length: number) {
          handler.onBytes(receiveBuffer, length);
          return true;
        },
      },
    } as unknown as ConstructorParameters<typeof Socket>[0]);
    this.socket = socket;
    this.onWritten = (failure) => {
      if (!failure) handler.onWritten();
    };
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on('connect', () => handler.onConnected());
    socket.on('error', (cause) => {
      error ??= cause;
    });
    socket.on('end', () => socket.destroy());
    socket.on('close', () => handler.onClosed(error));
    socket.connect({ host, port });
  }

  write(bytes: Buffer, length: number): boolean {
    const { socket } = this;
    socket.write(length === bytes.length ? bytes : bytes.subarray(0, length));
    if (socket.writableLength === 0) return true;
    // An empty write behind it tells when it is sent; where all is taken at once, which is nearly always, none is needed.
    socket.write(NOTHING, this.onWritten);
    return false;
  }

  destroy(error: Error | null): void {
    this.socket.destroy(error ?? undefined);
  }
}

export function openTcpSocket(host: string, port: number, handler: SocketHandler): ClientSocket {
  return new TcpSocket(host, port, handler);
}

let receiveBufferOfThread: Buffer | null = null;

function sharedReceiveBuffer(): Buffer {
  receiveBufferOfThread ??= Buffer.allocUnsafeSlow(RECEIVE_BUFFER_BYTES);
  return receiveBufferOfThread;
}

const RECEIVE_BUFFER_BYTES = 64 * 1024;
/** How long a connection is silent before the system asks whether the node still lives. */
const KEEP_ALIVE_MS = 30_000;
const NOTHING = new Uint8Array(0);
