/**
 * A connection that is being opened over an `EpollReactor`: the kernel connects while the reactor serves others, and reports by
 * EPOLLOUT. Then the descriptor becomes an `EpollConnection`'s.
 *
 * A kernel that connects to one of its own free ports may choose that very port for this end, and the socket then talks to itself. That
 * is a refusal: nobody else is there.
 */
import { checkPort, connectFailed, connectTimedOut } from '../address.ts';
import { type ConnectionGroup, KEEP_ALIVE_MS } from '../stream-connection.ts';
import type { ConnectAddress, ConnectAttempt, ConnectHandler } from '../transport.ts';
import { EpollConnection } from './epoll-connection.ts';
import {
  EINPROGRESS,
  EPOLLIN,
  EPOLLOUT,
  errorNumber,
  IPPROTO_TCP,
  type Libc,
  loadLibc,
  setSocketOption,
  SO_KEEPALIVE,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  systemError,
  takeSocketError,
  TCP_KEEPIDLE,
  TCP_NODELAY,
} from './libc.ts';
import type { DescriptorOwner, EpollReactor } from './reactor.ts';
import type { ReactorTimer } from './reactor-timers.ts';
import { isNumericHost, SocketAddress } from './socket-address.ts';

const NO_DESCRIPTOR = -1;

export class EpollAttempt implements ConnectAttempt, DescriptorOwner {
  private readonly libc: Libc = loadLibc();
  private readonly reactor: EpollReactor;
  private readonly group: ConnectionGroup;
  private readonly handler: ConnectHandler;
  private readonly address: ConnectAddress;
  private descriptor = NO_DESCRIPTOR;
  private timer: ReactorTimer | null = null;
  /** The attempt succeeded, failed or was cancelled. */
  private isOver = false;

  constructor(reactor: EpollReactor, group: ConnectionGroup, handler: ConnectHandler, address: ConnectAddress) {
    this.reactor = reactor;
    this.group = group;
    this.handler = handler;
    this.address = address;
  }

  /** To be called once. */
  start(timeoutMs: number): void {
    try {
      this.dial();
    } catch (error) {
      // No callback comes inside the caller's call.
      this.reactor.afterThis(() => this.fail(error));
      return;
    }
    this.timer = this.reactor.after(timeoutMs, () => {
      const { host, port } = this.address;
      this.end(() => this.handler.onConnectFailed(connectTimedOut(host, port, timeoutMs)));
    });
  }

  cancel(): void {
    this.end(() => {});
  }

  /** The kernel has connected, or cannot. */
  ready(): void {
    const { descriptor } = this;
    const number = takeSocketError(descriptor);
    if (number !== 0) {
      this.fail(systemError(number, 'connect'));
      return;
    }
    const { libc } = this;
    const scratch = new SocketAddress();
    libc.getpeername(descriptor, scratch.clear().address, scratch.lengthAddress);
    const remote = scratch.text;
    libc.getsockname(descriptor, scratch.clear().address, scratch.lengthAddress);
    const local = scratch.text;
    if (remote === local) {
      this.fail(Object.assign(new Error('connect: ECONNREFUSED'), { code: 'ECONNREFUSED' }));
      return;
    }
    this.isOver = true;
    this.timer?.stop();
    this.descriptor = NO_DESCRIPTOR;
    const connection = new EpollConnection(this.group, this.reactor, descriptor, remote, local);
    this.reactor.handOver(descriptor, connection, EPOLLIN);
    connection.opened();
  }

  /** Throws what the system says. */
  private dial(): void {
    const { libc, reactor } = this;
    const { host, port } = this.address;
    checkPort(port);
    if (!isNumericHost(host)) throw new Error(`${host} is a name, and here only a numeric address can be connected to`);
    const target = new SocketAddress().set(host, port);
    const descriptor = libc.socket(target.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) throw systemError(errorNumber(), 'socket');
    setSocketOption(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    setSocketOption(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
    setSocketOption(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_ALIVE_MS / 1000);
    const number = libc.connect(descriptor, target.address, target.length) < 0 ? errorNumber() : 0;
    if (number !== 0 && number !== EINPROGRESS) {
      libc.close(descriptor);
      throw systemError(number, 'connect');
    }
    try {
      reactor.register(descriptor, this, EPOLLOUT);
    } catch (error) {
      libc.close(descriptor);
      throw error;
    }
    this.descriptor = descriptor;
  }

  private fail(cause: unknown): void {
    const { host, port } = this.address;
    this.end(() => this.handler.onConnectFailed(connectFailed(host, port, cause)));
  }

  private end(tell: () => void): void {
    if (this.isOver) return;
    this.isOver = true;
    this.timer?.stop();
    if (this.descriptor !== NO_DESCRIPTOR) this.reactor.closeDescriptor(this.descriptor);
    this.descriptor = NO_DESCRIPTOR;
    tell();
  }
}
