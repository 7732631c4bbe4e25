/**
 * The crash test: a node that keeps its data, clients that write, and an end at a random moment, again and again on the same folder: kill -9 for a node that
 * answers writes when they are safe, SIGTERM for any. After each restart every confirmed write must be there with its newest value, and nothing that
 * never was.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Random } from '../../vectors/random.ts';
import { RespClient } from '../resp-client.ts';
import { ShoalProcess } from '../shoal-process.ts';
import { CrashLane } from './crash-lane.ts';

/** Each has two databases. */
const LANE_COUNT = 6;
const LIFE_MS_MIN = 20;
const LIFE_MS_MAX = 500;
const SERVE = ['serve', '--port', '0', '--memory', '64mb', '--eviction', 'noeviction'];
/** Of a node's life, part in which somebody asks for a snapshot. */
const SNAPSHOT_PART = 0.4;

export interface CrashRunOptions {
  readonly folder: string;
  readonly rounds: number;
  readonly seed: number;
  /** For `shoal serve`, beside those that make the node what is tested. */
  readonly args: readonly string[];
  readonly runtime?: 'bun' | 'node';
  /** How each node ends; SIGKILL by default. */
  readonly end?: 'SIGKILL' | 'SIGTERM';
  /** What happens to the folder while no process uses it. */
  readonly betweenLives?: () => Promise<void>;
  /** Called after each round. */
  readonly onRound?: (round: number, confirmedCount: number) => void;
}

export interface CrashRunReport {
  readonly confirmedCount: number;
  /** What was wrong; the run ends with the first round that finds something. */
  readonly problems: readonly string[];
}

export async function runCrashes(options: CrashRunOptions): Promise<CrashRunReport> {
  const { rounds, seed, onRound, betweenLives, end = 'SIGKILL' } = options;
  const random = new Random(seed);
  const lanes = Array.from({ length: LANE_COUNT }, (_, lane) => new CrashLane(lane, new Random(seed * 100 + lane)));
  const confirmed = (): number => lanes.reduce((sum, lane) => sum + lane.confirmedCount, 0);
  for (let round = 0; round <= rounds; round += 1) {
    await using node = serve(options);
    const port = await node.ready();
    const problems = (await Promise.all(lanes.map((lane) => lane.check(port)))).flat();
    if (problems.length > 0) return { confirmedCount: confirmed(), problems };
    if (round === rounds) break;
    const writing = Promise.allSettled(lanes.map((lane) => lane.write(port)));
    const lifeMs = LIFE_MS_MIN + random.below(LIFE_MS_MAX - LIFE_MS_MIN);
    const snapshotAtMs = random.next01() < SNAPSHOT_PART ? random.below(lifeMs) : lifeMs;
    await pause(snapshotAtMs);
    if (snapshotAtMs < lifeMs) await askForSnapshot(port);
    await pause(lifeMs - snapshotAtMs);
    node.kill(end);
    const { code } = await node.exit();
    if (end === 'SIGTERM' && code !== 0)
      return { confirmedCount: confirmed(), problems: [`it ended with ${code}: ${node.error}`] };
    const failures = (await writing).flatMap((outcome) =>
      outcome.status === 'rejected' ? [String(outcome.reason)] : [],
    );
    if (failures.length > 0) return { confirmedCount: confirmed(), problems: failures };
    await betweenLives?.();
    onRound?.(round + 1, confirmed());
  }
  return { confirmedCount: confirmed(), problems: [] };
}

function serve({ folder, args, runtime }: CrashRunOptions): ShoalProcess {
  const environment = { SHOAL_RUNTIME: runtime ?? 'bun' };
  return new ShoalProcess([...SERVE, '--data-dir', folder, ...args], { environment });
}

async function askForSnapshot(port: number): Promise<void> {
  using client = await RespClient.connect(port);
  await client.call('BGSAVE');
}
