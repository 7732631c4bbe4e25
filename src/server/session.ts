/**
 * The state of one client connection, whatever thread and socket carry it. It does nothing by itself: the dispatcher
 * and the handlers read and change it, the data thread moves its bytes.
 *
 * `gates` is the one number that dispatch looks at for each command: zero means that the connection is in no
 * special state and the command may run at once.
 */
import type { Connection } from '../io/transport.ts';
import type { RespDecoder } from '../protocol/resp/decoder.ts';
import { VERSION_MIN } from '../protocol/shoal/frame.ts';
import type { StoreApi, WatchHandle } from '../store/api.ts';
import type { Codec } from './codec.ts';
import { InputBuffer } from './input-buffer.ts';
import { OutputBuffer } from './output-buffer.ts';
import { Trait } from './command-table.ts';
import type { CommandEntry } from './command-table.ts';
import type { IncomingForwards } from './forwarding/incoming-forwards.ts';
import type { SessionForwards } from './forwarding/session-forwards.ts';
import type { HeldReplies } from './reply-gate/held-replies.ts';
import type { BlockedCommand } from './reply-gate/reply-wait.ts';
import type { WrittenSlots } from './replicas/written-slots.ts';
import type { SessionTracking } from './tracking/session-tracking.ts';
import type { TransactionQueue } from './transaction-queue.ts';

/** Bits of `Session.gates`. */
export const Gate = {
  unauthenticated: 1,
  multi: 2,
  /** Has subscriptions; in RESP2 only a few commands are allowed then. */
  subscribed: 4,
  replyOff: 8,
  /** The reply to the current command is dropped. */
  replySkip: 16,
  /** The reply to the next command is dropped. */
  replySkipNext: 32,
  monitor: 64,
  /** A connection of the Shoal protocol that has not said hello. */
  ungreeted: 128,
  /** Its client caches what it reads (CLIENT TRACKING). */
  tracking: 256,
} as const;

/** Reasons why a connection's requests wait. Bits of `Session.holds`. */
export const Hold = {
  /** The peer does not read its replies. */
  output: 1,
  /** CLIENT PAUSE. */
  pause: 2,
  /** What other nodes are to answer: too much of it is under way, or the next request must come after it. */
  forwards: 4,
  /** Its replies wait for something, and too many do, or it is to be slowed down. */
  replies: 8,
  /** It waits in a command. */
  blocked: 16,
} as const;

export type ClientType = 'normal' | 'pubsub' | 'master' | 'replica';

export class Session {
  readonly id: number;
  readonly connection: Connection;
  readonly connectedAtMs: number;
  gates = 0;
  holds = 0;
  /** No more requests are processed; the connection ends once its output is sent. */
  closing = false;
  /** Its output was all handed over and FIN follows. */
  ending = false;
  /** More output came up than may be kept: to be closed at once. */
  overflowed = false;
  closed = false;

  name = '';
  libName = '';
  libVersion = '';
  database = 0;
  /** Of RESP; 3 where the session speaks the Shoal protocol, whose calls are answered in it. */
  protocol: 2 | 3 = 2;
  /** The version of the Shoal protocol that it speaks. */
  shoalVersion = VERSION_MIN;
  /** It has asked about the cluster: it is told where keys are, rather than given them. */
  knowsCluster = false;
  /** READONLY: it is given what this node has copies of, however old, rather than told where it is. */
  readsCopies = false;
  /** Monotonic ms since which its next command waits for a slot; 0: it does not. */
  heldForSlotSinceMs = 0;
  /** What other nodes are to answer, in order; null until there is something. */
  forwards: SessionForwards | null = null;
  /** The slots that it has written to, in a cluster; null: none. */
  writtenSlots: WrittenSlots | null = null;
  /** Replies that wait outside of its output, and their bytes. */
  detachedCount = 0;
  detachedBytes = 0;
  /** Of a session over which another node forwards requests; else null. */
  incoming: IncomingForwards | null = null;
  /** The end of its output, where that waits for something; null until it did. */
  held: HeldReplies | null = null;
  /** The command that it waits in. */
  blocked: BlockedCommand | null = null;
  /** The number of that request, in the Shoal protocol. */
  blockedRequestId = 0;
  /** Where the log of changes stood behind its last write; null: it has written nothing, or nobody keeps count. */
  changeMark: number | null = null;
  /** How its client wants to hear of changes; null: it does not. */
  tracking: SessionTracking | null = null;
  noEvict = false;
  noTouch = false;

  transaction: TransactionQueue | null = null;
  /** A command was refused while the transaction was queued: EXEC aborts. */
  transactionFailed = false;
  watches: WatchHandle[] = [];
  /** What they take, for their limit. */
  watchedBytes = 0;

  /** Channels and patterns, as binary strings; null while there are none. */
  channels: Set<string> | null = null;
  patterns: Set<string> | null = null;
  /** What they take, for their limit. */
  subscriptionBytes = 0;

