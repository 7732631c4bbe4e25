/**
 * Seeded malformed input against a live node, for as long as one likes:
 *
 *     bun bench/fuzz.ts [--protocol resp | shoal] [--inputs 2000000] [--seed 1] [--lanes 32] [--port N [--host H]]
 *
 * Without --port it starts a node of its own with 64 MB of memory. Exits with 1 at the first answer that is wrong,
 * the first fresh connection that is not served, a node that is gone, or resident memory that grew too much. The same
 * seed sends the same inputs. A node given by --port must have the default limits; for a redis-server give --redis
 * too: then Redis's limits are expected, which tests the expectations themselves.
 */
import { parseArgs } from 'node:util';
import { ShoalProcess } from '../test/support/shoal-process.ts';
import { fuzzNode, type FuzzReport } from '../test/vectors/fuzz-node.ts';
import type { FuzzProtocol } from '../test/vectors/fuzz-protocols.ts';
import { FuzzResp } from '../test/vectors/fuzz-resp.ts';
import { FuzzShoal } from '../test/vectors/fuzz-shoal.ts';
import { defaultLimits } from '../src/config/options.ts';
import { VECTOR_LIMITS } from '../test/vectors/resp.ts';

const MEBIBYTE = 2 ** 20;
const MEMORY_BYTES = 64 * MEBIBYTE;
/** The data, and what is garbage before the runtime collects it: receive buffers, connections. */
const GROWTH_BYTES_MAX = MEMORY_BYTES + 448 * MEBIBYTE;
/** Within a long run memory levels off: what leaks for each input or connection shows in the second half. */
const LATE_GROWTH_BYTES_MAX = 64 * MEBIBYTE;
const LONG_RUN_INPUTS = 1_000_000;
const { argumentCountMax, bulkBytesMax, inlineBytesMax, inputBufferBytesMax } = defaultLimits();
const SHOAL_LIMITS = { argumentCountMax, bulkBytesMax, inlineBytesMax, inputBufferBytesMax };
const REPORT_EVERY_MS = 5000;
const LAST_WORDS = 4000;

const { values } = parseArgs({
  options: {
    protocol: { type: 'string', default: 'resp' },
    inputs: { type: 'string', default: '2000000' },
    seed: { type: 'string', default: '1' },
    lanes: { type: 'string', default: '32' },
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string' },
    redis: { type: 'boolean', default: false },
  },
});

const startedAtMs = performance.now();
let reportedAtMs = startedAtMs;

if (values.port === undefined) {
  await using node = new ShoalProcess(['serve', '--port', '0', '--memory', String(MEMORY_BYTES)]);
  process.exitCode = await run(await node.ready());
  if (process.exitCode !== 0) console.error(`the node's own last words:\n${node.error.slice(-LAST_WORDS)}`);
} else {
  process.exitCode = await run(Number(values.port));
}

async function run(port: number): Promise<number> {
  try {
    const report = await fuzzNode({
      host: values.host,
      port,
      inputCount: Number(values.inputs),
      seed: Number(values.seed),
      laneCount: Number(values.lanes),
      protocol: protocolNamed(values.protocol),
      onProgress: progress,
    });
    print(report);
    return judgeMemory(report);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
  }
  return 1;
}

function protocolNamed(name: string): FuzzProtocol {
  switch (name) {
    case 'resp':
      return values.redis ? new FuzzResp(VECTOR_LIMITS, 'left out') : new FuzzResp(SHOAL_LIMITS, 'sent');
    case 'shoal':
      return new FuzzShoal(SHOAL_LIMITS);
    default:
      throw new Error(`--protocol: ${name} is neither resp nor shoal`);
  }
}

function judgeMemory(report: FuzzReport): number {
  const growthBytes = report.rssMaxBytes - report.rssStartBytes;
  const lateGrowthBytes = report.rssMaxBytes - report.rssHalfBytes;
  if (growthBytes > GROWTH_BYTES_MAX) {
    console.error(
      `resident memory grew by ${mebibytes(growthBytes)} MiB, more than ${mebibytes(GROWTH_BYTES_MAX)} MiB`,
    );
    return 1;
  }
  if (report.inputCount >= LONG_RUN_INPUTS && lateGrowthBytes > LATE_GROWTH_BYTES_MAX) {
    console.error(`resident memory still grew by ${mebibytes(lateGrowthBytes)} MiB in the second half`);
    return 1;
  }
  return 0;
}

function progress(report: FuzzReport): void {
  const nowMs = performance.now();
  if (nowMs - reportedAtMs < REPORT_EVERY_MS) return;
  reportedAtMs = nowMs;
  console.log(
    `${report.inputCount} inputs, ${report.connectionCount} connections, ${mebibytes(report.rssMaxBytes)} MiB`,
  );
}

function print(report: FuzzReport): void {
  const seconds = (performance.now() - startedAtMs) / 1000;
  const rows: readonly (readonly [string, string | number])[] = [
    ['protocol', values.protocol],
    ['seed', values.seed],
    ['inputs sent', report.inputCount],
    ['bytes sent', report.sentBytes],
    ['connections', report.connectionCount],
    ['  closed by the node, with the expected error', report.errorCount],
    ['  closed by the node, error lost in the reset', report.errorLostCount],
    ['  ended by us in order', report.finishedCount],
    ['  reset by us', report.resetCount],
    ['fresh connections that were served', report.probeCount],
    ['resident memory at the start, MiB', mebibytes(report.rssStartBytes)],
    ['resident memory in the first half, MiB', mebibytes(report.rssHalfBytes)],
    ['resident memory at most, MiB', mebibytes(report.rssMaxBytes)],
    ['seconds', seconds.toFixed(1)],
  ];
  for (const [name, value] of rows) console.log(`${name.padEnd(46)} ${value}`);
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / MEBIBYTE);
}
