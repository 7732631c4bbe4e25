/**
 * A connection that is being opened over `net.Socket`, on Node or Bun. On Node it reads into a buffer of its own, as accepted
 * ones do; see node-transport.ts.
 *
 * A kernel that connects to one of its own free ports may choose that very port for this end, and the socket then talks to itself. That
 * is a refusal: nobody else is there.
 */
import { Socket } from 'node:net';
import { checkPort, connectFailed, connectTimedOut } from './address.ts';
import { HAS_HANDLES, NodeConnection, RECEIVE_BUFFER_BYTES, type ReadingOptions } from './net-connection.ts';
import { type ConnectionGroup, KEEP_ALIVE_MS } from './stream-connection.ts';
import type { ConnectAddress, ConnectAttempt, ConnectHandler } from './transport.ts';

export class NetAttempt implements ConnectAttempt {
  private readonly group: ConnectionGroup;
  private readonly handler: ConnectHandler;
  private readonly address: ConnectAddress;
  private socket: Socket | null = null;
  private connection: NodeConnection | null = null;
  private timer: { stop(): void } | null = null;
  /** The attempt succeeded, failed or was cancelled. */
  private isOver = false;
  private readonly onError = (cause: Error): void => this.fail(cause);

  constructor(group: ConnectionGroup, handler: ConnectHandler, address: ConnectAddress) {
    this.group = group;
    this.handler = handler;
    this.address = address;
  }

  /** To be called once. */
  start(timeoutMs: number): void {
    const { host, port } = this.address;
    const { scheduler } = this.group;
    try {
      checkPort(port);
      const socket = HAS_HANDLES ? new Socket(this.readingOptions()) : new Socket({ allowHalfOpen: true });
      this.socket = socket;
      socket.on('error', this.onError);
      socket.once('connect', () => this.connected(socket));
      socket.connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS });
    } catch (error) {
      // No callback comes inside the caller's call.
      scheduler.afterThis(() => this.fail(error));
      return;
    }
    this.timer = scheduler.startTimer(() => {
      this.end(() => this.handler.onConnectFailed(connectTimedOut(host, port, timeoutMs)));
    }, timeoutMs);
  }

  cancel(): void {
    this.end(() => {});
  }

  private connected(socket: Socket): void {
    if (this.isOver) return;
    if (socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress) {
      this.fail(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
      return;
    }
    this.isOver = true;
    this.timer?.stop();
    const connection = new NodeConnection(this.group, socket);
    socket.off('error', this.onError);
    this.connection = connection;
    if (!HAS_HANDLES) socket.on('data', (bytes: Buffer) => connection.received(bytes, 0, bytes.length));
    connection.opened();
  }

  private readingOptions(): ReadingOptions {
    return {
      allowHalfOpen: true,
      onread: {
        buffer: new Uint8Array(RECEIVE_BUFFER_BYTES),
        callback: (length, bytes) => {
          this.connection?.received(bytes, 0, length);
          return true;
        },
      },
    };
  }

  private fail(cause: unknown): void {
    const { host, port } = this.address;
    this.end(() => this.handler.onConnectFailed(connectFailed(host, port, cause)));
  }

  private end(tell: () => void): void {
    if (this.isOver) return;
    this.isOver = true;
    this.timer?.stop();
    this.socket?.destroy();
    tell();
  }
}
