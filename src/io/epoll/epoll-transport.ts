/**
 * Sockets of the kernel's own, for a thread whose event loop is an `EpollReactor`. A write hands to the kernel what it takes at once and queues
 * nothing, so WRITE_RETAINED never comes.
 */
import { lookup } from 'node:dns/promises';
import { listenFailed } from '../address.ts';
import { OutgoingConnections } from '../outgoing-connections.ts';
import { KEEP_ALIVE_MS, LINGER_MS_MAX_DEFAULT, type Scheduler } from '../stream-connection.ts';
import { StreamListener } from '../stream-listener.ts';
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
  type WriteBatch,
} from '../transport.ts';
import { EpollAttempt } from './epoll-attempt.ts';
import { EpollConnection } from './epoll-connection.ts';
import { EpollWriteBatch } from './epoll-write-batch.ts';
import {
  AF_INET6,
  EAGAIN,
  EMFILE,
  ENFILE,
  ENOBUFS,
  ENOMEM,
  EPOLLIN,
  errorNumber,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_V6ONLY,
  type Libc,
  loadLibc,
  setSocketOption,
  SO_KEEPALIVE,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  systemError,
  TCP_KEEPIDLE,
  TCP_NODELAY,
} from './libc.ts';
import type { DescriptorOwner, EpollReactor } from './reactor.ts';
import type { SendRing } from './send-ring.ts';
import { isNumericHost, SocketAddress } from './socket-address.ts';

const BACKLOG = 511;
/** Accepted in one turn of the reactor; the rest come in the next, after the requests of others. */
const ACCEPTS_PER_TURN = 64;
/** How long nothing is accepted after the system refused a descriptor or memory: those who wait stay in the kernel's queue. */
const ACCEPT_PAUSE_MS = 100;
const EXHAUSTED: ReadonlySet<number> = new Set([EMFILE, ENFILE, ENOBUFS, ENOMEM]);

export interface EpollTransportOptions {
  /** Sends to several connections; null or left out: each is sent to by itself. Its owner closes it, after the reactor has stopped. */
  readonly ring?: SendRing | null;
  /** See {@link LINGER_MS_MAX_DEFAULT}. */
  readonly lingerMsMax?: number;
  /** Asked for each accepted descriptor: true where somebody else serves it from now on (`EpollListener.adopt`). */
  readonly route?: (descriptor: number) => boolean;
  /** Nothing can be accepted for a while, for want of descriptors or memory. Told once until nobody waits any more. */
  readonly onExhausted?: (error: Error) => void;
}

export interface EpollListener extends Listener {
  /** Serves a connection that another thread of the process accepted on the same port. */
  adopt(descriptor: number): void;
}

export class EpollTransport implements Transport {
  readonly name: 'epoll' | 'io_uring';
  private readonly reactor: EpollReactor;
  private readonly options: EpollTransportOptions;

  constructor(reactor: EpollReactor, options: EpollTransportOptions = {}) {
    this.reactor = reactor;
    this.options = options;
    this.name = this.ring === null ? 'epoll' : 'io_uring';
  }

  /** A name is looked up by the runtime, for which its event loop must turn: names are for before the reactor runs. */
  async listen(options: ListenOptions, handler: ConnectionHandler): Promise<EpollListener> {
    const { host, port } = options;
    let numeric = host;
    try {
      if (!Number.isInteger(port) || port < 0 || port > 0xffff) throw new RangeError(`${port} is no port`);
      if (!isNumericHost(host)) numeric = (await lookup(host)).address;
    } catch (cause) {
      throw listenFailed(host, port, cause);
    }
    if (handler.group !== undefined) this.reactor.groups = handler.group;
    const listener = new ListeningSocket(this.reactor, this.options, host, handler);
    try {
      listener.start(numeric, port, options.portShared);
    } catch (cause) {
      throw listenFailed(host, port, cause);
    }
    return listener;
  }

  /** Names cannot be looked up, because that needs the event loop: they fail as addresses that lead nowhere do. */
  connect(address: ConnectAddress, handler: ConnectHandler, options: ConnectOptions = {}): ConnectAttempt {
    const group = new OutgoingConnections(handler, this.lingerMsMax, reactorScheduler(this.reactor));
    const attempt = new EpollAttempt(this.reactor, group, handler, address);
    attempt.start(options.timeoutMs ?? CONNECT_MS_MAX_DEFAULT);
    return attempt;
  }

