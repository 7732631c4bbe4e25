/** A server over epoll, and peers of it whose calls are done when they return: so which connections are ready in a turn is exactly what a test has made ready. */
import { expect } from 'bun:test';
import { type EpollListener, EpollTransport } from '../../src/io/epoll/epoll-transport.ts';
import * as system from '../../src/io/epoll/libc.ts';
import { EpollReactor } from '../../src/io/epoll/reactor.ts';
import { SendRing } from '../../src/io/epoll/send-ring.ts';
import { SocketAddress } from '../../src/io/epoll/socket-address.ts';
import type { Connection, ConnectionHandler, GroupHandler, WriteBatch } from '../../src/io/transport.ts';

const { addressOf, byteBuffer, int32Buffer, loadLibc, MSG_DONTWAIT, MSG_NOSIGNAL, SOL_SOCKET } = system;
const [SO_LINGER, TCP_INFO, MSG_PEEK] = [13, 11, 2];
/** State of a socket whose peer has reset the connection. */
export const TCP_CLOSE = 7;
/** And of one whose peer has sent its FIN. */
export const TCP_CLOSE_WAIT = 8;
const scratch = byteBuffer(1024 * 1024);

/** Peers and server are one thread, and the kernel needs no turn of it: asking again and again is exact, and takes microseconds. */
export function spinUntil(condition: () => boolean): void {
  const untilMs = performance.now() + 5000;
  while (!condition()) if (performance.now() > untilMs) throw new Error(`never came: ${String(condition)}`);
}

export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.subarray(start, end)).toString('latin1');
}

/** The other end of a connection: a socket whose calls are done when they return. */
export class Peer {
  private descriptor: number;

  constructor(port: number) {
    const address = new SocketAddress().set('127.0.0.1', port);
    this.descriptor = loadLibc().socket(system.AF_INET, system.SOCK_STREAM | system.SOCK_CLOEXEC, 0);
    expect(loadLibc().connect(this.descriptor, address.address, address.length)).toBe(0);
  }

  /** Returns how many of the bytes the socket took. */
  send(bytes: Uint8Array): number {
    return Math.max(0, loadLibc().send(this.descriptor, addressOf(bytes), bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL));
  }

  /** What is there; null at the end. */
  receive(bytes: number = scratch.length): Buffer | null {
    const taken = loadLibc().recv(this.descriptor, addressOf(scratch), Math.min(bytes, scratch.length), MSG_DONTWAIT);
    return taken === 0 ? null : Buffer.from(scratch.subarray(0, Math.max(0, taken)));
  }

  /** The next `bytes`, as text, or fewer where the connection ends before; the server turns meanwhile. */
  read(bytes: number, world: EpollWorld): string {
    let text = '';
    spinUntil(() => {
      world.turn();
      const part = this.receive(bytes - text.length);
      text += part?.toString('latin1') ?? '';
      return part === null || text.length === bytes;
    });
    return text;
  }

  finish(): void {
    loadLibc().shutdown(this.descriptor, system.SHUT_WR);
  }

  reset(): void {
    const linger = int32Buffer(2).fill(1, 0, 1);
    loadLibc().setsockopt(this.descriptor, SOL_SOCKET, SO_LINGER, addressOf(linger), linger.byteLength);
    this.close();
  }

  close(): void {
    if (this.descriptor >= 0) loadLibc().close(this.descriptor);
    this.descriptor = -1;
  }
}

type Behaviour = Partial<Omit<ConnectionHandler & GroupHandler, 'group' | 'onOpen'>>;

