/**
 * What a request costs from bytes to bytes, without a socket, in ns of CPU time: decoder, dispatch, store and writer of one real data thread, for
 * single requests and for batches of 32, on few items (all in the processor's caches) and on many (none of them).
 *
 * `--against FOLDER` measures another checkout of Shoal in the same process, in turns with this one: that is how a change
 * is judged, because this machine's speed changes by more than most changes bring. What counts is the ratio. `--parts` measures ways to do
 * the smallest steps: hash, compare, copy, digits (bench/lib/hot-parts.ts). `--followed` gives this checkout's store, and not the other's, a change log that
 * somebody follows: with `--against .` the ratio is what recording costs. `--tracked` gives it a client that caches a key which nobody changes.
 *
 *     bun bench/hot-paths.ts [--items 100,1000000] [--value 1024] [--rounds 9] [--only GET] [--against FOLDER] [--followed | --tracked] [--parts] [--json FILE]
 */
import { parseArgs } from 'node:util';
import { resolve } from 'node:path';
import { seededRandom } from '../src/base/random.ts';
import type { SinkConnection, SocketlessThread } from '../test/support/socketless-thread.ts';
import { encodeHello } from '../test/support/shoal-frames.ts';
import { measureParts } from './lib/hot-parts.ts';
import { printTable, progress, rounded, writeJson } from './lib/report.ts';
import { median } from './lib/statistics.ts';
import { keyText, makeBatches, respKinds, respRequest, shoalKinds } from './lib/whole-requests.ts';

const DEPTHS = [1, 32];
/** Requests of each kind that are prepared, and sent again and again. */
const PREPARED_REQUESTS = 8192;
/** How long one measurement takes, about. */
const SAMPLE_NS = 40_000_000;
const ITEM_OVERHEAD_BYTES = 160;
const MEMORY_BYTES_MIN = 256 * 2 ** 20;

interface Case {
  readonly name: string;
  readonly depth: number;
  readonly protocol: 'resp' | 'shoal';
  readonly batches: readonly Buffer[];
}

/** One checkout's data thread, with a connection of each protocol. */
class Contestant {
  private readonly thread: SocketlessThread;
  private readonly connections: Readonly<Record<Case['protocol'], SinkConnection>>;

  private constructor(thread: SocketlessThread) {
    this.thread = thread;
    this.connections = { resp: thread.open(), shoal: thread.open() };
    thread.receive(this.connections.shoal, encodeHello());
  }

  static async load(
    folder: string,
    itemCount: number,
    valueBytes: number,
    follower: 'none' | 'silent' | 'caches',
  ): Promise<Contestant> {
    const module = (await import(`${folder}/test/support/socketless-thread.ts`)) as {
      readonly SocketlessThread: typeof SocketlessThread;
    };
    const itemBytes = valueBytes + ITEM_OVERHEAD_BYTES;
    const contestant = new Contestant(
      new module.SocketlessThread(
        Math.max(MEMORY_BYTES_MIN, Math.ceil(itemCount * itemBytes * 1.1)),
        undefined,
        follower,
      ),
    );
    const value = 'v'.repeat(valueBytes);
    for (let number = 0; number < itemCount; number += 1) {
      contestant.thread.receive(contestant.connections.resp, respRequest('SET', keyText(number), value));
    }
    return contestant;
  }

  /** Runs about `requestCount` requests and returns the CPU time that one took, in ns. */
  measure({ batches, depth, protocol }: Case, requestCount: number): number {
    const { thread } = this;
    const connection = this.connections[protocol];
    const batchCount = Math.ceil(requestCount / depth);
    const before = process.cpuUsage();
    for (let serial = 0, position = 0; serial < batchCount; serial += 1) {
      thread.receive(connection, batches[position]!);
      position = position + 1 === batches.length ? 0 : position + 1;
    }
    const { user, system } = process.cpuUsage(before);
    return ((user + system) * 1000) / (batchCount * depth);
  }
}

