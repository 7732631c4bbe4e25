/**
 * Every option of `shoal bench`: default, unit, range and reason, in one table, and the checks that concern two of them. What the
 * load itself makes of them is in src/load.
 */
import { ShoalError } from '../base/errors.ts';
import { parseSize } from '../config/units.ts';
import { PROTOCOL_NAMES } from '../load/wire.ts';
import { type CommandOptionTable, readCommandOptions, type ReadOptions, type ValuesOf } from './command-options.ts';

/** Sizes of values, each between the two as likely as any other. */
export interface SizeRange {
  readonly minBytes: number;
  readonly maxBytes: number;
}

const VALUE_BYTES_MAX = 64 * 1024 * 1024;
const MEMCACHED_KEY_BYTES_MAX = 250;
const PORT_MAX = 65_535;
const DAY_MS = 86_400_000;

export const BENCH_OPTIONS = {
  target: {
    flag: 'target',
    kind: 'form',
    group: 'Server',
    placeholder: 'HOST:PORT',
    default: '',
    summary: 'Host and port in one, instead of --host and --port.',
    reason: 'As addresses are written elsewhere.',
    parse: parseTarget,
    expected: 'host:port, or [address]:port for IPv6',
  },
  host: {
    flag: 'host',
    kind: 'text',
    group: 'Server',
    placeholder: 'HOST',
    default: '127.0.0.1',
    empty: false,
    secret: false,
    summary: 'Where the server is.',
    reason: 'Where shoal serve listens.',
  },
  port: {
    flag: 'port',
    kind: 'count',
    group: 'Server',
    default: 7600,
    min: 1,
    max: PORT_MAX,
    summary: 'TCP port of the server.',
    reason: 'That of shoal serve.',
  },
  protocol: {
    flag: 'protocol',
    kind: 'choice',
    group: 'Server',
    default: 'resp',
    choices: PROTOCOL_NAMES,
    summary:
      'What to speak: RESP (Redis and what is like it), the Shoal binary protocol, or the text protocol of memcached.',
    reason: 'Most servers speak RESP.',
  },
  user: {
    flag: 'user',
    kind: 'text',
    group: 'Server',
    placeholder: 'NAME',
    default: '',
    empty: true,
    secret: false,
    summary: 'User to authenticate as; needs a password.',
    reason: 'The default user.',
  },
  password: {
    flag: 'password',
    kind: 'text',
    group: 'Server',
    environment: 'SHOAL_PASSWORD',
    placeholder: 'TEXT',
    default: '',
    empty: true,
    secret: true,
    summary: 'Password of the server.',
    reason: 'None.',
  },
  timeoutMs: {
    flag: 'timeout',
    kind: 'duration',
    group: 'Server',
    default: 10_000,
    min: 100,
    max: 600_000,
    summary: 'A connection on which nothing comes for so long is given up, and what it waits for counts as errors.',
    reason: 'Far longer than any reply should take, and short enough not to be taken for a hang.',
  },
  connections: {
    flag: 'connections',
    kind: 'count',
    group: 'Load',
    default: 50,
    min: 1,
    max: 50_000,
    summary: 'Connections, all open for the whole run.',
    reason: 'As redis-benchmark has it. More than some 28,000 to one address run out of ports.',
  },
  pipeline: {
    flag: 'pipeline',
    kind: 'count',
    group: 'Load',
    default: 1,
    min: 1,
    max: 10_000,
    summary: 'Requests in flight on each connection.',
    reason: 'One: each client waits for its reply.',
  },
  operations: {
    flag: 'operations',
    kind: 'count',
    group: 'Load',
    default: 1_000_000,
    min: 1,
    max: 100_000_000_000,
    zero: 'unlimited',
    summary: 'Operations in total. Unlimited where only --duration is given.',
    reason: 'Ten seconds or so.',
  },
  durationMs: {
    flag: 'duration',
    kind: 'duration',
    group: 'Load',
    default: 0,
    min: 100,
    max: 30 * DAY_MS,
    zero: 'unlimited',
    summary: 'Ends the run after so long, if the operations do not first.',
    reason: 'The count of operations ends it.',
  },
  ratePerSecond: {
    flag: 'rate',
    kind: 'count',
    group: 'Load',
    default: 0,
    min: 1,
    max: 10_000_000,
    zero: 'max',
    summary:
      'Operations a second, sent when their time has come whether replies do or not; latency counts from that time, so a stall of the server is seen in full. max: each connection sends as soon as it has a reply.',
    reason: 'How fast the server can be is the first question; what its latency is at a given load the second.',
  },
  readPercent: {
    flag: 'reads',
    kind: 'count',
    group: 'Load',
    default: 70,
    min: 0,
    max: 100,
    summary: 'Percentage of operations that are reads; the others write.',
    reason: 'A cache is read more than it is written.',
  },
  keyCount: {
    flag: 'keys',
    kind: 'count',
    group: 'Items',
    default: 100_000,
    min: 1,
    max: 1_000_000_000,
    summary: 'Different keys.',
    reason: 'With values of 1kb, 100 MB: beyond the processor caches, within any node.',
  },
  distribution: {
    flag: 'distribution',
    kind: 'choice',
    group: 'Items',
    default: 'uniform',
    choices: ['uniform', 'zipf'],
    summary: 'How keys are chosen: each as likely as any other, or few of them most of the time.',
    reason: 'Uniform is the harder one for a cache.',
  },
  zipfExponent: {
    flag: 'zipf-exponent',
    kind: 'form',
    group: 'Items',
    placeholder: 'X',
    default: '0.99',
    summary: 'Key number k comes in proportion to 1/k^X. From 0 to 10.',
    reason: "YCSB's.",
    parse: (text) => parseDecimal(text, 10),
    expected: 'a number from 0 to 10',
  },
  valueBytes: {
    flag: 'value-size',
    kind: 'form',
    group: 'Items',
    placeholder: 'SIZE[-SIZE]',
    default: '1kb',
    summary: 'Length of a value, or the shortest and the longest: 1kb, 100-10kb. From 1 to 64mb.',
    reason: "The seed's.",
    parse: parseSizeRange,
    expected: 'a size from 1 to 64mb, or two such as 100-10kb',
  },
  keyBytes: {
    flag: 'key-size',
    kind: 'size',
    group: 'Items',
    default: 16,
    min: 1,
    max: 65_535,
    summary: 'Length of a key: the prefix, then the number of the key, padded with zeros.',
    reason: 'A usual length.',
  },
  keyPrefix: {
    flag: 'key-prefix',
    kind: 'form',
    group: 'Items',
    placeholder: 'TEXT',
    default: 'bench:',
    summary: "What keys begin with, so that they are told from anybody else's.",
    reason: 'A server may hold other data.',
    parse: (text) => (/^[\x21-\x7e]{0,1000}$/.test(text) ? { text } : null),
    expected: 'printable ASCII without spaces',
  },
  ttlMs: {
    flag: 'ttl',
    kind: 'duration',
    group: 'Items',
    default: 0,
    min: 1,
    max: 365 * DAY_MS,
    zero: 'none',
    summary: 'Time to live of what is written. memcached counts in seconds, rounded up.',
    reason: 'Items that expire are misses, which is another test.',
  },
  seed: {
    flag: 'seed',
    kind: 'count',
    group: 'Items',
    default: 1,
    min: 0,
    max: 4_294_967_295,
    summary: 'Where the random numbers begin: the same operations for the same seed.',
    reason: 'A run can be repeated.',
  },
  preload: {
    flag: 'preload',
    kind: 'choice',
    group: 'Run',
    default: 'all',
    choices: ['all', 'none'],
    summary: 'Write every key once before anything is measured, so that reads find what they read.',
    reason: 'A read of a missing key is cheaper than any real one.',
  },
  warmupMs: {
    flag: 'warmup',
    kind: 'duration',
    group: 'Run',
    default: 0,
    min: 1,
    max: 600_000,
    zero: 'none',
    summary: 'Run the load for so long before it is measured.',
    reason: 'The preload warms both sides already.',
  },
  preset: {
    flag: 'preset',
    kind: 'choice',
    group: 'Run',
    default: 'none',
    choices: ['none', 'seed'],
    summary:
      'Another set of defaults. seed: 1000 clients with 10,000 operations each, 70% reads, values of 1kb, 100,000 keys.',
    reason: 'The load test that this project began with.',
  },
  json: {
    flag: 'json',
    kind: 'switch',
    group: 'Output',
    summary: 'Print the result as JSON, and nothing else, on stdout.',
  },
  jsonFile: {
    flag: 'json-file',
    kind: 'form',
    group: 'Output',
    placeholder: 'FILE',
    default: '',
    summary: 'Write the result as JSON to this file as well.',
    reason: 'None.',
    parse: (text) => ({ path: text }),
    expected: 'the path of a file',
  },
  quiet: { flag: 'quiet', kind: 'switch', group: 'Output', summary: 'Show no progress.' },
} as const satisfies CommandOptionTable;

