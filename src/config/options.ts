/**
 * Every option of a node: default, unit, range and reason, in one table. The command line, its help, the environment,
 * the file and validation all read it; the compiler proves that no field of `NodeOptions` lacks a row.
 */
import { CLUSTER_ROWS } from './cluster-options.ts';
import { LIMIT_ROWS } from './limit-options.ts';
import type { Limits, NodeOptions } from './node-options.ts';
import { PERSISTENCE_ROWS } from './persistence-options.ts';
import type { NumberOption, OptionKey, OptionSpec, OptionSpecOf, OptionValue } from './option-spec.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

type OptionTable = { readonly [K in OptionKey]: OptionSpecOf<OptionValue<K>> };

const TABLE = {
  host: {
    flag: 'host',
    kind: 'text',
    group: 'Address',
    placeholder: 'ADDRESS',
    default: '127.0.0.1',
    empty: false,
    secret: false,
    changeable: false,
    summary: 'Address to listen on. 0.0.0.0 or :: is every network interface; set a password then.',
    reason: 'Only this machine can reach a cache that nobody has secured yet.',
  },
  port: {
    flag: 'port',
    kind: 'count',
    group: 'Address',
    default: 7600,
    min: 0,
    max: 65_535,
    changeable: false,
    summary: 'TCP port for Redis clients. 0 takes any free one.',
    reason: 'Away from 6379, so that a Redis can run beside it.',
  },
  memoryBytes: {
    flag: 'memory',
    kind: 'size',
    group: 'Memory',
    default: 512 * MIB,
    min: 4 * MIB,
    max: 256 * GIB,
    changeable: false,
    summary: 'Memory for items and their index. The process itself takes some tens of megabytes more.',
    reason:
      "A useful cache on a small machine. The least holds 32 of the smallest segments; the most is what an item's address reaches.",
  },
  eviction: {
    flag: 'eviction',
    kind: 'choice',
    group: 'Memory',
    default: 's3fifo',
    choices: ['s3fifo', 'noeviction'],
    changeable: false,
    summary: 'What to do when memory is full: forget what is used least (s3fifo), or refuse writes (noeviction).',
    reason: 'A cache that is full must go on taking writes.',
  },
  segmentBytes: {
    flag: 'segment',
    kind: 'size',
    group: 'Memory',
    default: 0,
    min: 4 * KIB,
    max: 64 * MIB,
    zero: 'auto',
    powerOfTwo: true,
    changeable: false,
    summary: 'Unit in which memory is reclaimed, a power of two; at most a sixteenth of --memory.',
    reason: 'Auto takes 1 MiB, and less where memory is small, so that eviction stays fine enough.',
  },
  password: {
    flag: 'password',
    kind: 'text',
    group: 'Access',
    placeholder: 'TEXT',
    default: '',
    empty: true,
    secret: true,
    changeable: true,
    summary: 'Password that clients must give with AUTH. Prefer SHOAL_PASSWORD or the file: other users can see flags.',
    reason: 'None is needed while only this machine can connect.',
  },
  debugCommand: {
    flag: 'debug-command',
    kind: 'choice',
    group: 'Access',
    default: 'no',
    choices: ['no', 'local', 'yes'],
    changeable: false,
    summary: 'Who may use the DEBUG command: nobody, clients on this machine, or everybody.',
    reason: 'DEBUG SLEEP stops every other client.',
  },
  transport: {
    flag: 'transport',
    kind: 'choice',
    group: 'Running',
    default: 'auto',
    choices: ['auto', 'io_uring', 'epoll', 'bun', 'node'],
    changeable: false,
    summary:
      "Network layer: the kernel's epoll (epoll; Linux, with Bun), with io_uring to send beside it (io_uring; Linux 6.1, where it is allowed), Bun's own sockets (bun), or those of node:net (node).",
    reason: 'Auto takes the fastest that there is.',
  },
  threadCount: {
    flag: 'threads',
    kind: 'count',
    group: 'Running',
    default: 0,
    min: 1,
    max: 64,
    zero: 'auto',
    changeable: false,
    summary: 'Threads that serve clients, all on the same data. Auto: one for each core. With node:net, one.',
    reason: 'A node uses the machine that it runs on.',
  },
  janitor: {
    flag: 'janitor',
    kind: 'choice',
    group: 'Running',
    default: 'thread',
    choices: ['thread', 'inline'],
    changeable: false,
    summary: 'Where expired and dead data is cleared: in a thread of its own, or between requests.',
    reason: 'A thread of its own keeps clearing out of the time that requests take.',
  },
  ...PERSISTENCE_ROWS,
  ...CLUSTER_ROWS,
  ...LIMIT_ROWS,
} as const satisfies OptionTable;

export const OPTIONS: OptionTable = TABLE;

/** Name, kind and choices of each row as the compiler sees them; `settings.test.ts` compares `NodeSettings` with them. */
export type OptionLiterals = {
  readonly [K in OptionKey]: Pick<(typeof TABLE)[K], 'flag' | 'kind' | ('choices' & keyof (typeof TABLE)[K])>;
};

/** All keys in the order of the table. */
export const OPTION_KEYS = Object.keys(OPTIONS) as readonly OptionKey[];

/** The row of an option, as the union of all kinds. */
export function specOf(key: OptionKey): OptionSpec {
  return OPTIONS[key];
}

/** A relation between two numbers: `smaller + room <= larger`. */
interface Relation {
  readonly smaller: NumberKey;
  readonly larger: NumberKey;
  /** Times `smaller`, before `room` is added. */
  readonly factor?: number;
  readonly room?: number;
  readonly because: string;
}
type NumberKey = { [K in OptionKey]: (typeof OPTIONS)[K] extends NumberOption ? K : never }[OptionKey];

export const RELATIONS: readonly Relation[] = [
  {
    smaller: 'segmentBytes',
    factor: 16,
    larger: 'memoryBytes',
    because: 'memory is at least 16 segments',
  },
  {
    smaller: 'limits.bulkBytesMax',
    room: 65_535 + KIB,
    larger: 'limits.inputBufferBytesMax',
    because: 'a SET of the longest argument, with its key, must fit the input buffer',
  },
  {
    smaller: 'limits.inlineBytesMax',
    larger: 'limits.inputBufferBytesMax',
    because: 'the longest inline command must fit the input buffer',
  },
  {
    smaller: 'limits.valueBytesMax',
    room: KIB,
    larger: 'limits.outputBufferBytesMax',
    because: 'a GET of the longest value must fit the output buffer',
  },
  {
    smaller: 'limits.outputPauseBytes',
    factor: 2,
    larger: 'limits.outputBufferBytesMax',
    because: 'a connection must be paused well before it is closed',
  },
];

/** The defaults as a new object, for embedding and tests. */
export function defaultOptions(): NodeOptions {
  return buildOptions((key) => OPTIONS[key].default);
}

export function defaultLimits(): Limits {
  return defaultOptions().limits;
}

/** Builds `NodeOptions` from a value for each key; the values must be of the types that the table says. */
export function buildOptions(valueOf: (key: OptionKey) => unknown): NodeOptions {
  const options: Record<string, unknown> = {};
  for (const key of OPTION_KEYS) {
    const [group, name] = key.split('.') as [string, string | undefined];
    if (name === undefined) options[key] = valueOf(key);
    else options[group] = { ...(options[group] as object | undefined), [name]: valueOf(key) };
  }
  return options as unknown as NodeOptions;
}
