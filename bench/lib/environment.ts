/** What a figure depends on besides the code: machine, kernel, versions, commit, pinning. Printed and stored with every result. */
import { spawnSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { GENERATOR_CORE, PROJECT_ROOT, SERVER_CORE, serverVersion } from './servers.ts';

export interface Environment {
  readonly startedAt: string;
  readonly machine: string;
  readonly kernel: string;
  readonly bun: string;
  readonly servers: Readonly<Record<string, string>>;
  /** Commit of the checkout; `+changes` where tracked files differ from it. */
  readonly commit: string;
  readonly pinning: string;
  /** Processes that ran or waited for a core in the last minute, before we began, on average. */
  readonly loadBefore: number;
}

/** From this load on somebody else is at work, and the figures are theirs too. */
const LOAD_QUIET_MAX = 0.5;

export function readEnvironment(servers: readonly string[]): Environment {
  const processors = cpus();
  return {
    startedAt: new Date().toISOString(),
    machine: `${processors[0]?.model.trim() ?? 'unknown'}, ${processors.length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    bun: Bun.version,
    servers: Object.fromEntries(servers.map((name) => [name, serverVersion(name)])),
    commit: commitOf(PROJECT_ROOT),
    pinning: SERVER_CORE === undefined ? 'none' : `server on core ${SERVER_CORE}, generator on core ${GENERATOR_CORE}`,
    loadBefore: loadavg()[0] ?? NaN,
  };
}

export function printEnvironment(environment: Environment): void {
  const { machine, kernel, bun, servers, commit, pinning, loadBefore } = environment;
  console.log(`machine    ${machine}, Linux ${kernel}`);
  for (const [name, version] of Object.entries(servers)) console.log(`${name.padEnd(11)}${version}`);
  console.log(`commit     ${commit}, generator on Bun ${bun}, pinned: ${pinning}`);
  if (loadBefore > LOAD_QUIET_MAX) {
    console.log(
      `the machine is not quiet: a load of ${loadBefore.toFixed(1)} before this run; figures will be worse than they should`,
    );
  }
  console.log('');
}

function commitOf(folder: string): string {
  const git = (...args: string[]): string =>
    spawnSync('git', ['-C', folder, ...args], { encoding: 'utf8' }).stdout?.trim() ?? '';
  const commit = git('rev-parse', '--short=12', 'HEAD');
  if (commit === '') return 'unknown';
  return git('status', '--porcelain') === '' ? commit : `${commit}+changes`;
}
