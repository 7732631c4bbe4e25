/**
 * A network and a clock without sockets or time, for tests of the client that need many nodes which answer by themselves: what is sent arrives after
 * a random delay, in order on each connection, and all of it follows from the seed.
 */
import type { ClientRuntime } from '../../src/client/runtime.ts';
import type { ClientSocket, OpenSocket, SocketHandler } from '../../src/client/tcp-socket.ts';

/** One end of a connection: the server's. */
export class VirtualConnection implements ClientSocket {
  readonly address: string;
  closed = false;
  private readonly network: VirtualNetwork;
  private readonly handler: SocketHandler;
  /** When what was sent last arrives, each way: later bytes do not overtake it. */
  private inMs = 0;
  private outMs = 0;
  receive: (bytes: Buffer) => void = () => undefined;
  onGone: () => void = () => undefined;

  constructor(network: VirtualNetwork, address: string, handler: SocketHandler) {
    this.network = network;
    this.address = address;
    this.handler = handler;
  }

  write(bytes: Buffer, length: number): boolean {
    const copy = Buffer.from(bytes.subarray(0, length));
    this.inMs = this.network.arrivalAfter(this.inMs);
    this.network.at(this.inMs, () => {
      if (!this.closed) this.receive(copy);
    });
    return true;
  }

  destroy(): void {
    this.network.at(this.network.nowMs, () => this.end());
  }

  /** From the server to the client. */
  send(bytes: Buffer): void {
    this.outMs = this.network.arrivalAfter(this.outMs);
    this.network.at(this.outMs, () => {
      if (!this.closed) this.handler.onBytes(bytes, bytes.length);
    });
  }

  connected(): void {
    this.handler.onConnected();
  }

  /** It is lost, now; for both. */
  end(cause: Error | null = null): void {
    if (this.closed) return;
    this.closed = true;
    this.onGone();
    this.handler.onClosed(cause);
  }
}

export interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly task: () => void;
}

export class VirtualNetwork {
  nowMs = 0;
  /** How many connections were tried. */
  openedCount = 0;
  readonly random: () => number;
  private readonly delayMsMax: number;
  private readonly due = new Set<Due>();
  private order = 0;
  private readonly servers = new Map<string, (connection: VirtualConnection) => void>();

  constructor(random: () => number, delayMsMax: number) {
    this.random = random;
    this.delayMsMax = delayMsMax;
  }

  readonly open: OpenSocket = (host, port, handler) => {
    this.openedCount += 1;
    const connection = new VirtualConnection(this, `${host}:${port}`, handler);
    this.at(this.arrivalAfter(0), () => {
      if (connection.closed) return;
      const accept = this.servers.get(connection.address);
      if (accept === undefined) connection.end(new Error('connection refused'));
      else {
        accept(connection);
        if (!connection.closed) connection.connected();
      }
    });
    return connection;
  };

  readonly runtime: ClientRuntime = {
    nowMs: () => this.nowMs,
    random01: () => this.random(),
    afterTurn: (task) => process.nextTick(task),
    after: (delayMs, _keepAlive, task) => {
      const due = this.at(this.nowMs + delayMs, task);
      return { cancel: () => this.due.delete(due) };
    },
  };

  /** Timers and bytes on their way. */
  get dueCount(): number {
    return this.due.size;
  }

  listen(address: string, accept: (connection: VirtualConnection) => void): void {
    this.servers.set(address, accept);
  }

  unlisten(address: string): void {
    this.servers.delete(address);
  }

  at(atMs: number, task: () => void): Due {
    const due = { atMs, order: this.order, task };
    this.order += 1;
    this.due.add(due);
    return due;
  }

  cancel(due: Due): void {
    this.due.delete(due);
  }

  arrivalAfter(earliestMs: number): number {
    return Math.max(earliestMs, this.nowMs + this.random() * this.delayMsMax);
  }

  /** Lets time pass until `task` settles, and returns what it gives. Throws after `limitMs`. */
  async until<T>(task: Promise<T>, limitMs: number): Promise<T> {
    const end = { isDone: false };
    const watched = Promise.allSettled([task]).then(() => {
      end.isDone = true;
    });
    const endMs = this.nowMs + limitMs;
    for (await settle(); !end.isDone; await settle()) {
      if (this.nowMs > endMs) throw new Error(`not done within ${limitMs} ms`);
      this.next();
    }
    await watched;
    return task;
  }

  /** Lets `byMs` pass. */
  async pass(byMs: number): Promise<void> {
    const end = { isOver: false };
    this.at(this.nowMs + byMs, () => {
      end.isOver = true;
    });
    for (await settle(); !end.isOver; await settle()) this.next();
  }

  private next(): void {
    let first: Due | undefined;
    for (const due of this.due) {
      if (first === undefined || due.atMs < first.atMs || (due.atMs === first.atMs && due.order < first.order))
        first = due;
    }
    if (first === undefined) throw new Error('nothing is due any more');
    this.due.delete(first);
    this.nowMs = Math.max(this.nowMs, first.atMs);
    first.task();
  }
}

/** All that follows at once from what was done. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
