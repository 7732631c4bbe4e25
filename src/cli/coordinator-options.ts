/**
 * The options of `shoal coordinator`: flags, variables of the environment, and a file, in this order. The file is a JSON object whose names
 * are those of the flags, as that of a node.
 */
import { readFileSync } from 'node:fs';
import { ShoalError } from '../base/errors.ts';
import { readConfigText } from '../config/file.ts';
import { suggestion } from '../config/nearest.ts';
import { checkOption } from '../config/validate.ts';
import { type CommandOptionTable, readCommandOptions, type ValuesOf } from './command-options.ts';

const DAY_MS = 86_400_000;

export const COORDINATOR_OPTIONS = {
  host: {
    flag: 'host',
    kind: 'text',
    environment: 'SHOAL_COORDINATOR_HOST',
    group: 'Address',
    placeholder: 'ADDRESS',
    default: '127.0.0.1',
    empty: false,
    secret: false,
    summary: 'Address to listen on.',
    reason: 'Only this machine can reach a cluster that nobody has secured yet.',
  },
  port: {
    flag: 'port',
    kind: 'count',
    environment: 'SHOAL_COORDINATOR_PORT',
    group: 'Address',
    default: 7500,
    min: 0,
    max: 65_535,
    summary: 'TCP port for nodes and operators. 0 takes any free one.',
    reason: 'Beside that of the nodes.',
  },
  announce: {
    flag: 'announce',
    kind: 'text',
    environment: 'SHOAL_COORDINATOR_ANNOUNCE',
    group: 'Address',
    placeholder: 'HOST:PORT',
    default: '',
    empty: true,
    secret: false,
    summary: 'Where nodes and other coordinators reach it. Empty: what it listens on.',
    reason: 'Behind address translation it cannot know.',
  },
  cluster: {
    flag: 'cluster',
    kind: 'text',
    group: 'Cluster',
    placeholder: 'NAME',
    default: 'shoal',
    empty: false,
    secret: false,
    environment: 'SHOAL_CLUSTER',
    summary: 'Name of the cluster; nodes of another name are refused.',
    reason: 'Where there is one cluster, nobody need name it.',
  },
  state: {
    flag: 'state',
    kind: 'text',
    group: 'Cluster',
    placeholder: 'STORE',
    default: 'file:shoal-coordinator',
    empty: false,
    secret: false,
    environment: 'SHOAL_STATE',
    summary:
      'Where the state is kept: file:DIR for one coordinator, or etcd:http://HOST:2379 (several separated by commas) for several of which one is elected.',
    reason: 'Needs nothing installed.',
  },
  password: {
    flag: 'password',
    kind: 'text',
    group: 'Cluster',
    placeholder: 'TEXT',
    default: '',
    empty: true,
    secret: true,
    environment: 'SHOAL_PASSWORD',
    summary: 'Password of the cluster: that of its nodes.',
    reason: 'None is needed while only this machine can connect.',
  },
  leaseMs: {
    flag: 'lease',
    kind: 'duration',
    environment: 'SHOAL_LEASE',
    group: 'Cluster',
    default: 2000,
    min: 200,
    max: DAY_MS,
    summary: 'A node that is silent for this long loses its slots.',
    reason:
      'Far longer than a pause of a node in order, short enough that its slots are served again within three seconds.',
  },
  slotsPerMove: {
    flag: 'slots-per-move',
    kind: 'count',
    environment: 'SHOAL_SLOTS_PER_MOVE',
    group: 'Moves',
    default: 64,
    min: 1,
    max: 16_384,
    summary: 'Slots that go over together.',
    reason: 'They wait together too, for some milliseconds; and each group costs the source a pass over its index.',
  },
  concurrentMoves: {
    flag: 'concurrent-moves',
    kind: 'count',
    environment: 'SHOAL_CONCURRENT_MOVES',
    group: 'Moves',
    default: 2,
    min: 0,
    max: 1000,
    summary: 'Groups that are moved at once, for a new cluster; 0: none is begun.',
    reason: 'With more of them clients of two busy cores feel it; two keep a node that joins at work.',
  },
  moveBytesPerSecond: {
    flag: 'move-rate',
    kind: 'size',
    environment: 'SHOAL_MOVE_RATE',
    group: 'Moves',
    default: 0,
    min: 1024,
    max: Number.MAX_SAFE_INTEGER,
    zero: 'unlimited',
    summary: 'Bytes a second that each node may send of what moves away from it, for a new cluster.',
    reason: 'A node knows by itself how to make room for its clients.',
  },
  replicas: {
    flag: 'replicas',
    kind: 'count',
    environment: 'SHOAL_REPLICAS',
    group: 'Replicas',
    default: 0,
    min: 0,
    max: 3,
    summary: 'Copies of each slot on other nodes, for a new cluster; shoal cluster limits changes it later.',
    reason: 'Each takes as much memory again, and a cache can be filled anew.',
  },
  dataWaitMs: {
    flag: 'data-wait',
    kind: 'duration',
    environment: 'SHOAL_DATA_WAIT',
    group: 'Data on disk',
    default: 60_000,
    min: 0,
    max: DAY_MS,
    summary:
      'How long slots that only a dead node has on its disk wait for it, without being served; then they begin empty. 0: not at all.',
    reason: 'A node that is started again has loaded its data by then, where that is not huge.',
  },
} as const satisfies CommandOptionTable;

