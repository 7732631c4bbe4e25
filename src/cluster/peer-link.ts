/**
 * One connection to another node's data port for the requests of a whole data thread: many in flight at once, each with a number and a
 * deadline, in the order in which they were given. Made when there is something to send, made anew after it was lost, with a pause that grows.
 *
 *     idle ──send──► connecting ──► greeting ──► open          requests wait in the queue until the link is open
 *       ▲                │ fails       │ fails     │ lost
 *       │                ▼             ▼           ▼
 *       └── nothing ── pausing ◄───────┴───────────┘            all that waits ends with a fault
 *
 * A request that the link takes ends exactly once: with its reply, or with what is known of it (`LinkFault`). Nothing is sent twice. It works on
 * a reactor's thread and on an event loop: time comes by `tick`, which its owner calls about every LINK_TICK_MS. What is sent leaves
 * at `flush`. Limits: IN_FLIGHT_MAX requests, QUEUE_BYTES_MAX unsent bytes (and one frame more), replies of `replyBytesMax`.
 */
import { addressText } from '../io/address.ts';
import type { ConnectAttempt, ConnectHandler, Connection, Transport } from '../io/transport.ts';
import type { ShoalError } from '../base/errors.ts';
import { helloFrame } from '../control/frames.ts';
import { ReceivedBytes } from '../control/received-bytes.ts';
import { readU16, readU32, writeU32 } from '../protocol/shoal/bytes.ts';
import {
  AT_FIELDS_BYTES,
  AT_KEY_LENGTH,
  AT_REQUEST_ID,
  AT_STATUS,
  AT_VALUE_LENGTH,
  FIRST_ERROR_STATUS,
  HEADER_BYTES,
  REPLY_MAGIC,
  Status,
} from '../protocol/shoal/frame.ts';
import { LinkQueue } from './link-queue.ts';
import { GREETING_ID, LinkFault, type LinkReply, type LinkRequest, LinkRequests } from './link-requests.ts';

/** How often `tick` is to be called. */
export const LINK_TICK_MS = 25;
/** Unsent bytes from which on no request is taken. */
export const QUEUE_BYTES_MAX: number = 8 * 1024 * 1024;
/** Until the other side has let us in. */
const CONNECT_MS_MAX = 2000;
/** Between attempts: doubled from one to the next, and spread so that nodes do not come at once. */
const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 2000;
/** A connection over which nothing goes for so long is closed. */
const IDLE_MS_MAX = 60_000;

export interface PeerLinkOptions {
  readonly transport: Transport;
  readonly host: string;
  readonly port: number;
  /** The numeric address of a host, where it is a name and that is known; else the host. Asked for at each connection. */
  readonly addressOf: (host: string) => string;
  /** Asked for at each connection; empty: none. */
  readonly password: () => string;
  /** What the other side shows of us. */
  readonly name: string;
  readonly monotonicMs: () => number;
  /** In [0, 1). */
  readonly random01: () => number;
  /** Longest value of a reply; a longer one ends the connection. */
  readonly replyBytesMax: () => number;
  /** Requests have ended, or there is room again; called once after each such event, outside of the link's own work. */
  readonly onSettled: (link: PeerLink) => void;
}

type State = 'idle' | 'connecting' | 'greeting' | 'open' | 'pausing' | 'closed';

export class PeerLink implements ConnectHandler {
  /** `host:port`. */
  readonly address: string;
  /** Replies `moved` and `tryAgain` that came over this connection. */
  refusalCount = 0;
  private readonly options: PeerLinkOptions;
  private readonly requests = new LinkRequests();
  private readonly queue = new LinkQueue();
  private readonly received = new ReceivedBytes();
  private readonly reply: { -readonly [K in keyof LinkReply]: LinkReply[K] } = {
    status: 0,
    bytes: Buffer.alloc(0),
    frameStart: 0,
    valueStart: 0,
    end: 0,
  };
  private state: State = 'idle';
  private attempt: ConnectAttempt | null = null;
  private connection: Connection | null = null;
  /** Of the last connection that failed; of the one at hand where the peer said why it goes. */
  private reason = 'there is no connection';
  /** Monotonic ms: by when the greeting must have come, or the next attempt begins. */
  private dueMs = 0;
  private pauseMs = PAUSE_MS_MIN;
  private usedAtMs = 0;

