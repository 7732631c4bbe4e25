/**
 * How addresses and failures to listen on them are written, the same for every transport.
 */
import { ShoalError } from '../base/errors.ts';

const MAPPED_IPV4_PREFIX = '::ffff:';

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use; stop what uses it or choose another port',
  EADDRNOTAVAIL: 'this machine has no such address; choose one of its own, or 0.0.0.0 for all',
  EACCES: 'no permission for this port; choose one above 1023',
  ENOTFOUND: 'the host name is not known; give an address or a name that resolves',
};

/**
 * `host:port`, or `[host]:port` for IPv6. An IPv4 peer seen through a dual-stack socket (`::ffff:1.2.3.4`) is written as
 * the IPv4 address it is; a peer that left before it could be asked is `?:0`.
 */
export function addressText(host: string | undefined, port: number | undefined): string {
  if (host === undefined || host === '' || port === undefined) return '?:0';
  if (!host.includes(':')) return `${host}:${port}`;
  const mapped = host.startsWith(MAPPED_IPV4_PREFIX) && host.includes('.');
  return mapped ? `${host.slice(MAPPED_IPV4_PREFIX.length)}:${port}` : `[${host}]:${port}`;
}

/** Where clients on this machine reach what listens on `host`: every wildcard includes IPv4's loopback. */
export function reachableHost(host: string): string {
  return host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
}

/** The `ListenFailed` fault for what a runtime threw, with the reason in words and the runtime's error as `cause`. */
export function listenFailed(host: string, port: number, cause: unknown): ShoalError {
  const code = errorCode(cause);
  const known = REASONS[code];
  const detail = cause instanceof Error ? cause.message : String(cause);
  const reason = known === undefined ? detail : `${known} (${code})`;
  return new ShoalError('ListenFailed', `cannot listen on ${addressText(host, port)}: ${reason}`, { cause });
}

function errorCode(cause: unknown): string {
  if (!(cause instanceof Error) || !('code' in cause)) return '';
  return typeof cause.code === 'string' ? cause.code : '';
}
