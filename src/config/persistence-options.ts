/** The rows of the option table that say what a node keeps on disk, and what they ask of each other. */
import type { PersistenceOptions } from './node-options.ts';
import type { OptionKey, OptionSpecOf } from './option-spec.ts';

type PersistenceTable = {
  readonly [K in keyof PersistenceOptions as `persistence.${K}`]: OptionSpecOf<PersistenceOptions[K]>;
};

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;

export const PERSISTENCE_ROWS = {
  'persistence.dataDir': {
    flag: 'data-dir',
    kind: 'text',
    group: 'Persistence',
    placeholder: 'FOLDER',
    default: '',
    empty: true,
    secret: false,
    changeable: false,
    summary: 'Folder in which the data is kept; made if it is not there. One node uses it at a time. Empty: none.',
    reason: 'A cache may lose everything when it stops, unless somebody says where to keep it.',
  },
  'persistence.mode': {
    flag: 'persistence',
    kind: 'choice',
    group: 'Persistence',
    default: 'auto',
    choices: ['auto', 'off', 'snapshot', 'log'],
    changeable: false,
    summary:
      'What is kept in the data folder: nothing (off), a copy of everything from time to time (snapshot), or each change, with such copies in between (log). Auto: log where there is a data folder.',
    reason: 'Who gives a folder wants the data back, all of it.',
  },
  'persistence.fsync': {
    flag: 'fsync',
    kind: 'choice',
    group: 'Persistence',
    default: 'everysec',
    choices: ['never', 'everysec', 'always'],
    changeable: false,
    summary:
      "When the log is made to survive a loss of power: at the system's leisure (never), each second (everysec), or before a write is answered (always).",
    reason: 'As in Redis: a second of writes is at stake when the power is lost, none when only the node dies.',
  },
  'persistence.snapshotIntervalMs': {
    flag: 'snapshot-interval',
    kind: 'duration',
    group: 'Persistence',
    default: 5 * MINUTE_MS,
    min: SECOND_MS,
    max: 365 * DAY_MS,
    zero: 'never',
    changeable: false,
    summary:
      'Time between two snapshots with --persistence snapshot, where anything has changed. A log asks for its own.',
    reason: 'What is written after the last snapshot is lost with the node: some minutes of it.',
  },
  'persistence.onFailure': {
    flag: 'persistence-failure',
    kind: 'choice',
    group: 'Persistence',
    default: 'refuse-writes',
    choices: ['refuse-writes', 'go-on'],
    changeable: false,
    summary:
      'What becomes of writes while the disk does not take them: refused with an error (refuse-writes), or taken and not kept (go-on). The disk is tried again each second.',
    reason: 'As in Redis: who keeps data does not want to find out later that it was not kept.',
  },
} as const satisfies PersistenceTable;

/** What options must not say together. */
interface Contradiction {
  /** Shown with their values. */
  readonly options: readonly OptionKey[];
  readonly holds: (valueOf: (key: OptionKey) => string | number) => boolean;
  readonly because: string;
}

export const CONTRADICTIONS: readonly Contradiction[] = [
  {
    options: ['persistence.mode', 'persistence.dataDir'],
    holds: (valueOf) => modeOf(valueOf) !== 'off' && valueOf('persistence.dataDir') === '',
    because: 'data is kept in a folder',
  },
  {
    options: ['persistence.fsync', 'persistence.mode', 'persistence.dataDir'],
    holds: (valueOf) =>
      valueOf('persistence.fsync') !== PERSISTENCE_ROWS['persistence.fsync'].default && modeOf(valueOf) !== 'log',
    because: 'only a log is written change by change',
  },
  {
    options: ['persistence.snapshotIntervalMs', 'persistence.mode'],
    holds: (valueOf) =>
      valueOf('persistence.snapshotIntervalMs') !== PERSISTENCE_ROWS['persistence.snapshotIntervalMs'].default &&
      modeOf(valueOf) !== 'snapshot',
    because: 'only with snapshots alone does an interval say when they are made',
  },
];

/** What `auto` comes to. */
export function effectiveMode({ mode, dataDir }: Pick<PersistenceOptions, 'mode' | 'dataDir'>): EffectiveMode {
  if (mode !== 'auto') return mode;
  return dataDir === '' ? 'off' : 'log';
}

type EffectiveMode = Exclude<PersistenceOptions['mode'], 'auto'>;

function modeOf(valueOf: (key: OptionKey) => string | number): EffectiveMode {
  return effectiveMode({
    mode: valueOf('persistence.mode') as PersistenceOptions['mode'],
    dataDir: String(valueOf('persistence.dataDir')),
  });
}