  constructor(options: PeerLinkOptions) {
    this.options = options;
    this.address = addressText(options.host, options.port);
  }

  get isOpen(): boolean {
    return this.state === 'open';
  }

  get isClosed(): boolean {
    return this.state === 'closed';
  }

  /** Nothing waits, and no connection stands. */
  get isIdle(): boolean {
    return this.requests.count === 0 && (this.state === 'idle' || this.state === 'pausing');
  }

  get inFlightCount(): number {
    return this.requests.count;
  }

  /** A request now would not be taken; `onSettled` says when to look again. */
  get isFull(): boolean {
    return this.requests.isFull || this.queue.length > QUEUE_BYTES_MAX;
  }

  /**
   * Sends the request frame `frame[0..length)`, of which a copy is taken, under a number of the link's. Returns false, and does nothing, where the link
   * is full or closed. Past `deadlineMs` of the monotonic clock it ends with a fault.
   */
  send(frame: Uint8Array, length: number, request: LinkRequest, deadlineMs: number): boolean {
    if (this.isFull || this.isClosed) return false;
    const id = this.requests.add(request, deadlineMs, this.queue.nextPlace);
    const at = this.queue.append(frame, length);
    writeU32(this.queue.bytes, at + AT_REQUEST_ID, id);
    if (this.state === 'idle') this.dial();
    return true;
  }

  /** Lets what was sent go. */
  flush(): void {
    if (this.state === 'open' && this.connection !== null) this.queue.flush(this.connection);
  }

  /** What is due by now: deadlines, attempts to connect, the end of an idle connection. */
  tick(): void {
    const nowMs = this.options.monotonicMs();
    const countBefore = this.requests.count;
    this.requests.expire(nowMs, (request, queuePlace) => {
      if (queuePlace >= this.queue.handedOver) {
        this.queue.neutralize(queuePlace);
        request.onFault(LinkFault.unsent, this.state === 'open' ? 'the connection takes nothing' : this.reason);
      } else {
        request.onFault(LinkFault.late, 'there was no answer in time');
      }
    });
    if (this.state === 'greeting' && nowMs >= this.dueMs) this.lose(`no greeting within ${CONNECT_MS_MAX} ms`);
    else if (this.state === 'pausing' && nowMs >= this.dueMs) {
      this.state = 'idle';
      if (this.requests.count > 0) this.dial();
    } else if (this.state === 'open' && this.requests.count === 0 && nowMs - this.usedAtMs >= IDLE_MS_MAX) {
      this.rest();
    }
    if (this.requests.count !== countBefore) this.options.onSettled(this);
  }

  /** Ends the link for good; all that waits ends with a fault. */
  close(reason: string): void {
    if (this.isClosed) return;
    this.reason = reason;
    this.state = 'closed';
    this.dropConnection();
    this.failAll();
    this.options.onSettled(this);
  }

  onOpen(connection: Connection): void {
    this.attempt = null;
    this.connection = connection;
    this.state = 'greeting';
    const hello = helloFrame(GREETING_ID, this.options.password(), this.options.name);
    connection.write(hello, 0, hello.length);
  }

  onConnectFailed(error: ShoalError): void {
    this.attempt = null;
    this.lose(error.message);
  }

