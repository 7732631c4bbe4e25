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
import { createServer, type Server, Socket } from 'node:net';
import { listenFailed } from './address.ts';
import { NetAttempt } from './net-attempt.ts';
import { HAS_HANDLES, NodeConnection, RECEIVE_BUFFER_BYTES, type ReadingOptions } from './net-connection.ts';
import { OutgoingConnections } from './outgoing-connections.ts';
import { type ConnectionGroup, KEEP_ALIVE_MS, LINGER_MS_MAX_DEFAULT } from './stream-connection.ts';
import { StreamListener } from './stream-listener.ts';
import {
  CONNECT_MS_MAX_DEFAULT,
  type ConnectAddress,
  type ConnectAttempt,
  type ConnectHandler,
  type ConnectionHandler,
  type ConnectOptions,
  type Listener,
  type ListenOptions,
  type Transport,
} from './transport.ts';

/** The member of `net.Socket` that owns the descriptor, and the constructor's option that takes one over. */
interface HandleOwner {
  _handle: object | null;
}
interface TakeOverOptions extends ReadingOptions {
  readonly handle: object;
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
          connection?.received(bytes, 0, length);
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
    accepted.on('data', (bytes: Buffer) => connection.received(bytes, 0, bytes.length));
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

  connect(address: ConnectAddress, handler: ConnectHandler, options: ConnectOptions = {}): ConnectAttempt {
    const attempt = new NetAttempt(new OutgoingConnections(handler, this.lingerMsMax), handler, address);
    attempt.start(options.timeoutMs ?? CONNECT_MS_MAX_DEFAULT);
    return attempt;
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
