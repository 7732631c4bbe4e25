/** A server for the load generator's connections that a test holds in its hands: no network, no time. */
import type { ClientSocket, SocketHandler } from '../../src/client/tcp-socket.ts';

/** A socket whose server is the test. */
export class FakeSocket implements ClientSocket {
  readonly handler: SocketHandler;
  sent = '';
  closed = false;
  /** Whether the next write is kept instead of sent. */
  keeps = false;
  onSent: () => void = () => undefined;

  constructor(handler: SocketHandler) {
    this.handler = handler;
  }

  write(bytes: Buffer, length: number): boolean {
    this.sent += bytes.toString('latin1', 0, length);
    const kept = this.keeps;
    queueMicrotask(() => this.onSent());
    return !kept;
  }

  destroy(): void {
    queueMicrotask(() => this.close());
  }

  close(error: Error | null = null): void {
    if (this.closed) return;
    this.closed = true;
    this.handler.onClosed(error);
  }

  receive(text: string): void {
    const bytes = Buffer.from(text, 'latin1');
    if (!this.closed) this.handler.onBytes(bytes, bytes.length);
  }
}

/** Answers each connection with what `serve` makes of all that came since the last time. */
export class FakeServer {
  readonly sockets: FakeSocket[] = [];
  refuse = false;
  serve: (socket: FakeSocket, request: string) => void;

  constructor(serve: (socket: FakeSocket, request: string) => void) {
    this.serve = serve;
  }

  readonly openSocket = (_host: string, _port: number, handler: SocketHandler): ClientSocket => {
    const socket = new FakeSocket(handler);
    this.sockets.push(socket);
    queueMicrotask(() => {
      if (this.refuse) socket.close(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }));
      else handler.onConnected();
    });
    socket.onSent = () => {
      const request = socket.sent;
      socket.sent = '';
      if (request !== '') this.serve(socket, request);
    };
    return socket;
  };
}
