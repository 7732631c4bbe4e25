/** Every option of the client: default, unit, range and reason in one table, and their validation. */
import { ShoalError } from '../base/errors.ts';
import { ackProblem, type DefaultAckOptions } from './ack.ts';
import { type NodeAddress, type ResolvedAddress, resolveAddress } from './address.ts';
import type { PoolOptions } from './node-pool.ts';
import { type ReadFromOptions, readFromProblem } from './read-options.ts';
import type { CompressionOptions, NamedCodec, ValueCodec } from './values/codec.ts';

export interface ClientOptions<V = unknown> {
  /** The nodes among which keys are shared. */
  readonly nodes: readonly (string | NodeAddress)[];
  /** How values become bytes; `typed` by default. */
  readonly codec?: NamedCodec | ValueCodec<V>;
  readonly compression?: CompressionOptions | CompressionOptions['algorithm'];
  readonly user?: string;
  readonly password?: string;
  /** 0–15. */
  readonly database?: number;
  /** What the node shows in CLIENT LIST. */
  readonly name?: string;
  /** Most connections to one node; more than one is opened only where one is not enough. */
  readonly connectionsPerNode?: number;
  readonly connectTimeoutMs?: number;
  /** From the call to its answer, attempts and waiting for a connection included. */
  readonly requestTimeoutMs?: number;
  /** How often a request is sent at most, where a connection is lost meanwhile and doing it twice is doing it once. */
  readonly attempts?: number;
  readonly backoffFirstMs?: number;
  readonly backoffLongestMs?: number;
  /** Failures in a row after which a node counts as down. */
  readonly breakerFailures?: number;
  /** Requests that may be in flight or wait, per node. */
  readonly pendingMax?: number;
  /** Bytes of requests that may wait to be sent, per node. */
  readonly unsentBytesMax?: number;
  /**
   * `auto` (default): where a node says that it is in a cluster, the cluster says which nodes there are and who has each key, and `nodes` are
   * where to ask first. `off`: keys are shared among `nodes`, whatever they are.
   */
  readonly topology?: 'auto' | 'off';
  /** How many replicas shall have a write before it resolves, in a cluster; left out: none. */
  readonly ack?: DefaultAckOptions;
  /** Who answers `get`, `getBytes`, `getEntry` and `getMany`, in a cluster. */
  readonly readFrom?: 'primary' | 'replica';
  /** How old what a replica answers may be; Infinity: however old. */
  readonly maxStalenessMs?: number;
}

interface NumberRow {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly unit: 'ms' | 'bytes' | '';
  readonly reason: string;
}

const DAY_MS = 86_400_000;
const MIB = 1024 * 1024;

/** The options that are numbers. */
export const NUMBER_OPTIONS = {
  database: { default: 0, min: 0, max: 15, unit: '', reason: 'The databases of Redis.' },
  connectionsPerNode: {
    default: 2,
    min: 1,
    max: 64,
    unit: '',
    reason: 'Requests share a connection; a second one lets small requests pass large ones that choke the first.',
  },
  connectTimeoutMs: { default: 2000, min: 1, max: DAY_MS, unit: 'ms', reason: 'Two lost packets, and a busy node.' },
  requestTimeoutMs: {
    default: 5000,
    min: 1,
    max: DAY_MS,
    unit: 'ms',
    reason: 'A cache that takes longer than what it caches is of no use; long enough for a node to restart.',
  },
  attempts: { default: 3, min: 1, max: 100, unit: '', reason: 'A connection, the one after it, and one more.' },
  backoffFirstMs: { default: 50, min: 1, max: DAY_MS, unit: 'ms', reason: 'A restarting node is back soon.' },
  backoffLongestMs: {
    default: 2000,
    min: 1,
    max: DAY_MS,
    unit: 'ms',
    reason: 'A node that comes back is used again soon.',
  },
  breakerFailures: { default: 3, min: 1, max: 1000, unit: '', reason: 'With the backoff: about a third of a second.' },
  pendingMax: {
    default: 65_536,
    min: 1,
    max: 16_777_216,
    unit: '',
    reason: 'More than an application has in flight unless it forgot to wait.',
  },
  unsentBytesMax: {
    default: 128 * MIB,
    min: 1024,
    max: 2048 * MIB,
    unit: 'bytes',
    reason: 'Two values of the largest size; beyond it memory is filled by what nobody takes.',
  },
} as const satisfies Record<string, NumberRow>;

type NumberName = keyof typeof NUMBER_OPTIONS;
export type NumberOptions = { readonly [N in NumberName]: number };

const OTHER_OPTIONS = [
  'nodes',
  'codec',
  'compression',
  'user',
  'password',
  'name',
  'topology',
  'ack',
  'readFrom',
  'maxStalenessMs',
] as const;

export interface ResolvedOptions extends NumberOptions, ReadFromOptions {
  readonly nodes: readonly ResolvedAddress[];
  readonly user: string;
  readonly password: string;
  readonly name: string;
  readonly topology: 'auto' | 'off';
  readonly ack?: DefaultAckOptions;
}

