/**
 * `Bun.listen`: the server's own transport. Each chunk that arrives is a fresh Buffer of Bun's; a write hands to the kernel
 * what it takes at once and queues nothing, so a buffer is always free after `write` and WRITE_RETAINED never comes.
 * Connections to others are `node:net`'s, because an attempt of `Bun.connect` cannot be given up: its descriptor would stay
 * until the kernel gives up, minutes later.
 *
 * This module touches `Bun` when it listens, not when it is loaded: Node may import it.
 */
import type { Socket, SocketHandler, TCPSocketListener } from 'bun';
import { addressText, listenFailed } from './address.ts';
import { NetAttempt } from './net-attempt.ts';
import { OutgoingConnections } from './outgoing-connections.ts';
import { type ConnectionGroup, KEEP_ALIVE_MS, LINGER_MS_MAX_DEFAULT, StreamConnection } from './stream-connection.ts';
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
  WRITE_CLOSED,
} from './transport.ts';

/**
 * A chunk at least so long is detached once it was handled, which frees its memory at once. Left to the collector, chunks of up to
 * 512 KiB add up to hundreds of megabytes under a write load; collecting more often costs half as much CPU again.
 */
const DETACHED_BYTES_MIN = 16_384;

type BunSocket = Socket<BunConnection>;

class BunConnection extends StreamConnection {
  private readonly socket: BunSocket;

  constructor(group: ConnectionGroup, socket: BunSocket) {
    super(
      group,
      addressText(socket.remoteAddress, socket.remotePort),
      addressText(socket.localAddress, socket.localPort),
    );
    this.socket = socket;
  }

  protected override offer(bytes: Uint8Array, start: number, end: number): number {
    const taken = this.socket.write(bytes, start, end - start);
    return taken < 0 ? WRITE_CLOSED : taken;
  }

  protected override stopReading(): void {
    this.socket.pause();
  }

  protected override startReading(): void {
    this.socket.resume();
  }

  protected override finish(peerEnded: boolean): void {
    if (peerEnded) {
      this.closeNow();
      return;
    }
    this.socket.shutdown();
    this.startLinger();
  }

  /** `end` closes the descriptor at once, and unlike `terminate` lets the kernel deliver what it took already. */
  protected override closeNow(): void {
    // Before the peer can see it: what it does next, on any thread, finds this connection gone.
    this.socketClosed(null);
    this.socket.end();
  }
}

/** One handler object for all sockets of a listener; what differs is in `socket.data`. */
function socketHandler(group: ConnectionGroup): SocketHandler<BunConnection> {
  return {
    open(socket) {
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      const connection = new BunConnection(group, socket);
      socket.data = connection;
      connection.opened();
    },
    data(socket, bytes) {
      socket.data.received(bytes, 0, bytes.length);
      if (bytes.length >= DETACHED_BYTES_MIN) (bytes.buffer as ArrayBuffer).transfer(0);
    },
    drain(socket) {
      socket.data.drained();
    },
    end(socket) {
      socket.data.peerFinished();
    },
    close(socket, error) {
      socket.data.socketClosed(error ?? null);
    },
    error(socket, error) {
      socket.data.fail(error);
    },
  };
}

export class BunTransport implements Transport {
  readonly name = 'bun';
  private readonly lingerMsMax: number;

  /** `lingerMsMax`: see {@link LINGER_MS_MAX_DEFAULT}. */
  constructor(options: { readonly lingerMsMax?: number } = {}) {
    this.lingerMsMax = options.lingerMsMax ?? LINGER_MS_MAX_DEFAULT;
  }

  async listen(options: ListenOptions, handler: ConnectionHandler): Promise<Listener> {
    const listener = new StreamListener(options.host, handler, this.lingerMsMax);
    let server: TCPSocketListener<BunConnection>;
    try {
      server = listenFor(listener, options);
    } catch (cause) {
      throw listenFailed(options.host, options.port, cause);
    }
    listener.bound(server.port, async () => server.stop());
    return listener;
  }

  connect(address: ConnectAddress, handler: ConnectHandler, options: ConnectOptions = {}): ConnectAttempt {
    const attempt = new NetAttempt(new OutgoingConnections(handler, this.lingerMsMax), handler, address);
    attempt.start(options.timeoutMs ?? CONNECT_MS_MAX_DEFAULT);
    return attempt;
  }
}

function listenFor(group: ConnectionGroup, options: ListenOptions): TCPSocketListener<BunConnection> {
  const { host: hostname, port, portShared } = options;
  const socket = socketHandler(group);
  if (portShared === undefined) return Bun.listen<BunConnection>({ hostname, port, allowHalfOpen: true, socket });
  let sharedPort = port;
  if (portShared === 'first') {
    // Bun shares a port with whoever shares it already, another process too. One that can be had alone is nobody's.
    const probe = Bun.listen<BunConnection>({ hostname, port, socket });
    sharedPort = probe.port;
    probe.stop(true);
  }
  // An option that the types do not name yet.
  const shared = { hostname, port: sharedPort, allowHalfOpen: true, reusePort: true, socket };
  return Bun.listen<BunConnection>(shared);
}
