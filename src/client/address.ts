/** The addresses of nodes as users give them: `host:port`, `[::1]:7600`, or an object. */
import { ShoalError } from '../base/errors.ts';
import { WEIGHT_MAX } from '../topology/ring.ts';

export interface NodeAddress {
  readonly host: string;
  /** 1–65535. Left out: 7600. */
  readonly port?: number;
  /** The node's part of the keys, beside the others': 1–100. Left out: 1. */
  readonly weight?: number;
  /** What places the node on the ring: keep it, and a node may change its address and keep its keys. Left out: `host:port`. */
  readonly id?: string;
}

export interface ResolvedAddress {
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  readonly id: string;
}

export const DEFAULT_PORT = 7600;

/** Throws `InvalidOption`, with what is wrong. */
export function resolveAddress(given: string | NodeAddress): ResolvedAddress {
  const parts = typeof given === 'string' ? parseText(given) : given;
  if (typeof parts !== 'object' || parts === null)
    throw invalid(JSON.stringify(given) ?? 'undefined', 'give "host:port" or { host, port }');
  const { host, port = DEFAULT_PORT, weight = 1 } = parts;
  if (typeof host !== 'string' || host === '') throw invalid(JSON.stringify(given), 'the host is missing');
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw invalid(`port ${port}`, 'ports are whole numbers from 1 to 65535');
  if (!Number.isInteger(weight) || weight < 1 || weight > WEIGHT_MAX) {
    throw invalid(`weight ${weight}`, `weights are whole numbers from 1 to ${WEIGHT_MAX}`);
  }
  const id = parts.id ?? `${host}:${port}`;
  if (typeof id !== 'string' || id === '') throw invalid('an empty id', 'leave it out, or name the node');
  return { host, port, weight, id };
}

function parseText(text: string): NodeAddress {
  const match = /^(?:shoal:\/\/)?(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]@]+))(?::(\d{1,5}))?\/?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) throw invalid(JSON.stringify(text), 'write it as host:port, or [address]:port for IPv6');
  return match?.[3] === undefined ? { host } : { host, port: Number(match[3]) };
}

function invalid(what: string, hint: string): ShoalError {
  return new ShoalError('InvalidOption', `nodes: ${what} is no address of a node; ${hint}`);
}