/** Validates what does not concern values. Throws `InvalidOption` with every problem, a line each. */
export function resolveOptions(given: ClientOptions<never>): ResolvedOptions {
  const problems: string[] = [];
  if (typeof given !== 'object' || given === null)
    throw invalid(['the options are missing: give { nodes: ["host:port"] }']);
  const known: readonly string[] = [...OTHER_OPTIONS, ...Object.keys(NUMBER_OPTIONS)];
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) problems.push(`${name} is not an option; there are ${known.join(', ')}`);
  }
  const nodes = attempt(problems, () => resolveNodes(given.nodes)) ?? [];
  const numbers = Object.fromEntries(
    Object.entries(NUMBER_OPTIONS).map(([name, row]) => [
      name,
      resolveNumber(problems, name, row, given[name as NumberName]),
    ]),
  ) as unknown as NumberOptions;
  const user = resolveText(problems, 'user', given.user, 255);
  const password = resolveText(problems, 'password', given.password, 4096);
  const name = resolveText(problems, 'name', given.name, 255);
  if (/[^!-~]/.test(name)) problems.push('name: only printable ASCII without spaces can be shown');
  if (numbers.backoffFirstMs > numbers.backoffLongestMs)
    problems.push('backoffFirstMs is longer than backoffLongestMs');
  const { topology = 'auto' } = given;
  if (topology !== 'auto' && topology !== 'off') problems.push(`topology: ${shown(topology)} is not "auto" or "off"`);
  const { ack } = given;
  const ackWrong = ack === undefined ? null : ackProblem(ack);
  if (ackWrong !== null) problems.push(ackWrong);
  else if ((ack?.timeoutMs ?? 0) >= numbers.requestTimeoutMs) {
    problems.push(`ack: its timeoutMs is not shorter than requestTimeoutMs, which is ${numbers.requestTimeoutMs}`);
  }
  const readFromWrong = readFromProblem(given);
  if (readFromWrong !== null) problems.push(readFromWrong);
  if (ack?.of === 'all' && given.readFrom === 'replica') {
    problems.push('readFrom: what a replica answers cannot wait for replicas, as ack of "all" would have it');
  }
  if (problems.length > 0) throw invalid(problems);
  const { readFrom = 'primary', maxStalenessMs } = given;
  const reads = { readFrom, ...(maxStalenessMs === undefined ? {} : { maxStalenessMs }) };
  return { ...numbers, ...reads, nodes, user, password, name, topology, ...(ack === undefined ? {} : { ack }) };
}

/** What of the options concerns the connections to a node. */
export function poolOptionsOf(options: ResolvedOptions): Omit<PoolOptions, 'host' | 'port' | 'topology'> {
  return {
    credentials: options,
    connectTimeoutMs: options.connectTimeoutMs,
    connectionCountMax: options.connectionsPerNode,
    backoff: { firstMs: options.backoffFirstMs, longestMs: options.backoffLongestMs },
    breakerFailureCount: options.breakerFailures,
    pendingCountMax: options.pendingMax,
    unsentBytesMax: options.unsentBytesMax,
    sendCountMax: options.attempts,
  };
}

function resolveNodes(given: unknown): readonly ResolvedAddress[] {
  if (!Array.isArray(given)) throw invalid(['nodes: give a list of addresses, e.g. ["127.0.0.1:7600"]']);
  const nodes = given.map((address: string | NodeAddress) => resolveAddress(address));
  const twice = nodes.find(({ id }, index) => nodes.findIndex((other) => other.id === id) !== index);
  if (twice !== undefined) throw invalid([`nodes: ${twice.id} is given twice`]);
  return nodes;
}

function resolveNumber(problems: string[], name: string, row: NumberRow, given: unknown): number {
  if (given === undefined) return row.default;
  const unit = row.unit === '' ? '' : ` ${row.unit}`;
  if (typeof given === 'number' && Number.isInteger(given) && given >= row.min && given <= row.max) return given;
  problems.push(`${name}: ${shown(given)} is not a whole number from ${row.min} to ${row.max}${unit}`);
  return row.default;
}

function resolveText(problems: string[], name: string, given: unknown, byteCountMax: number): string {
  if (given === undefined) return '';
  if (typeof given !== 'string') problems.push(`${name}: it must be text`);
  else if (Buffer.byteLength(given, 'utf8') > byteCountMax) problems.push(`${name}: longer than ${byteCountMax} bytes`);
  else return given;
  return '';
}

function attempt<T>(problems: string[], task: () => T): T | null {
  try {
    return task();
  } catch (error) {
    problems.push((error as Error).message);
    return null;
  }
}

function shown(value: unknown): string {
  return typeof value === 'number' || typeof value === 'bigint'
    ? String(value)
    : (JSON.stringify(value) ?? typeof value);
}

function invalid(problems: readonly string[]): ShoalError {
  return new ShoalError('InvalidOption', problems.join('\n'));
}
