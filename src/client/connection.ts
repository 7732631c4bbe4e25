/**
 * One connection to a node: requests out, replies in, matched by number.
 *
 *     opening ──► greeting ──► ready ──► closed
 *
 * Requests of one turn of the event loop leave in one write. Numbers count up; the request with number n stands in
 * `slots[n & mask]` until its reply comes, also when its caller has given up on it meanwhile, so no reply can reach another caller.
 * A reply to a number that is not in flight means that the other side is broken: the connection ends.
 */
import { ShoalError } from '../base/errors.ts';
import { Feature, FIELD_BYTES, Flag, HEADER_BYTES, Opcode } from '../protocol/shoal/frame.ts';
import { ackFailure } from './ack.ts';
import { errorOfReply, isNotServed } from './reply-errors.ts';
import { type Credentials, encodeHello } from '../protocol/shoal/hello.ts';
import { decodeGreeting, type Greeting } from './hello.ts';
import type { ReplyFrame } from './reply-frame.ts';
import { ReplyReader } from './reply-reader.ts';
import { Request, type Settler } from './request.ts';
import { type ItemLimits, RequestWriter } from './request-writer.ts';
import type { ClientRuntime, Timer } from './runtime.ts';
import type { ClientSocket, OpenSocket, SocketHandler } from './tcp-socket.ts';

export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly credentials: Credentials;
  /** From opening the socket to the node's greeting. */
  readonly connectTimeoutMs: number;
  /** What the client knows when it sends a request, which says so. */
  readonly topology: { readonly epoch: number };
}

export interface ConnectionOwner {
  /** It is ready for requests. */
  onReady(connection: Connection): void;
  /** It ended, or never came to be. `lost`: the requests that were in flight, none settled. */
  onClosed(connection: Connection, error: ShoalError, lost: readonly Request[]): void;
  /**
   * The node did nothing, because the slot is not its own or not for now. Whether the owner takes the request over; else it fails.
   */
  onNotServed(request: Request, reply: ReplyFrame): boolean;
}

export class Connection implements SocketHandler {
  readonly node: string;
  /** Set once it is ready. */
  greeting: Greeting | null = null;
  /** Requests that were sent and not answered, those that their callers gave up on included. */
  inFlightCount = 0;
  /** Whether it answered a request, the greeting aside. */
  hasAnswered = false;
  /** Deadlines that passed since something last arrived. */
  silentTimeoutCount = 0;
  private readonly owner: ConnectionOwner;
  private readonly runtime: ClientRuntime;
  private readonly socket: ClientSocket;
  private readonly writer = new RequestWriter();
  private readonly reader: ReplyReader;
  private readonly credentials: Credentials;
  private readonly topology: { readonly epoch: number };
  private readonly flushTask: () => void = () => this.flush();
  private connectTimer: Timer | null;
  private slots: (Request | null)[] = new Array<Request | null>(SLOTS_INITIAL).fill(null);
  private nextId = 1;
  private flushScheduled = false;
  /** The socket keeps a buffer: nothing is written before it is sent. */
  private keptBytes = 0;
  private closed = false;
  /** Why we ended it ourselves. */
  private reason: ShoalError | null = null;

  constructor(options: ConnectionOptions, owner: ConnectionOwner, runtime: ClientRuntime, open: OpenSocket) {
    this.owner = owner;
    this.runtime = runtime;
    this.credentials = options.credentials;
    this.topology = options.topology;
    this.node = `${options.host}:${options.port}`;
    this.reader = new ReplyReader(REPLY_FRAME_BYTES_MAX, (id, reply) => this.take(id, reply));
    const { connectTimeoutMs } = options;
    this.connectTimer = runtime.after(connectTimeoutMs, true, () => {
      this.end(this.error('ConnectFailed', `no greeting from ${this.node} within ${connectTimeoutMs} ms`));
    });
    this.socket = open(options.host, options.port, this);
  }

  get isReady(): boolean {
    return this.greeting !== null && !this.closed && this.reason === null;
  }

  /** Bytes that were given to it and not yet to the system. */
  get unsentBytes(): number {
    return this.keptBytes + this.writer.length;
  }