async function measureWhole(itemCount: number, settings: Settings): Promise<object[]> {
  const { valueBytes, rounds, only, folders } = settings;
  const contestants: Contestant[] = [];
  for (const [index, folder] of folders.entries()) {
    progress(`filling ${itemCount} items: ${folder}`);
    const follower = index === 0 ? settings.follower : 'none';
    contestants.push(await Contestant.load(folder, itemCount, valueBytes, follower));
  }
  const random01 = seededRandom(1);
  const kinds = [
    ...respKinds(valueBytes).map((kind) => ({ kind, protocol: 'resp' as const })),
    ...shoalKinds(valueBytes).map((kind) => ({ kind, protocol: 'shoal' as const })),
  ].filter(({ kind }) => only === undefined || kind.name.includes(only));
  const results: object[] = [];
  const rows: (string | number)[][] = [];
  for (const { kind, protocol } of kinds) {
    for (const depth of DEPTHS) {
      progress(`${itemCount} items: ${kind.name}, batches of ${depth}`);
      const batches = makeBatches(kind, depth, PREPARED_REQUESTS, itemCount, random01);
      const { name } = kind;
      const samples = sampleInTurns(contestants, { name, depth, protocol, batches }, rounds);
      const medians = samples.map(median);
      const ratios = samples.map((ofOne) => median(ofOne.map((ns, round) => ns / samples.at(-1)![round]!)));
      rows.push([
        name,
        depth,
        ...medians.map((ns) => rounded(ns, 0)),
        ...(folders.length > 1 ? [rounded(ratios[0]!, 3)] : []),
      ]);
      results.push({ request: name, depth, itemCount, valueBytes, ns: samples, ratios });
    }
  }
  progress('');
  console.log(`${itemCount} items of ${valueBytes} bytes, ns of CPU per request`);
  const titles = folders.length > 1 ? ['this', 'other', 'ratio'] : ['ns'];
  printTable([['request', 'batch', ...titles], ...rows]);
  return results;
}

/** `rounds` samples of each contestant, in an order that changes from round to round. The first round warms up and is left out. */
function sampleInTurns(contestants: readonly Contestant[], what: Case, rounds: number): number[][] {
  const warm = contestants.map((one) => one.measure(what, PREPARED_REQUESTS * 12));
  const requestCount = Math.max(PREPARED_REQUESTS, Math.ceil(SAMPLE_NS / Math.max(...warm)));
  const samples: number[][] = contestants.map(() => []);
  for (let round = 0; round <= rounds; round += 1) {
    for (let turn = 0; turn < contestants.length; turn += 1) {
      const index = (turn + round) % contestants.length;
      const ns = contestants[index]!.measure(what, requestCount);
      if (round > 0) samples[index]!.push(ns);
    }
  }
  return samples;
}

interface Settings {
  readonly valueBytes: number;
  readonly rounds: number;
  readonly only: string | undefined;
  readonly follower: 'none' | 'silent' | 'caches';
  /** This checkout, and the one that it is compared with. */
  readonly folders: readonly string[];
}

const { values: flags } = parseArgs({
  options: {
    items: { type: 'string', default: '100,1000000' },
    value: { type: 'string', default: '1024' },
    rounds: { type: 'string', default: '9' },
    only: { type: 'string' },
    against: { type: 'string' },
    followed: { type: 'boolean', default: false },
    tracked: { type: 'boolean', default: false },
    parts: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const here = resolve(import.meta.dirname, '..');
const settings: Settings = {
  valueBytes: Number(flags.value),
  rounds: Number(flags.rounds),
  only: flags.only,
  follower: flags.tracked ? 'caches' : flags.followed ? 'silent' : 'none',
  folders: flags.against === undefined ? [here] : [here, resolve(flags.against)],
};
const runtime =
  process.versions['bun'] === undefined ? `Node ${process.versions.node}` : `Bun ${process.versions['bun']}`;
console.log(`${runtime}, medians of ${settings.rounds} rounds\n`);
const results: object[] = flags.parts ? measureParts(settings.rounds) : [];
if (!flags.parts) {
  for (const count of flags.items.split(',')) results.push(...(await measureWhole(Number(count), settings)));
}
writeJson(flags.json, { benchmark: 'hot-paths', runtime, results });
process.exit(0);