export type BenchValues = ValuesOf<typeof BENCH_OPTIONS>;

/** Values by flag; any that is given counts before them. */
const PRESETS: Readonly<Record<string, ReadonlyMap<string, string>>> = {
  seed: new Map([
    ['connections', '1000'],
    ['operations', '10000000'],
    ['reads', '70'],
    ['value-size', '1kb'],
    ['keys', '100000'],
    ['pipeline', '1'],
  ]),
};

export interface BenchOptions {
  readonly help: boolean;
  readonly values: BenchValues;
  readonly host: string;
  readonly port: number;
  /** Infinity where only time ends the run. */
  readonly operationsMax: number;
}

/** Throws `InvalidOption` with all that is wrong, one problem a line. */
export function readBenchOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): BenchOptions {
  const read = readCommandOptions(BENCH_OPTIONS, {
    args,
    environment,
    defaults: (flags) => PRESETS[flags.get('preset') ?? ''] ?? new Map<string, string>(),
  });
  const { values, help, given } = read;
  const problems = help ? [] : problemsOf(read);
  if (problems.length > 0) throw new ShoalError('InvalidOption', problems.join('\n'));
  const onlyDuration = given.has('durationMs') && !given.has('operations');
  return {
    help,
    values,
    host: values.target.address?.host ?? values.host,
    port: values.target.address?.port ?? values.port,
    operationsMax: onlyDuration || values.operations === 0 ? Infinity : values.operations,
  };
}

