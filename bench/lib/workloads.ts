/**
 * The workloads of the suite, one row each. A row says what is asked, of how many keys, over how many connections; what is
 * done with it is its part:
 *
 *     closed     each connection sends its next batch when the last one was answered: throughput, and server CPU per operation
 *     threads    the same, once for each number of server threads
 *     equal      open loop: the same offered load for all servers, 80% of the peak of the slowest; latency from when a request was due
 *     pause      open loop at 50% for minutes, at the memory limit, so that the server evicts: the rarest and longest waits
 *     opinion    redis-benchmark instead of our own generator, on the servers that speak RESP
 *     memory     bytes per item, by bench/memory.ts
 */

export const PARTS = ['closed', 'threads', 'equal', 'pause', 'opinion', 'memory'] as const;
export type Part = (typeof PARTS)[number];

export interface Dataset {
  readonly name: string;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly keyCount: number;
  /** Memory limit of each server. */
  readonly memoryBytes: number;
  /** Whether the keys fit into memory, so that a miss is an error. */
  readonly fits: boolean;
}

export interface Workload {
  readonly name: string;
  readonly part: Part;
  readonly title: string;
  readonly dataset: Dataset;
  /** Part of the requests that are GETs, from 0 to 1; the others are SETs. */
  readonly readShare: number;
  readonly distribution: 'uniform' | 'zipf';
  readonly connections: number;
  /** Requests of a batch, which are sent together. */
  readonly pipeline: number;
  /** Whether `--quick` runs it. */
  readonly quick: boolean;
}

const MEBIBYTE = 2 ** 20;
/** The shape of the seed's tables, and its number of keys. */
const STANDARD: Dataset = dataset('1 KiB values', 32, 1024, 100_000, 1024 * MEBIBYTE, true);
const SMALL: Dataset = dataset('64 B values', 32, 64, 1_000_000, 1024 * MEBIBYTE, true);
/** Twice as much as fits. */
const EVICTING: Dataset = dataset('1 KiB values, evicting', 32, 1024, 500_000, 256 * MEBIBYTE, false);

const PIPELINES = [1, 16, 32, 100] as const;
const OPERATIONS = [
  { name: 'get', title: 'GET', readShare: 1 },
  { name: 'set', title: 'SET', readShare: 0 },
  { name: 'mix', title: '70/30 mix', readShare: 0.7 },
] as const;
type OperationRow = (typeof OPERATIONS)[number];

const ZIPF_EXPONENT = 0.99;
/** As YCSB has it. */
export { ZIPF_EXPONENT };

interface Variation {
  readonly name?: string;
  readonly part?: Part;
  readonly dataset?: Dataset;
  readonly distribution?: 'uniform' | 'zipf';
  readonly connections?: number;
  readonly pipeline?: number;
  readonly quick?: boolean;
}

const [GET, SET, MIX] = OPERATIONS;

export const WORKLOADS: readonly Workload[] = [
  ...OPERATIONS.flatMap((operation) =>
    PIPELINES.map((pipeline) => workload(operation, { pipeline, quick: pipeline === 1 || pipeline === 32 })),
  ),
  ...[GET, SET].flatMap((operation) =>
    [1, 32].map((pipeline) => workload(operation, { name: 'small', dataset: SMALL, pipeline })),
  ),
  workload(GET, { name: 'zipf', distribution: 'zipf' }),
  workload(MIX, { name: 'zipf', distribution: 'zipf' }),
  workload(MIX, { name: '1000', connections: 1000, quick: true }),
  ...OPERATIONS.map((operation) =>
    workload(operation, { part: 'threads', connections: 200, quick: operation === MIX }),
  ),
  workload(MIX, { part: 'threads', connections: 200, pipeline: 16 }),
  workload(MIX, { part: 'equal' }),
  workload(MIX, { part: 'equal', name: '1000', connections: 1000, quick: true }),
  workload(MIX, { part: 'pause', dataset: EVICTING, quick: true }),
  ...[GET, SET].flatMap((operation) =>
    [1, 32].map((pipeline) => workload(operation, { part: 'opinion', pipeline, quick: pipeline === 1 })),
  ),
  { ...workload(SET, { part: 'memory' }), name: 'memory', title: 'bytes per item' },
];

/**
 * The rows that `only` selects: names of workloads and of parts, with commas between; all that the preset has where it is not given.
 * Throws where a name is unknown.
 */
export function selectWorkloads(only: string | undefined, preset: 'full' | 'quick'): readonly Workload[] {
  if (only === undefined) return WORKLOADS.filter((row) => preset === 'full' || row.quick);
  const names = only.split(',').map((name) => name.trim());
  for (const name of names) {
    if (WORKLOADS.some((row) => row.name === name || row.part === name)) continue;
    const known = [...PARTS, ...WORKLOADS.map((row) => row.name)].join(', ');
    throw new Error(`--only: no workload or part is called ${JSON.stringify(name)}; there are ${known}`);
  }
  const byPart = (row: Workload): boolean => names.includes(row.part) && (preset === 'full' || row.quick);
  return WORKLOADS.filter((row) => names.includes(row.name) || byPart(row));
}

function dataset(
  name: string,
  keyBytes: number,
  valueBytes: number,
  keyCount: number,
  memoryBytes: number,
  fits: boolean,
): Dataset {
  return { name, keyBytes, valueBytes, keyCount, memoryBytes, fits };
}

function workload(operation: OperationRow, variation: Variation): Workload {
  const { part = 'closed', dataset: data = STANDARD, distribution = 'uniform', connections = 50 } = variation;
  const { pipeline = 1, quick = false } = variation;
  const prefix = part === 'closed' ? [] : [part];
  const extra = variation.name === undefined ? [] : [variation.name];
  const shape = [
    operation.title,
    ...(distribution === 'zipf' ? ['Zipf keys'] : []),
    data.name,
    `${connections} connections`,
    pipeline === 1 ? 'no pipelining' : `pipeline ${pipeline}`,
  ];
  return {
    name: [...prefix, operation.name, ...extra, ...(pipeline > 1 ? [`p${pipeline}`] : [])].join('-'),
    part,
    title: shape.join(', '),
    dataset: data,
    readShare: operation.readShare,
    distribution,
    connections,
    pipeline,
    quick,
  };
}
