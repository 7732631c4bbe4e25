/** Why a connection failed, in words that say what to do. Runtimes have texts of their own; their codes are the same. */

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there; start a node with shoal serve, or give another --host and --port',
  ECONNRESET: 'the server reset the connection',
  EPIPE: 'the server closed the connection',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name cannot be looked up now',
  ETIMEDOUT: 'the server does not answer',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  EMFILE: 'this process may not open more files; raise the limit (ulimit -n), or use fewer connections',
  EADDRNOTAVAIL: 'this machine has no free port left; use fewer connections, or wait for those that closed',
};

/** The reason for people; `null`, where the peer ended it in order. */
export function connectionFailure(error: Error | null): string {
  if (error === null) return 'the server closed the connection';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const reason = REASONS[code];
  return reason === undefined ? error.message : `${reason} (${code})`;
}