/** A server and peers of it. Its reactor turns only when the test says so. Each connection has its number as context. */
export class EpollWorld implements AsyncDisposable {
  /** What the handler does, besides keeping the log. */
  behaviour: Behaviour = {};
  log: string[] = [];
  readonly batch: WriteBatch;
  readonly connections: Connection[] = [];
  readonly descriptors: number[] = [];
  readonly peers: Peer[] = [];
  private readonly handler: ConnectionHandler = {
    onOpen: (connection) => {
      connection.context = this.connections.push(connection) - 1;
      this.log.push(`open ${String(connection.context)}`);
    },
    lookAhead: this.told('look', 'lookAhead'),
    onData: this.told('data', 'onData'),
    onDrain: this.told('drain', 'onDrain'),
    onClose: this.told('close', 'onClose'),
    group: {
      beginGroup: this.told('begin', 'beginGroup'),
      groupReceived: this.told('received', 'groupReceived'),
      endGroup: this.told('end', 'endGroup'),
    },
  };
  private readonly reactor = new EpollReactor();
  private readonly ring: SendRing | null;
  private readonly transport: EpollTransport;
  private listener: EpollListener | null = null;

  private constructor(way: string) {
    this.ring = way === 'io_uring' ? new SendRing() : null;
    const route = (descriptor: number): boolean => this.descriptors.push(descriptor) === 0;
    this.transport = new EpollTransport(this.reactor, { ring: this.ring, route });
    this.batch = this.transport.newWriteBatch();
  }

  static async open(way: string, connectionCount: number): Promise<EpollWorld> {
    const world = new EpollWorld(way);
    world.listener = await world.transport.listen({ host: '127.0.0.1', port: 0 }, world.handler);
    for (let count = 1; count <= connectionCount; count += 1) {
      world.dial();
      spinUntil(() => world.turn().length === 1);
    }
    // What was ready before is looked at once more; from now on all come in the order in which they become ready.
    world.turn();
    return world;
  }

  /** A peer that waits to be accepted. */
  dial(): void {
    this.peers.push(new Peer(this.listener!.port));
  }

  /** What the handler is told in one turn. */
  turn(): string[] {
    this.log = [];
    this.reactor.turn(0);
    return this.log;
  }

  /** Each peer sends its text. When this returns, all can be received. */
  send(...texts: readonly string[]): void {
    for (const [i, text] of texts.entries()) {
      this.peers[i]!.send(Buffer.from(text));
      spinUntil(() => this.recv(i, MSG_PEEK) >= text.length || text === '');
    }
  }

  /** Receives behind the connection's back, or only looks; -1 where nothing is there. */
  recv(i: number, flags = 0): number {
    return loadLibc().recv(this.descriptors[i]!, addressOf(scratch), scratch.length, flags | MSG_DONTWAIT);
  }

  /** Returns when the FIN or the reset of a peer has come to the kernel. */
  untilState(i: number, state: number): void {
    const [info, length] = [byteBuffer(8), int32Buffer(1).fill(8)];
    const ask = [this.descriptors[i]!, system.IPPROTO_TCP, TCP_INFO, addressOf(info), addressOf(length)] as const;
    spinUntil(() => loadLibc().getsockopt(...ask) === 0 && info[0] === state);
  }

  add(i: number, text: string): boolean {
    return this.batch.add(this.connections[i]!, Buffer.from(`<${text}>`), 1, 1 + text.length);
  }

  sendBatch(): number[] {
    this.batch.send();
    const taken = [...this.batch.taken.subarray(0, this.batch.count)];
    this.batch.clear();
    return taken;
  }

  /** A callback that notes `word`, whom it is about and what, and does what the behaviour says. */
  private told(word: string, name: keyof Behaviour) {
    return (connection?: Connection, what?: Uint8Array | Error | null, start = 0, end = 0): void => {
      const shown = what instanceof Uint8Array ? textOf(what, start, end) : (what?.message ?? 'well');
      this.log.push(what === undefined ? word : `${word} ${String(connection?.context)} ${shown}`);
      (this.behaviour[name] as ((...args: unknown[]) => void) | undefined)?.(connection, what, start, end);
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.behaviour = {};
    await this.listener?.close();
    for (const peer of this.peers) peer.close();
    this.reactor.close();
    this.ring?.close();
  }
}