  /** Sends `request`, this turn. Only while it is ready. Throws `TooLarge` or `ServerError` where the node would not take it. */
  send(request: Request): void {
    const greeting = this.greeting!;
    if ((request.flags & Flag.ack) !== 0 && (greeting.features & Feature.ack) === 0) {
      throw this.error('ServerError', `${this.node} is of a version that waits for no replicas`);
    }
    this.transmit(request, greeting.protocolVersion, greeting);
  }

  /** Ends it: what is in flight is lost for `error`. */
  end(error: ShoalError): void {
    if (this.closed || this.reason !== null) return;
    this.reason = error;
    this.socket.destroy(null);
  }

  /** Fails the requests whose deadline has passed, and counts them as silence. */
  expire(nowMs: number, expired: (request: Request) => void): void {
    if (this.slots.length > SLOTS_KEPT && this.inFlightCount < this.slots.length >> 3) this.shrinkSlots();
    if (this.inFlightCount === 0) return;
    let oldestMs = nowMs;
    for (const request of this.slots) {
      if (request === null || request.deadlineMs > nowMs) continue;
      if (request.deadlineMs < oldestMs) oldestMs = request.deadlineMs;
      if (request.settled) continue;
      this.silentTimeoutCount += 1;
      expired(request);
    }
    if (nowMs - oldestMs > LEFT_OUT_MS) {
      // Its place would be taken for ever, and one by one all places.
      this.end(this.error('ConnectionLost', `${this.node} left out an answer: the connection was given up`));
    }
  }

  /** Whether anybody waits for an answer of it. */
  hasPending(): boolean {
    return this.inFlightCount > 0 && this.slots.some((request) => request !== null && !request.settled);
  }

  onConnected(): void {
    const hello = new Request(Opcode.hello, NO_KEY, false, decodeGreeting);
    hello.settler = this.greetingSettler;
    hello.bytes = encodeHello(this.credentials);
    hello.deadlineMs = Number.POSITIVE_INFINITY;
    this.transmit(hello, HELLO_VERSION, HELLO_LIMITS);
  }

  onBytes(bytes: Buffer, length: number): void {
    if (this.closed || this.reason !== null) return;
    this.silentTimeoutCount = 0;
    if (this.reader.read(bytes, length)) return;
    const code = this.greeting === null ? 'ConnectFailed' : 'UnexpectedResponse';
    this.end(this.error(code, `${this.node} sent ${this.reader.problem}`));
  }

  onWritten(): void {
    this.keptBytes = 0;
    this.flush();
  }

  onClosed(cause: Error | null): void {
    this.closed = true;
    this.connectTimer?.cancel();
    const lost: Request[] = [];
    for (const request of this.slots) if (request !== null && !request.settled) lost.push(request);
    // In the order in which they were sent, so that those that are sent again keep it: numbers begin anew after 2^32, and
    // counted from the next one on the oldest comes first.
    const { nextId } = this;
    lost.sort((left, right) => ((left.id - nextId) >>> 0) - ((right.id - nextId) >>> 0));
    this.slots = [];
    this.inFlightCount = 0;
    const greeted = this.greeting !== null;
    const error =
      this.reason ??
      this.error(
        greeted ? 'ConnectionLost' : 'ConnectFailed',
        greeted ? `the connection to ${this.node} was lost` : `cannot connect to ${this.node}${reasonOf(cause)}`,
        cause,
      );
    this.owner.onClosed(this, error, greeted ? lost : []);
  }

  private readonly greetingSettler: Settler = {
    fulfil: (_request, greeting) => {
      this.connectTimer?.cancel();
      this.connectTimer = null;
      this.greeting = greeting as Greeting;
      this.owner.onReady(this);
    },
    fail: (_request, error) => this.end(error),
  };

