/**
 * How addresses are written, and failures to listen on them or to reach them, the same for every transport.
 */
import { ShoalError } from '../base/errors.ts';

const MAPPED_IPV4_PREFIX = '::ffff:';
const PORT_MAX = 65_535;

const LISTEN_REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use; stop what uses it or choose another port',
  EADDRNOTAVAIL: 'this machine has no such address; choose one of its own, or 0.0.0.0 for all',
  EACCES: 'no permission for this port; choose one above 1023',
  ENOTFOUND: 'the host name is not known; give an address or a name that resolves',
};

const CONNECT_REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  EHOSTUNREACH: 'there is no way to this address',
  ENETUNREACH: 'there is no way to this network',
  EADDRNOTAVAIL: 'there is no way to this address from here',
  ENOTFOUND: 'the host name is not known',
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

/** Host and port of `host:port` or `[host]:port`; null where the text is neither. */
export function splitAddress(text: string): { readonly host: string; readonly port: number } | null {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port < 1 || port > PORT_MAX ? null : { host, port };
}

/** Where clients on this machine reach what listens on `host`: every wildcard includes IPv4's loopback. */
export function reachableHost(host: string): string {
  return host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
}

/** The `ListenFailed` fault for what a runtime threw, with the reason in words and the runtime's error as `cause`. */
export function listenFailed(host: string, port: number, cause: unknown): ShoalError {
  const code = errorCode(cause);
  const known = LISTEN_REASONS[code];
  const detail = cause instanceof Error ? cause.message : String(cause);
  const reason = known === undefined ? detail : `${known} (${code})`;
  return new ShoalError('ListenFailed', `cannot listen on ${addressText(host, port)}: ${reason}`, { cause });
}

/** The `ConnectFailed` fault for what a runtime or the system reported, in words, with that as `cause`. */
export function connectFailed(host: string, port: number, cause: unknown): ShoalError {
  const code = errorCode(cause);
  const known = CONNECT_REASONS[code];
  const detail = cause instanceof Error && cause.message !== '' ? cause.message : code || String(cause);
  const node = addressText(host, port);
  const reason = known === undefined ? detail : `${known} (${code})`;
  return new ShoalError('ConnectFailed', `cannot connect to ${node}: ${reason}`, { cause, node });
}

/** The `ConnectFailed` fault where nobody answered in time. */
export function connectTimedOut(host: string, port: number, timeoutMs: number): ShoalError {
  return connectFailed(host, port, new Error(`no answer within ${timeoutMs} ms`));
}

/** Throws a RangeError where no connection can lead to `port`. */
export function checkPort(port: number): void {
  if (!Number.isInteger(port) || port < 1 || port > 0xffff) throw new RangeError(`${port} is no port to connect to`);
}

function errorCode(cause: unknown): string {
  if (!(cause instanceof Error) || !('code' in cause)) return '';
  return typeof cause.code === 'string' ? cause.code : '';
}