const CONFIG_OPTION = {
  config: {
    flag: 'config',
    kind: 'text',
    group: 'Configuration',
    placeholder: 'FILE',
    default: '',
    empty: true,
    secret: false,
    summary: 'A JSON file with the names below: { "state": "file:/var/lib/shoal", "lease": "2s" }.',
    reason: 'Flags and the environment are enough for most.',
  },
} as const satisfies CommandOptionTable;

/** All rows, in the order of the help. */
export const ALL_OPTIONS: CommandOptionTable = { ...CONFIG_OPTION, ...COORDINATOR_OPTIONS };

export interface CoordinatorChoices {
  readonly help: boolean;
  readonly values: ValuesOf<typeof COORDINATOR_OPTIONS>;
  /** Sentences that the user should see though nothing is wrong enough to stop. */
  readonly warnings: readonly string[];
}

/** Throws `InvalidOption`, one problem a line. Reads the configuration file and nothing else. */
export function readCoordinatorOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): CoordinatorChoices {
  const warnings: string[] = [];
  const table = { ...CONFIG_OPTION, ...COORDINATOR_OPTIONS };
  const { help, values } = readCommandOptions(table, {
    args,
    environment: usable(environment, warnings),
    defaults: (flags) => fromFile(flags.get('config') ?? ''),
  });
  const { config: _config, ...choices } = values;
  return { help, values: choices, warnings };
}

/** Without what is empty, as compose files and shells unset a variable, and without what others put under our names. */
function usable(
  environment: Readonly<Record<string, string | undefined>>,
  warnings: string[],
): Readonly<Record<string, string | undefined>> {
  const found: Record<string, string> = {};
  for (const { environment: variable } of Object.values<CommandOptionTable[string]>(COORDINATOR_OPTIONS)) {
    const value = variable === undefined ? undefined : environment[variable];
    if (variable === undefined || value === undefined || value === '') continue;
    if (value.startsWith('tcp://')) {
      // Kubernetes sets SHOAL_COORDINATOR_PORT in every pod beside a service called "shoal-coordinator".
      warnings.push(`${variable}=${value} is ignored: it is an address that Kubernetes gives, not a port`);
      continue;
    }
    found[variable] = value;
  }
  return found;
}

/** The values of the file at `path` by flag; none where there is no path. */
function fromFile(path: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  if (path === '') return values;
  const rows = new Map(Object.values(COORDINATOR_OPTIONS).map((row) => [row.flag as string, row] as const));
  const problems: string[] = [];
  for (const { name, value, origin } of readConfigText(textOf(path), path)) {
    const row = rows.get(name);
    if (row === undefined) {
      problems.push(`${origin} is not an option${suggestion(name, [...rows.keys()])}`);
      continue;
    }
    const checked = checkOption(row, value);
    if (checked.ok) values.set(name, String(value));
    else problems.push(`${origin}: ${checked.problem}`);
  }
  if (problems.length > 0) throw new ShoalError('InvalidOption', problems.join('\n'));
  return values;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ShoalError('InvalidOption', `the configuration file ${path} cannot be read: ${reason}`, { cause: error });
  }
}
