/**
 * One request on its way: what to send, until when it may take, and whom to tell. It holds references to the caller's key and
 * value, not copies, so that it can be sent again on another connection.
 *
 *     new ──► waiting for a connection ──► in flight ──► settled
 *                      ▲                       │
 *                      └── connection lost, may be repeated; or not this node's, nothing was done
 *
 * It settles exactly once: by its reply, its deadline, its signal, or the loss of its connection. A request that settled while in flight
 * keeps its id on that connection until the reply comes, so that no later request is taken for it.
 */
import type { ShoalError } from '../base/errors.ts';
import type { Opcode } from '../protocol/shoal/frame.ts';
import type { ReplyFrame } from './reply-frame.ts';

/** A key: text is sent as UTF-8. */
export type Key = string | Uint8Array;

/** Turns a reply without error status into what the caller gets; throws a ShoalError where it cannot. */
export type Answer = (reply: ReplyFrame) => unknown;

/** Whom a request that is no promise of its own tells how it ended. */
export interface Settler {
  fulfil(request: Request, value: unknown): void;
  fail(request: Request, error: ShoalError): void;
}

/** Who counts the requests that are pending. */
export interface PendingCounter {
  settled(): void;
}

export class Request {
  /** A get may become another one on its way, see read-options.ts. */
  opcode: Opcode;
  readonly key: Key;
  /** Decides which node it is for: its key, or that of the command inside it. */
  routeKey: Key;
  /** Whether it may be sent again after a connection was lost on which it was sent: doing it twice is doing it once. */
  readonly repeatable: boolean;
  readonly answer: Answer;
  /** Null: `resolve` and `reject` are told. */
  settler: Settler | null = null;
  resolve: (value: unknown) => void = ignore;
  reject: (error: ShoalError) => void = ignore;
  counter: PendingCounter | null = null;
  /** It belongs to a call that was taken before the client was closed: it is still sent. */
  accepted = false;
  /** By the runtime's `nowMs`; 0: it is to be set when it is sent. */
  deadlineMs = 0;
  timeoutMs = 0;
  /** It is for the node that it was given to, not for whichever owns its key: no other one may execute it. */
  isForNode = false;
  /** Its place in a call of many keys. */
  index = 0;

  flags = 0;
  ttlMs = 0;
  version = NO_VERSION;
  /** With `Flag.ack`: how many replicas shall have what it did, and how long its reply waits for that. */
  ackReplicaCount = 0;
  ackWaitMs = 0;
  /** The value: a prefix and then text or bytes. */
  prefix: Uint8Array | null = null;
  text: string | null = null;
  bytes: Uint8Array | null = null;

  /** Its number on the connection that it is in flight on. */
  id = 0;
  /** How often it was sent, but for the times that the node refused it as not its own. */
  sendCount = 0;
  /** How often no node took it, and what the last one said; see HeldRequests. */
  refusalCount = 0;
  refusal: string | null = null;
  /** How often in a row it went from one node on to another at once. */
  hopCount = 0;
  settled = false;
  /** Undoes the listening to the caller's signal. */
  unlisten: (() => void) | null = null;

  constructor(opcode: Opcode, key: Key, repeatable: boolean, answer: Answer) {
    this.opcode = opcode;
    this.key = key;
    this.routeKey = key;
    this.repeatable = repeatable;
    this.answer = answer;
  }

  fulfil(value: unknown): void {
    if (this.settled) return;
    this.settle();
    if (this.settler === null) this.resolve(value);
    else this.settler.fulfil(this, value);
  }

  fail(error: ShoalError): void {
    if (this.settled) return;
    this.settle();
    if (this.settler === null) this.reject(error);
    else this.settler.fail(this, error);
  }

  private settle(): void {
    this.settled = true;
    this.counter?.settled();
    if (this.unlisten === null) return;
    this.unlisten();
    this.unlisten = null;
  }
}

const NO_VERSION = 0n;

function ignore(): void {
  // Replaced before the request is sent.
}