  private transmit(request: Request, version: number, limits: ItemLimits): void {
    if (this.inFlightCount >= this.slots.length >> 1) this.growSlots();
    const mask = this.slots.length - 1;
    let id = this.nextId;
    while (this.slots[id & mask] !== null || id === NO_REQUEST) id = (id + 1) >>> 0;
    this.writer.append(request, id, version, limits, this.topology.epoch);
    this.nextId = (id + 1) >>> 0;
    request.id = id;
    request.sendCount += 1;
    this.slots[id & mask] = request;
    this.inFlightCount += 1;
    if (this.flushScheduled) return;
    this.flushScheduled = true;
    this.runtime.afterTurn(this.flushTask);
  }

  private flush(): void {
    this.flushScheduled = false;
    const { writer } = this;
    if (this.keptBytes > 0 || writer.length === 0 || this.closed || this.reason !== null) return;
    if (this.socket.write(writer.bytes, writer.length)) {
      writer.reset();
    } else {
      this.keptBytes = writer.length;
      writer.replaceBuffer();
    }
  }

  private take(id: number, reply: ReplyFrame): boolean {
    const index = id & (this.slots.length - 1);
    const request = this.slots[index] ?? null;
    if (request === null || request.id !== id) {
      const refused = id === NO_REQUEST && reply.isError;
      this.reader.problem = refused ? reply.errorText : `a reply to a request that is not in flight (${id})`;
      return false;
    }
    this.slots[index] = null;
    this.inFlightCount -= 1;
    if (this.greeting !== null) this.hasAnswered = true;
    if (request.settled) return true;
    if (reply.isError) {
      if (this.greeting !== null && isNotServed(reply.status) && this.owner.onNotServed(request, reply)) return true;
      request.fail(errorOfReply(reply, this.node));
      return true;
    }
    let value: unknown;
    try {
      value = request.answer(reply);
    } catch (error) {
      request.fail(
        error instanceof ShoalError ? error : this.error('CodecFailed', 'the value cannot be decoded', error),
      );
      return true;
    }
    const failure = (request.flags & Flag.ack) === 0 ? null : ackFailure(request, reply, value, this.node);
    if (failure === null) request.fulfil(value);
    else request.fail(failure);
    // A caller may have closed us.
    return true;
  }

  /** Numbers that differ within the old mask differ within the new one, so each request finds its slot free. */
  private growSlots(): void {
    const slots = new Array<Request | null>(this.slots.length * 2).fill(null);
    for (const request of this.slots) if (request !== null) slots[request.id & (slots.length - 1)] = request;
    this.slots = slots;
  }

  /** Halves what a burst left behind, since all of it is looked through for deadlines; where two numbers would meet, another time. */
  private shrinkSlots(): void {
    const slots = new Array<Request | null>(this.slots.length >> 1).fill(null);
    for (const request of this.slots) {
      if (request === null) continue;
      const index = request.id & (slots.length - 1);
      if (slots[index] !== null) return;
      slots[index] = request;
    }
    this.slots = slots;
  }

  private error(
    code: 'ConnectFailed' | 'ConnectionLost' | 'UnexpectedResponse' | 'CodecFailed' | 'ServerError',
    message: string,
    cause?: unknown,
  ): ShoalError {
    return new ShoalError(
      code,
      message,
      cause === undefined || cause === null ? { node: this.node } : { node: this.node, cause },
    );
  }
}

function reasonOf(cause: Error | null): string {
  if (cause === null) return ': it closed the connection';
  return `: ${cause.message || ((cause as NodeJS.ErrnoException).code ?? cause.name)}`;
}

/** The number of what a node says to no request, before it closes the connection. */
const NO_REQUEST = 0;
const SLOTS_INITIAL = 64;
/** So many are looked through in no time. */
const SLOTS_KEPT = 1024;
/** How long after its deadline the answer to a request may still come. */
const LEFT_OUT_MS = 30_000;
const NO_KEY = '';
/** The version in the header of a greeting, whatever it then agrees on. */
const HELLO_VERSION = 1;
/** The greeting comes before the node said what it takes. */
const HELLO_LIMITS: ItemLimits = { keyBytesMax: 0, valueBytesMax: 0xffff };
/** The longest value that any node takes is 64 MiB; a reply of a `call` may hold many. */
const REPLY_FRAME_BYTES_MAX = HEADER_BYTES + 3 * FIELD_BYTES + 1024 * 1024 * 1024;