  newWriteBatch(): WriteBatch {
    return new EpollWriteBatch(this.ring);
  }

  private get ring(): SendRing | null {
    return this.options.ring ?? null;
  }

  private get lingerMsMax(): number {
    return this.options.lingerMsMax ?? LINGER_MS_MAX_DEFAULT;
  }
}

function reactorScheduler(reactor: EpollReactor): Scheduler {
  return {
    afterThis: (callback) => reactor.afterThis(callback),
    startTimer: (callback, delayMs) => reactor.after(delayMs, callback),
  };
}

class ListeningSocket extends StreamListener implements EpollListener, DescriptorOwner {
  private readonly libc: Libc = loadLibc();
  private readonly reactor: EpollReactor;
  private readonly options: EpollTransportOptions;
  private readonly scratch = new SocketAddress();
  private descriptor = -1;
  private exhausted = false;

  constructor(reactor: EpollReactor, options: EpollTransportOptions, host: string, handler: ConnectionHandler) {
    super(host, handler, options.lingerMsMax ?? LINGER_MS_MAX_DEFAULT, reactorScheduler(reactor));
    this.reactor = reactor;
    this.options = options;
  }

  /** Throws what the system says. */
  start(host: string, port: number, sharing: ListenOptions['portShared']): void {
    const { libc, scratch } = this;
    scratch.set(host, port);
    const descriptor = libc.socket(scratch.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) throw systemError(errorNumber(), 'socket');
    try {
      setSocketOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
      // As all runtimes do it: `::` is every address, of IPv4 too.
      if (scratch.family === AF_INET6) setSocketOption(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 0);
      // Linux gives these to each socket that is accepted.
      setSocketOption(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
      setSocketOption(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
      setSocketOption(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_ALIVE_MS / 1000);
      if (sharing === 'joining') setSocketOption(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
      this.check(libc.bind(descriptor, scratch.address, scratch.length), 'bind');
      // After bind: sockets that join may share the port, and bind has refused one that somebody else has.
      if (sharing === 'first') setSocketOption(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
      this.check(libc.listen(descriptor, BACKLOG), 'listen');
      this.check(libc.getsockname(descriptor, scratch.clear().address, scratch.lengthAddress), 'getsockname');
      this.reactor.register(descriptor, this, EPOLLIN);
    } catch (error) {
      libc.close(descriptor);
      throw error;
    }
    this.descriptor = descriptor;
    this.bound(scratch.port, () => {
      this.descriptor = -1;
      this.reactor.closeDescriptor(descriptor);
      return Promise.resolve();
    });
  }

  /** Somebody connects. */
  ready(): void {
    for (let count = 0; count < ACCEPTS_PER_TURN && this.descriptor >= 0; count += 1) {
      const descriptor = this.libc.accept4(this.descriptor, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (descriptor < 0) {
        const number = errorNumber();
        if (EXHAUSTED.has(number)) this.pauseAccepting(systemError(number, 'accept'));
        else if (number === EAGAIN) this.exhausted = false;
        // A peer that is gone already is no fault of this end: the next one may be there.
        else continue;
        return;
      }
      if (this.options.route?.(descriptor) !== true) this.adopt(descriptor);
    }
  }

  adopt(descriptor: number): void {
    const { libc, scratch } = this;
    if (this.isClosing) {
      libc.close(descriptor);
      return;
    }
    libc.getpeername(descriptor, scratch.clear().address, scratch.lengthAddress);
    const remote = scratch.text;
    libc.getsockname(descriptor, scratch.clear().address, scratch.lengthAddress);
    const connection = new EpollConnection(this, this.reactor, descriptor, remote, scratch.text);
    try {
      this.reactor.register(descriptor, connection, EPOLLIN);
    } catch (error) {
      connection.opened();
      connection.fail(error);
      return;
    }
    connection.opened();
  }

  private pauseAccepting(error: Error): void {
    const { descriptor } = this;
    if (!this.exhausted) this.options.onExhausted?.(error);
    this.exhausted = true;
    this.reactor.setInterest(descriptor, 0);
    this.reactor.after(ACCEPT_PAUSE_MS, () => {
      if (this.descriptor === descriptor) this.reactor.setInterest(descriptor, EPOLLIN);
    });
  }

  private check(result: number, call: string): void {
    if (result < 0) throw systemError(errorNumber(), call);
  }
}
