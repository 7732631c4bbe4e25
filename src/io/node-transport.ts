/**
 * `node:net`, for Node 20 and later, where a node is embedded in an application or its tests.
 *
 * On Node all sockets of a listener read into one buffer, which saves a third of the user time of a small request (docs/adr/0003-transports.md):
 * `net.createServer` has no option for it, so an accepted socket's handle is taken over by a new `net.Socket` with
 * `onread`. Bun's `node:net` has no such handle; there each chunk comes as a 'data' event with a buffer of its own.
 *
 * `net.Socket` queues what the kernel does not take and goes on reading the caller's buffer: hence WRITE_RETAINED, and
 * at most one write is in flight.
 */
import { createServer, type Server, Socket, type SocketConstructorOpts } from 'node:net';
import { addressText, listenFailed } from './address.ts';
import { type ConnectionGroup, KEEP_ALIVE_MS, LINGER_MS_MAX_DEFAULT, StreamConnection } from './stream-connection.ts';
import { StreamListener } from './stream-listener.ts';
import {
  type ConnectionHandler,
  type Listener,
  type ListenOptions,
  type Transport,
  WRITE_CLOSED,
  WRITE_RETAINED,
} from './transport.ts';

/** What libuv asks for by itself. Two to eight times as much gave no gain that stood out of the noise on bulk uploads. */
const RECEIVE_BUFFER_BYTES = 64 * 1024;

const NOTHING = new Uint8Array(0);

const HAS_HANDLES = process.versions['bun'] === undefined;

/** The member of `net.Socket` that owns the descriptor, and the constructor's option that takes one over. */
interface HandleOwner {
  _handle: object | null;
}
interface TakeOverOptions extends SocketConstructorOpts {
  readonly handle: object;
  readonly onread: {
    readonly buffer: Uint8Array;
    /** Returns whether to go on reading. */
    callback(length: number, bytes: Uint8Array): boolean;
  };
}

class NodeConnection extends StreamConnection {
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

/** Accepts with a receive buffer of one's own for each listener. */
function acceptIntoOneBuffer(group: ConnectionGroup): (accepted: Socket) => void {
  const receiveBuffer = new Uint8Array(RECEIVE_BUFFER_BYTES);
  return (accepted) => {
    const owner = accepted as unknown as HandleOwner;
    const handle = owner._handle;
    if (handle === null) return;
    owner._handle = null;
    accepted.destroy();
    let connection: NodeConnection | null = null;
    const options: TakeOverOptions = {
      handle,
      allowHalfOpen: true,
      onread: {
        buffer: receiveBuffer,
        callback(length, bytes) {
          connection?.received(bytes, length);
          return true;
        },
      },
    };
    const socket = new Socket(options);
    connection = new NodeConnection(group, socket);
    socket.resume();
    connection.opened();
  };
}

function acceptByEvents(group: ConnectionGroup): (accepted: Socket) => void {
  return (accepted) => {
    const connection = new NodeConnection(group, accepted);
    accepted.on('data', (bytes: Buffer) => connection.received(bytes, bytes.length));
    connection.opened();
  };
}

export class NodeTransport implements Transport {
  readonly name = 'node';
  private readonly lingerMsMax: number;

  /** `lingerMsMax`: see {@link LINGER_MS_MAX_DEFAULT}. */
  constructor(options: { readonly lingerMsMax?: number } = {}) {
    this.lingerMsMax = options.lingerMsMax ?? LINGER_MS_MAX_DEFAULT;
  }

  async listen(options: ListenOptions, handler: ConnectionHandler): Promise<Listener> {
    if (options.portShared !== undefined) {
      throw listenFailed(options.host, options.port, new Error('node:net cannot share a port between threads'));
    }
    const listener = new StreamListener(options.host, handler, this.lingerMsMax);
    const accept = HAS_HANDLES ? acceptIntoOneBuffer(listener) : acceptByEvents(listener);
    const server = createServer(
      {
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: KEEP_ALIVE_MS,
        allowHalfOpen: true,
        pauseOnConnect: HAS_HANDLES,
      },
      accept,
    );
    const port = await bind(server, options);
    listener.bound(port, () => new Promise((resolve) => server.close(() => resolve())));
    return listener;
  }
}

function bind(server: Server, options: ListenOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const onFailure = (cause: unknown): void => reject(listenFailed(options.host, options.port, cause));
    server.once('error', onFailure);
    const onListening = (): void => {
      server.off('error', onFailure);
      // A connection that could not be accepted is lost to its peer alone; the listener goes on.
      server.on('error', () => {});
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : options.port);
    };
    try {
      server.listen({ host: options.host, port: options.port }, onListening);
    } catch (cause) {
      onFailure(cause);
    }
  });
}
