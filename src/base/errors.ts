/**
 * Faults, in one table. A miss or a conflict is an answer, not an error; a fault is a `ShoalError` whose `code` callers
 * match on (never on the message).
 */
export const ERROR_CODES = {
  // Of a node:
  /** An option is unknown or out of its range. */
  InvalidOption: { retryable: false },
  /** The address cannot be listened on. */
  ListenFailed: { retryable: true },
  /** A limit would be passed by what a peer asks for; the connection is closed. */
  LimitExceeded: { retryable: false },
  /** The data folder cannot be used as it is: in use by another process, damaged, from a newer version, full. */
  DataSetFailed: { retryable: false },

  // Of a coordinator:
  /** The state store cannot be used as it is: in use by another process, corrupt, from a newer version, wrong credentials, disk full. */
  StateStoreFailed: { retryable: false },
  /** The state store does not answer; a write may have been done. */
  StateStoreUnavailable: { retryable: true },

  // Of a cluster:
  /** A topology contradicts itself, or its bytes are damaged or of another version. Nothing of it is used. */
  InvalidTopology: { retryable: false },

  // Of a client, before a request is sent:
  /** An argument cannot be used: a key or value of the wrong type, a time to live that is not positive. */
  InvalidArgument: { retryable: false },
  /** The key or the value is longer than the node takes. */
  TooLarge: { retryable: false },
  /** No node is there for this key: the list is empty, or the breaker of the key's node is open. */
  NoAvailableNodes: { retryable: true },
  /** More requests, or more bytes of them, wait for this node than may. */
  QueueFull: { retryable: true },
  /** The client was closed. */
  ClientClosed: { retryable: false },

  // On the way:
  /** The node cannot be reached, or does not let us in for a reason that may pass. */
  ConnectFailed: { retryable: true },
  /** The connection ended after the request was sent: it may have been executed. */
  ConnectionLost: { retryable: true },
  /** No answer came within the deadline: the request may have been executed. */
  Timeout: { retryable: true },
  /** The caller's AbortSignal fired: the request may have been executed. */
  Aborted: { retryable: false },

  // What the node answered:
  /** The user or password is wrong, or one is needed. */
  Unauthenticated: { retryable: false },
  /** The node is full and may not evict, or nothing could be evicted. */
  OutOfMemory: { retryable: true },
  /** The value is not an integer (increment). */
  NotAnInteger: { retryable: false },
  /** The sum does not fit 64 bits (increment), or not the number type that was asked for. */
  Overflow: { retryable: false },
  /** It was done, but fewer replicas have it than were asked for: it may yet be lost with its node. */
  NotReplicated: { retryable: true },
  /** Any other refusal by the node; the message is its text. */
  ServerError: { retryable: false },
  /** What came is not an answer to what was asked, or not this protocol at all. */
  UnexpectedResponse: { retryable: false },
  /** A value cannot be encoded, or the bytes that are stored cannot be decoded. */
  CodecFailed: { retryable: false },
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface ShoalErrorOptions {
  readonly cause?: unknown;
  /** The node that it is about, as `host:port`. */
  readonly node?: string;
  /** Of NotReplicated: how many replicas have it, and what the call would have resolved to, where that is known. */
  readonly replicaCount?: number;
  readonly answer?: unknown;
}

export class ShoalError extends Error {
  override readonly name = 'ShoalError';
  readonly code: ErrorCode;
  /** The node that it is about, as `host:port`; undefined where it is about none. */
  readonly node: string | undefined;
  /** Of NotReplicated: how many replicas have it. */
  readonly replicaCount: number | undefined;
  /** Of NotReplicated: what the call would have resolved to; undefined where the node itself waits for replicas. */
  readonly answer: unknown;

  constructor(code: ErrorCode, message: string, options: ShoalErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.node = options.node;
    this.replicaCount = options.replicaCount;
    this.answer = options.answer;
  }

  /** Whether the same call may succeed later. */
  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }
}
