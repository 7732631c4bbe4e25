/**
 * The sockets of the load generator: plain descriptors, one call of the C library for each send and each receive, and one wait for
 * all. A generator that costs more than the server it measures would measure itself, so nothing lies between it and the kernel.
 *
 * Everything blocks but what a run does; this is for a process that does nothing else. Linux with Bun only.
 */
import { dlopen } from 'bun:ffi';
import {
  AF_INET,
  addressOf,
  byteBuffer,
  EAGAIN,
  EINTR,
  EPOLL_CTL_ADD,
  EPOLL_CTL_MOD,
  EPOLLIN,
  EPOLLOUT,
  errorNumber,
  EVENT_DATA,
  EVENT_WORDS,
  int32Buffer,
  IPPROTO_TCP,
  loadLibc,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SOCK_CLOEXEC,
  SOCK_STREAM,
  SOL_SOCKET,
  systemError,
  TCP_NODELAY,
} from '../../src/io/epoll/libc.ts';
import { SocketAddress } from '../../src/io/epoll/socket-address.ts';
import { type Greeting, greetingOf } from './greeting.ts';
import type { WireProtocol } from './wire.ts';

const EVENTS_MAX = 256;
/** More than any reply to a batch, so that one call takes what is there. */
const RECEIVE_BYTES = 512 * 1024;
/** How long a greeting may take. */
const ANSWER_SECONDS_MAX = 20;
const SO_RCVTIMEO = 20;

/** What `send` and `receive` give where nothing can be done now. */
export const WOULD_BLOCK = -1;
/** What `wait` gives where it ended before its time, with nothing: for a signal, or for the kernel's own work. */
const INTERRUPTED = -1;

export class LoadSockets {
  /** What the last `receive` brought. */
  readonly received = Buffer.from(byteBuffer(RECEIVE_BYTES).buffer);
  private readonly libc = loadLibc();
  private readonly connectSocket: (descriptor: number, address: number, length: number) => number;
  private readonly port: number;
  private readonly greeting: Greeting;
  private readonly epoll: number;
  private readonly events = int32Buffer(EVENTS_MAX * EVENT_WORDS);
  private readonly control = int32Buffer(EVENT_WORDS);

  /** To `port` of the loopback. */
  constructor(port: number, protocol: WireProtocol) {
    const { symbols } = dlopen('libc.so.6', { connect: { args: ['i32', 'ptr', 'i32'], returns: 'i32' } });
    this.connectSocket = symbols.connect;
    this.port = port;
    this.greeting = greetingOf(protocol);
    this.epoll = this.succeeded(this.libc.epoll_create1(0), 'epoll_create1');
  }

  /** Opens a connection, greets the server, and watches it under `index`. Returns the descriptor. */
  open(index: number): number {
    const descriptor = this.succeeded(this.libc.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), 'socket');
    const loopback = new SocketAddress().set('127.0.0.1', this.port);
    this.succeeded(
      this.connectSocket(descriptor, loopback.address, loopback.length),
      `cannot connect to port ${this.port} of the loopback`,
    );
    const on = int32Buffer(1);
    on[0] = 1;
    this.succeeded(this.libc.setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, addressOf(on), 4), 'setsockopt');
    this.greet(descriptor);
    this.control[0] = EPOLLIN;
    this.control[EVENT_DATA] = index;
    this.succeeded(this.libc.epoll_ctl(this.epoll, EPOLL_CTL_ADD, descriptor, addressOf(this.control)), 'epoll_ctl');
    return descriptor;
  }

  close(descriptor: number): void {
    this.libc.close(descriptor);
  }

  /** Frees what all connections share. */
  destroy(): void {
    this.libc.close(this.epoll);
  }

  /** Whether the connection is also to be told of when it can take more bytes. */
  watchWritable(descriptor: number, index: number, watched: boolean): void {
    this.control[0] = watched ? EPOLLIN | EPOLLOUT : EPOLLIN;
    this.control[EVENT_DATA] = index;
    this.succeeded(this.libc.epoll_ctl(this.epoll, EPOLL_CTL_MOD, descriptor, addressOf(this.control)), 'epoll_ctl');
  }

  /** Bytes that the kernel took, or WOULD_BLOCK. Throws where the connection is lost. */
  send(descriptor: number, bytes: Uint8Array, from: number): number {
    const sent = this.libc.send(descriptor, addressOf(bytes) + from, bytes.length - from, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent >= 0 ? sent : this.blocked('send');
  }

  /** Bytes now in `received`, or WOULD_BLOCK; 0 where the server closed the connection. Throws where it is lost. */
  receive(descriptor: number): number {
    const length = this.libc.recv(descriptor, addressOf(this.received), RECEIVE_BYTES, MSG_DONTWAIT);
    return length >= 0 ? length : this.blocked('recv');
  }

  /** Waits for connections that have something, `timeoutMs` at most (0: looks only); then `readyIndex` and `readyEvents` tell which. */
  wait(timeoutMs: number): number {
    const count = this.libc.epoll_wait(this.epoll, addressOf(this.events), EVENTS_MAX, timeoutMs);
    if (count >= 0) return count;
    if (errorNumber() === EINTR) return INTERRUPTED;
    throw systemError(errorNumber(), 'epoll_wait');
  }

  readyIndex(event: number): number {
    return this.events[event * EVENT_WORDS + EVENT_DATA]!;
  }

  isWritable(event: number): boolean {
    return (this.events[event * EVENT_WORDS]! & EPOLLOUT) !== 0;
  }

  isReadable(event: number): boolean {
    return (this.events[event * EVENT_WORDS]! & ~EPOLLOUT) !== 0;
  }

  private blocked(call: string): number {
    const number = errorNumber();
    if (number === EAGAIN || number === EINTR) return WOULD_BLOCK;
    throw systemError(number, call);
  }

  /** `call`: what the error begins with. */
  private succeeded(result: number, call: string): number {
    if (result < 0) throw systemError(errorNumber(), call);
    return result;
  }

  private greet(descriptor: number): void {
    const { greeting, libc, received } = this;
    const timeout = int32Buffer(4);
    timeout[0] = ANSWER_SECONDS_MAX;
    this.succeeded(
      libc.setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, addressOf(timeout), timeout.byteLength),
      'setsockopt',
    );
    const bytes = byteBuffer(greeting.bytes.length);
    bytes.set(greeting.bytes);
    this.succeeded(libc.send(descriptor, addressOf(bytes), bytes.length, MSG_NOSIGNAL), 'send');
    let length = 0;
    for (;;) {
      const more = libc.recv(descriptor, addressOf(received) + length, RECEIVE_BYTES - length, 0);
      const number = more < 0 ? errorNumber() : 0;
      if (number === EINTR) continue;
      if (number === EAGAIN) throw new Error(`greeted, the server answered nothing for ${ANSWER_SECONDS_MAX} s`);
      if (number !== 0) throw systemError(number, 'recv');
      if (more === 0) throw new Error('greeted, the server closed the connection');
      length += more;
      if (greeting.isAnswered(received.subarray(0, length))) return;
    }
  }
}