  onData(connection: Connection, bytes: Uint8Array, start: number, end: number): void {
    if (connection !== this.connection) return;
    const { received } = this;
    if (received.length > 0) {
      received.append(bytes, start, end);
      const taken = this.take(received.bytes, received.start, received.end);
      if (this.connection === connection) received.consume(taken);
    } else {
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, end);
      const taken = this.take(buffer, start, end);
      if (this.connection === connection && start + taken < end) received.append(buffer, start + taken, end);
    }
    this.usedAtMs = this.options.monotonicMs();
    this.options.onSettled(this);
  }

  onDrain(connection: Connection): void {
    if (connection !== this.connection) return;
    this.queue.isStalled = false;
    this.queue.flush(connection);
    this.options.onSettled(this);
  }

  onClose(connection: Connection, error: Error | null): void {
    if (connection !== this.connection) return;
    this.connection = null;
    this.lose(error === null ? 'the connection was closed' : `the connection was lost: ${error.message}`);
  }

  private dial(): void {
    const { transport, host, addressOf, port, monotonicMs } = this.options;
    this.state = 'connecting';
    this.dueMs = monotonicMs() + CONNECT_MS_MAX;
    this.attempt = transport.connect({ host: addressOf(host), port }, this, { timeoutMs: CONNECT_MS_MAX });
  }

  /** Reads whole replies of `bytes[start..end)`; returns how many bytes they take. */
  private take(bytes: Buffer, start: number, end: number): number {
    const { connection, reply } = this;
    let at = start;
    while (end - at >= HEADER_BYTES && this.connection === connection) {
      const valueLength = readU32(bytes, at + AT_VALUE_LENGTH);
      if (bytes[at] !== REPLY_MAGIC || valueLength > this.options.replyBytesMax()) {
        this.lose(
          bytes[at] === REPLY_MAGIC
            ? `an answer of ${valueLength} bytes is too long`
            : 'what came is no reply of the Shoal protocol',
        );
        break;
      }
      const valueStart = at + HEADER_BYTES + readU16(bytes, at + AT_FIELDS_BYTES) + readU16(bytes, at + AT_KEY_LENGTH);
      const frameEnd = valueStart + valueLength;
      if (frameEnd > end) break;
      reply.status = bytes[at + AT_STATUS]!;
      reply.bytes = bytes;
      reply.frameStart = at;
      reply.valueStart = valueStart;
      reply.end = frameEnd;
      at = frameEnd;
      this.answer(readU32(bytes, reply.frameStart + AT_REQUEST_ID));
    }
    reply.bytes = NOTHING;
    // A reply that nobody has begun is told from one that is no reply by its first byte.
    if (at < end && this.connection === connection && bytes[at] !== REPLY_MAGIC) {
      this.lose('what came is no reply of the Shoal protocol');
    }
    return at - start;
  }

  private answer(id: number): void {
    const { reply } = this;
    if (id === GREETING_ID) {
      if (this.state === 'greeting' && reply.status < FIRST_ERROR_STATUS) this.greeted();
      else this.lose(`it refuses us: ${reply.bytes.toString('utf8', reply.valueStart, reply.end)}`);
      return;
    }
    if (reply.status === Status.moved || reply.status === Status.tryAgain) this.refusalCount += 1;
    this.requests.take(id)?.onReply(reply);
  }

  private greeted(): void {
    this.state = 'open';
    this.pauseMs = PAUSE_MS_MIN;
    this.usedAtMs = this.options.monotonicMs();
    this.flush();
  }

  /** The connection is no more, or none came about. */
  private lose(reason: string): void {
    if (this.isClosed) return;
    this.reason = reason;
    this.state = 'pausing';
    const { monotonicMs, random01 } = this.options;
    this.dueMs = monotonicMs() + this.pauseMs * (0.5 + random01() / 2);
    this.pauseMs = Math.min(PAUSE_MS_MAX, this.pauseMs * 2);
    this.dropConnection();
    this.failAll();
    this.options.onSettled(this);
  }

  /** Closes a connection that nobody uses. */
  private rest(): void {
    this.state = 'idle';
    this.dropConnection();
    this.queue.clear();
  }

  private dropConnection(): void {
    const { connection } = this;
    this.attempt?.cancel();
    this.attempt = null;
    this.connection = null;
    this.refusalCount = 0;
    this.received.consume(this.received.length);
    connection?.destroy();
  }

  private failAll(): void {
    const { handedOver } = this.queue;
    // Before anybody is told: who is told may send again.
    this.queue.clear();
    this.requests.expire(Number.POSITIVE_INFINITY, (request, queuePlace) => {
      request.onFault(queuePlace >= handedOver ? LinkFault.unsent : LinkFault.lost, this.reason);
    });
  }
}

const NOTHING: Buffer = Buffer.alloc(0);