function problemsOf({ values, given }: ReadOptions<typeof BENCH_OPTIONS>): string[] {
  const problems: string[] = [];
  if (given.has('target') && (given.has('host') || given.has('port'))) {
    problems.push('--target already says what --host and --port do; give one or the other');
  }
  if (values.operations === 0 && values.durationMs === 0) {
    problems.push('nothing ends this run; give --operations or --duration');
  }
  const digits = String(values.keyCount - 1).length;
  const leastBytes = values.keyPrefix.text.length + digits;
  if (values.keyBytes < leastBytes) {
    problems.push(
      `--key-size: ${values.keyBytes} bytes are too few for the prefix "${values.keyPrefix.text}" and ${digits} digits; give at least ${leastBytes}, or fewer --keys`,
    );
  }
  if (values.user !== '' && values.password === '') problems.push('--user needs a password');
  if (values.protocol === 'memcached') {
    if (values.keyBytes > MEMCACHED_KEY_BYTES_MAX) {
      problems.push(`--key-size: memcached takes ${MEMCACHED_KEY_BYTES_MAX} bytes at most, not ${values.keyBytes}`);
    }
    if (values.password !== '' && given.has('password')) problems.push('the protocol of memcached has no password');
  }
  if (given.has('zipfExponent') && values.distribution !== 'zipf') {
    problems.push('--zipf-exponent counts only with --distribution zipf');
  }
  return problems;
}

interface Target {
  readonly address: { readonly host: string; readonly port: number } | null;
}

function parseTarget(text: string): Target | null {
  if (text === '') return { address: null };
  const match = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host !== undefined && port >= 1 && port <= PORT_MAX ? { address: { host, port } } : null;
}

function parseDecimal(text: string, max: number): number | null {
  const value = /^\d{1,3}(\.\d{1,9})?$/.test(text) ? Number(text) : NaN;
  return value <= max ? value : null;
}

function parseSizeRange(text: string): SizeRange | null {
  const [first = '', second = first, ...rest] = text.split('-');
  const minBytes = parseSize(first);
  const maxBytes = parseSize(second);
  if (minBytes === null || maxBytes === null || rest.length > 0) return null;
  return minBytes >= 1 && minBytes <= maxBytes && maxBytes <= VALUE_BYTES_MAX ? { minBytes, maxBytes } : null;
}
