/**
 * Faults, in one table. A miss or a conflict is a reply, not an error; a fault is a `ShoalError` whose `code` callers
 * match on (never on the message).
 */
export const ERROR_CODES = {
  /** An option is unknown or out of its range. */
  INVALID_OPTION: { retryable: false },
  /** The address cannot be listened on. */
  LISTEN_FAILED: { retryable: false },
  /** A limit would be passed by what a peer asks for; the connection is closed. */
  LIMIT_EXCEEDED: { retryable: false },
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export class ShoalError extends Error {
  override readonly name = 'ShoalError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /** Whether the same call may succeed later. */
  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }
}