  /** How its requests are read and answered. */
  codec: Codec;
  /** Null where the session speaks the Shoal protocol, whose decoder keeps nothing for a connection. */
  decoder: RespDecoder | null;
  /** Bits of `Trait` that commands of this session may not have. */
  refusedTraits = 0;
  readonly input = new InputBuffer();
  readonly output = new OutputBuffer();
  /** Bytes of the batch that is being processed in the transport's buffer. */
  batchBytes = 0;
  /** Bytes that the transport took and still reads (WRITE_RETAINED). */
  retainedBytes = 0;
  /** The socket is full: nothing is written until `onDrain`. */
  awaitingDrain = false;
  /** Where its codec keeps the request of this session that it looked at. */
  lookedAt = 0;
  /** Replies to it wait to be sent together with those of others. */
  isGathered = false;
  /** What it was to be answered it must not be: to be closed at once. */
  isRefused = false;
  /** In the data thread's list of sessions with output to send. */
  flushScheduled = false;
  /** Monotonic ms of the last progress of output; meaningful while some is unsent. */
  outputProgressAtMs = 0;
  /** Monotonic ms of the last request, or of the moment closing began. */
  activeAtMs = 0;

  /** ms since 1970. */
  lastRequestAtMs: number;
  lastCommand: CommandEntry | null = null;
  receivedBytes = 0;
  sentBytes = 0;
  commandCount = 0;

  constructor(id: number, connection: Connection, codec: Codec, decoder: RespDecoder, nowMs: number) {
    this.id = id;
    this.connection = connection;
    this.codec = codec;
    this.decoder = decoder;
    this.connectedAtMs = nowMs;
    this.lastRequestAtMs = nowMs;
  }

  /** Bytes that the peer has not taken yet. */
  get unsentBytes(): number {
    return this.output.length + this.retainedBytes;
  }

  /** Bytes at the end of its output that may not leave yet. */
  get heldBytes(): number {
    return this.held === null ? 0 : this.held.length;
  }

  /** Whether what is queued for it from now on must wait. */
  get holdsReplies(): boolean {
    return this.held !== null && !this.held.isEmpty;
  }

  /** Silence of its peer means nothing: something else is waited for, or another node keeps the connection for what may come. */
  get mayBeSilent(): boolean {
    if (this.holds !== 0 || this.incoming !== null || this.holdsReplies || this.detachedCount !== 0) return true;
    return this.forwards !== null && this.forwards.count !== 0;
  }

  get speaksShoal(): boolean {
    return this.decoder === null;
  }

  /** The first byte that came is that of the Shoal protocol. */
  speakShoal(codec: Codec): void {
    this.codec = codec;
    this.decoder = null;
    this.protocol = 3;
    this.refusedTraits = Trait.changesConnection;
    this.setGate(Gate.ungreeted, true);
  }

  get type(): ClientType {
    return (this.gates & Gate.subscribed) !== 0 ? 'pubsub' : 'normal';
  }

  get subscriptionCount(): number {
    return (this.channels?.size ?? 0) + (this.patterns?.size ?? 0);
  }

  /** Whether CLIENT REPLY has the replies of this moment dropped; pushes are not. */
  get isMuted(): boolean {
    return (this.gates & (Gate.replyOff | Gate.replySkip)) !== 0;
  }

  setGate(gate: number, on: boolean): void {
    this.gates = on ? this.gates | gate : this.gates & ~gate;
  }

  /** Whether AUTH is still to be given; the decoder holds such a peer to tighter limits. */
  setAuthenticated(authenticated: boolean): void {
    this.setGate(Gate.unauthenticated, !authenticated);
    if (this.decoder !== null) this.decoder.authenticated = authenticated;
  }

  /** Back to the state of a new connection (RESET); what it has in the store and the hubs was dropped before. */
  reset(authenticated: boolean): void {
    // A reply that CLIENT REPLY SKIP drops stays dropped, that of RESET itself.
    this.gates &= Gate.replySkip;
    this.setAuthenticated(authenticated);
    this.name = '';
    this.database = 0;
    this.protocol = 2;
    this.noEvict = false;
    this.noTouch = false;
    this.knowsCluster = false;
    this.readsCopies = false;
    this.writtenSlots = null;
    this.forwards?.written.clear();
  }

  /** Ends MULTI, however: the queue and the watches are gone. */
  endTransaction(store: StoreApi): void {
    this.transaction = null;
    this.transactionFailed = false;
    this.gates &= ~Gate.multi;
    this.unwatch(store);
  }

  unwatch(store: StoreApi): void {
    this.watchedBytes = 0;
    if (this.watches.length === 0) return;
    for (const watch of this.watches) store.unwatch(watch);
    this.watches = [];
  }
}
