/**
 * A listener for coordinators and nodes among themselves: `hello` with the password, then requests, each answered when its answer is
 * there, in any order. What a peer sends never throws, and a peer that breaks the protocol loses its connection.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Connection, ConnectionHandler, Listener, Transport } from '../io/transport.ts';
import { WRITE_CLOSED, WRITE_RETAINED } from '../io/transport.ts';
import { NEED_MORE, PROTOCOL_ERROR, ShoalDecoder } from '../protocol/shoal/decoder.ts';
import { HELLO_REPLY_FIXED_BYTES, Opcode, Status, VERSION_MIN } from '../protocol/shoal/frame.ts';
import { readHello } from '../protocol/shoal/hello.ts';
import { Operation, VALUE_ARGUMENT } from '../protocol/shoal/operation.ts';
import { replyFrame } from './frames.ts';
import { ReceivedBytes } from './received-bytes.ts';

/** Answers that wait for a peer to read them; above it the peer is cut off. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
/** Requests of one connection without an answer; above it the peer is cut off. */
const REQUESTS_MAX = 10_000;
/** Connections at once; one more is closed. */
const CONNECTIONS_MAX = 10_000;
/** Within this a peer says who it is. */
const GREETING_MS_MAX = 10_000;

// Taken when this module loads, so that fake timers of an application's tests do not hold a connection open.
const { setTimeout: startTimer, clearTimeout: stopTimer } = globalThis;

/** A request that waits for its answer. */
export interface IncomingRequest {
  readonly opcode: number;
  /** A copy. */
  readonly value: Uint8Array;
  /** Sends the answer, once; nothing happens where the peer is gone. */
  answer(status: Status, value: Uint8Array): void;
  /** Called once if the peer goes before it was answered. */
  onGone: (() => void) | null;
}

export interface FrameServerOptions {
  readonly host: string;
  readonly port: number;
  /** Empty: none. */
  readonly password: string;
  /** Longest value of a request in bytes. */
  readonly valueBytesMax: number;
  readonly onRequest: (request: IncomingRequest) => void;
}

export class FrameServer implements ConnectionHandler {
  private readonly options: FrameServerOptions;
  private readonly decoder: ShoalDecoder;
  private readonly operation = new Operation();
  private readonly password: Buffer;
  private listener: Listener | null = null;
  private connectionCount = 0;

  private constructor(options: FrameServerOptions) {
    this.options = options;
    this.decoder = new ShoalDecoder({ bulkBytesMax: options.valueBytesMax });
    this.password = Buffer.from(options.password, 'utf8');
  }

  /** Rejects as `Transport.listen` does. */
  static async listen(transport: Transport, options: FrameServerOptions): Promise<FrameServer> {
    const server = new FrameServer(options);
    server.listener = await transport.listen({ host: options.host, port: options.port }, server);
    return server;
  }

  get host(): string {
    return this.listener!.host;
  }

  get port(): number {
    return this.listener!.port;
  }

  /** Destroys all connections. Resolves when the port is free. */
  async close(): Promise<void> {
    await this.listener?.close();
  }

  onOpen(connection: Connection): void {
    this.connectionCount += 1;
    connection.context = new Peer(connection);
    if (this.connectionCount > CONNECTIONS_MAX) connection.destroy();
  }

  onData(connection: Connection, bytes: Uint8Array, start: number, end: number): void {
    const peer = connection.context as Peer;
    const { received } = peer;
    received.append(bytes, start, end);
    while (received.length > 0 && !peer.isGone) {
      this.decoder.greeted = peer.isGreeted;
      const taken = this.decoder.decode(received.bytes, received.start, received.end, this.operation);
      if (taken === NEED_MORE) return;
      if (taken === PROTOCOL_ERROR) {
        peer.send(replyFrame(this.decoder.status, this.decoder.requestId, Buffer.from(this.decoder.error, 'utf8')));
        connection.end();
        return;
      }
      this.take(peer, this.operation);
      received.consume(taken);
    }
  }

  onDrain(connection: Connection): void {
    (connection.context as Peer).drained();
  }

  onClose(connection: Connection): void {
    this.connectionCount -= 1;
    (connection.context as Peer).gone();
  }

