/** The options of `npm run bench`, checked, with their defaults for a full and for a quick run. */
import { parseArgs } from 'node:util';
import { parseThreadCounts } from './placement.ts';
import { selectWorkloads, type Workload } from './workloads.ts';

export interface SuiteOptions {
  readonly preset: 'full' | 'quick';
  readonly workloads: readonly Workload[];
  readonly servers: string | undefined;
  readonly peers: readonly string[];
  readonly threadCounts: readonly number[];
  readonly rounds: number;
  /** Of one turn. */
  readonly seconds: number;
  /** Of the run that looks for pauses, for each server, in PAUSE_SEGMENTS turns. */
  readonly pauseSeconds: number;
  readonly json: string | undefined;
  readonly markdown: string | undefined;
  /** Folder. */
  readonly charts: string | undefined;
  readonly command: string;
}

/** The pauses are looked for in so many turns of each server, so that a noisy minute of the machine does not hit one alone. */
export const PAUSE_SEGMENTS = 5;

const PRESETS = {
  full: { rounds: 5, seconds: 2, pauseSeconds: 300 },
  quick: { rounds: 3, seconds: 1, pauseSeconds: 20 },
} as const;

export const SUITE_HELP = `Measures Shoal beside the caches that are installed, in one run.

  npm run bench -- [options]

  --quick              a few minutes instead of most of an hour: fewer workloads, shorter turns
  --only NAMES         workloads or parts, with commas between; --list shows them
  --servers NAMES      of redis, memcached, shoal, shoal-binary (default: all that are installed)
  --peer NAME=COMMAND:PORT:PROTOCOL
                       another server; may be repeated. The command may contain blanks, {port}, {threads}
                       and {megabytes}; port 0 takes a free one; the protocol is resp, memcached or shoal
  --threads COUNTS     server threads of the part "threads" (default: powers of two up to the cores)
  --rounds N           turns of each server per workload (default ${PRESETS.full.rounds}; quick ${PRESETS.quick.rounds})
  --seconds S          length of a turn (default ${PRESETS.full.seconds}; quick ${PRESETS.quick.seconds})
  --pause-seconds S    length of the pause run for each server (default ${PRESETS.full.pauseSeconds}; quick ${PRESETS.quick.pauseSeconds})
  --json FILE          all figures
  --markdown FILE      tables for the docs
  --charts FOLDER      SVG charts for the docs
  --list               names and titles of all workloads
  --help               this page
`;

/** Null: only help or list was wanted. Throws with a sentence on what cannot be. */
export function readSuiteOptions(args: readonly string[], coreCount: number): SuiteOptions | 'help' | 'list' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      servers: { type: 'string' },
      peer: { type: 'string', multiple: true, default: [] },
      threads: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      'pause-seconds': { type: 'string' },
      json: { type: 'string' },
      markdown: { type: 'string' },
      charts: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  if (values.list) return 'list';
  const preset = values.quick ? 'quick' : 'full';
  const defaults = PRESETS[preset];
  return {
    preset,
    workloads: selectWorkloads(values.only, preset),
    servers: values.servers,
    peers: values.peer,
    threadCounts: parseThreadCounts(values.threads, coreCount),
    rounds: positive('--rounds', values.rounds, defaults.rounds, 'whole'),
    seconds: positive('--seconds', values.seconds, defaults.seconds, 'any'),
    pauseSeconds: positive('--pause-seconds', values['pause-seconds'], defaults.pauseSeconds, 'any'),
    json: values.json,
    markdown: values.markdown,
    charts: values.charts,
    command: ['npm run bench --', ...args.map(quoted)].join(' ').replace(/ --$/, ''),
  };
}

function positive(option: string, text: string | undefined, fallback: number, kind: 'whole' | 'any'): number {
  if (text === undefined) return fallback;
  const number = Number(text);
  if (number > 0 && Number.isFinite(number) && (kind === 'any' || Number.isInteger(number))) return number;
  throw new Error(`${option}: ${JSON.stringify(text)} is no ${kind === 'whole' ? 'whole number' : 'number'} above 0`);
}

/** For a shell. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
