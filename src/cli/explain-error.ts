/**
 * What a fault of the client means to somebody at a terminal: one line that says what happened, where, and what to do. The client's own
 * messages are for programs, which know how they connected.
 */
import { ShoalError } from '../base/errors.ts';

/** The error to show in place of `error`, with the same code. Anything but a ShoalError comes back as it is. */
export function explained(error: unknown): unknown {
  if (!(error instanceof ShoalError)) return error;
  const text = explain(error);
  return text === error.message
    ? error
    : new ShoalError(
        error.code,
        text,
        error.node === undefined ? { cause: error } : { cause: error, node: error.node },
      );
}

/** Runs `task`; what it throws is explained. */
export async function withExplanation<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    throw explained(error);
  }
}

function explain(error: ShoalError): string {
  const node = error.node ?? 'the node';
  const reason = systemCode(error);
  const known = Object.hasOwn(REASONS, reason) ? REASONS[reason] : undefined;
  if (known !== undefined) return `${known(node)} (${reason})`;
  if (error.code === 'NoAvailableNodes' || error.code === 'ConnectFailed') {
    return `${innermost(error).message}; ${CHECK_ADDRESS}`;
  }
  if (error.code === 'Unauthenticated') {
    return `${node} refuses user or password (${error.message}); set SHOAL_PASSWORD, and --user where it is not the default one`;
  }
  if (error.code === 'Timeout') return `${error.message}; wait longer with --timeout 30s`;
  if (error.code === 'ConnectionLost') return `${error.message}; what was asked may have been done`;
  return error.message;
}

const CHECK_ADDRESS = 'check the address that --node or SHOAL_NODES gives';

/** By what the system calls the reason. */
const REASONS: Readonly<Record<string, (node: string) => string>> = {
  ECONNREFUSED: (node) =>
    `nobody listens on ${node}; start a node with "shoal serve", or name another with --node HOST:PORT`,
  ENOTFOUND: (node) => `the host name of ${node} is not known; ${CHECK_ADDRESS}`,
  EAI_AGAIN: (node) => `the host name of ${node} cannot be looked up now; try again, or give an address`,
  EHOSTUNREACH: (node) => `no way leads to ${node}; ${CHECK_ADDRESS}`,
  ENETUNREACH: (node) => `no way leads to ${node}; ${CHECK_ADDRESS}`,
  ETIMEDOUT: (node) => `${node} does not answer; ${CHECK_ADDRESS}, and firewalls on the way`,
};

/** The error code of the system in the chain of causes; empty where there is none. */
export function systemCode(error: unknown): string {
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < CAUSES_MAX; depth += 1) {
    if (!(cause instanceof ShoalError) && 'code' in cause && typeof cause.code === 'string') return cause.code;
    // An address of several families fails once for each.
    cause = cause instanceof AggregateError ? cause.errors[0] : cause.cause;
  }
  return '';
}

function innermost(error: ShoalError): ShoalError {
  let found = error;
  for (let depth = 0; depth < CAUSES_MAX && found.cause instanceof ShoalError; depth += 1) found = found.cause;
  return found;
}

const CAUSES_MAX = 8;