  private take(peer: Peer, operation: Operation): void {
    const { opcode, requestId } = operation;
    const refuse = (status: Status, text: string): void =>
      peer.send(replyFrame(status, requestId, Buffer.from(text, 'utf8')));
    const start = operation.start(VALUE_ARGUMENT);
    const end = start + operation.length(VALUE_ARGUMENT);
    if (opcode === Opcode.hello) {
      const hello = readHello(operation.bytes, start, end);
      if (typeof hello === 'string') refuse(Status.badRequest, hello);
      else if (hello.versionMin > VERSION_MIN)
        refuse(Status.unsupportedVersion, `this side speaks version ${VERSION_MIN}`);
      else if (!this.isPassword(hello.password)) refuse(Status.unauthenticated, 'the password is wrong');
      else {
        peer.greeted();
        peer.send(replyFrame(Status.ok, requestId, GREETING));
      }
    } else if (!peer.isGreeted) {
      refuse(Status.unauthenticated, 'hello comes first');
    } else if (operation.version !== VERSION_MIN) {
      refuse(Status.unsupportedVersion, `this side speaks version ${VERSION_MIN}`);
    } else if (peer.requestCount >= REQUESTS_MAX) {
      peer.destroy();
    } else {
      const request = peer.open(opcode, requestId, Buffer.from(operation.bytes.subarray(start, end)));
      this.options.onRequest(request);
    }
  }

  private isPassword(given: Uint8Array): boolean {
    const { password } = this;
    return password.length === 0 || (given.length === password.length && timingSafeEqual(given, password));
  }
}

/** One connection. */
class Peer {
  isGreeted = false;
  isGone = false;
  readonly received = new ReceivedBytes();
  private readonly connection: Connection;
  private readonly unanswered = new Set<IncomingRequest>();
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  private isFull = false;
  private readonly greetingTimer: ReturnType<typeof startTimer>;

  constructor(connection: Connection) {
    this.connection = connection;
    this.greetingTimer = startTimer(() => connection.destroy(), GREETING_MS_MAX);
    this.greetingTimer.unref();
  }

  greeted(): void {
    this.isGreeted = true;
    stopTimer(this.greetingTimer);
  }

  get requestCount(): number {
    return this.unanswered.size;
  }

  open(opcode: number, requestId: number, value: Uint8Array): IncomingRequest {
    const request: IncomingRequest = {
      opcode,
      value,
      onGone: null,
      answer: (status, answer) => {
        if (this.unanswered.delete(request)) this.send(replyFrame(status, requestId, answer));
      },
    };
    this.unanswered.add(request);
    return request;
  }

  send(bytes: Buffer): void {
    if (this.isGone) return;
    this.waiting.push(bytes);
    this.waitingBytes += bytes.length;
    if (this.waitingBytes > OUTPUT_BYTES_MAX) this.destroy();
    else if (!this.isFull) this.flush();
  }

  drained(): void {
    this.isFull = false;
    this.flush();
  }

  destroy(): void {
    this.connection.destroy();
  }

  gone(): void {
    this.isGone = true;
    stopTimer(this.greetingTimer);
    this.waiting = [];
    for (const request of this.unanswered) request.onGone?.();
    this.unanswered.clear();
  }

  private flush(): void {
    while (this.waiting.length > 0 && !this.isFull) {
      const bytes = this.waiting[0]!;
      const taken = this.connection.write(bytes, 0, bytes.length);
      if (taken === WRITE_CLOSED) return;
      this.isFull = taken !== bytes.length;
      if (taken === bytes.length || taken === WRITE_RETAINED) {
        this.waiting.shift();
        this.waitingBytes -= bytes.length;
      } else {
        this.waiting[0] = bytes.subarray(taken);
        this.waitingBytes -= taken;
      }
    }
  }
}

/** The answer to a `hello`: version 1, and nothing to tell of keys and values. */
const GREETING: Buffer = greeting();

function greeting(): Buffer {
  const value = Buffer.alloc(HELLO_REPLY_FIXED_BYTES + 2);
  value[0] = VERSION_MIN;
  return value;
}
