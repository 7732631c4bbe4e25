/**
 * What data on disk costs, and how long it takes to load it again, beside redis-server and its RDB where that is installed; each load in a new process, in turns.
 *
 *     bun bench/data-set.ts [--items 1000000] [--value-bytes 1024] [--rounds 5] [--json]
 *
 * CPU and time are of the whole process. What is loaded has just been written, so it is in the system's cache.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort, redisServerPath } from '../test/support/redis-server.ts';
import { keyOfItem, RandomValues } from './lib/data-set-items.ts';
import { printEnvironment, readEnvironment } from './lib/environment.ts';

const { values: flags } = parseArgs({
  options: {
    items: { type: 'string', default: '1000000' },
    'value-bytes': { type: 'string', default: '1024' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
});
const itemCount = Number(flags.items);
const valueBytes = Number(flags['value-bytes']);
const rounds = Number(flags.rounds);

interface Spent {
  readonly wallMs: number;
  readonly userMs: number;
  readonly systemMs: number;
}

const folder = mkdtempSync(join(tmpdir(), 'shoal-bench-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const shoalFolder = join(folder, 'shoal');
const redisFolder = join(folder, 'redis');
const environment = readEnvironment(redisServerPath() === null ? ['shoal'] : ['redis', 'shoal']);
if (!flags.json) printEnvironment(environment);
const written = part('write', flags.items, flags['value-bytes']) as {
  readonly appending: Spent;
  readonly saving: Spent;
};
if (redisServerPath() !== null) await fillRedis();
const shoal: Spent[] = [];
const redis: Spent[] = [];
for (let round = 0; round < rounds; round += 1) {
  const { loading, items } = part('load') as { readonly loading: Spent; readonly items: number };
  if (items !== itemCount) throw new Error(`${items} items were loaded`);
  shoal.push(loading);
  if (redisServerPath() !== null) redis.push(await loadRedis());
}
const best = { shoal: leastOf(shoal), redis: redis.length === 0 ? null : leastOf(redis) };
if (flags.json) console.log(JSON.stringify({ environment, itemCount, valueBytes, written, shoal, redis }));
else report();
// What Redis's sockets leave open must not keep it.
process.exit(0);

function report(): void {
  const perItem = ({ userMs, systemMs }: Spent): string => (((userMs + systemMs) * 1000) / itemCount).toFixed(2);
  const text = ({ wallMs, userMs, systemMs }: Spent): string =>
    `${(wallMs / 1000).toFixed(2)} s; CPU ${(userMs / 1000).toFixed(2)} s user, ${(systemMs / 1000).toFixed(2)} s system`;
  console.log(`${itemCount} items of ${valueBytes} bytes, the best of ${rounds} rounds`);
  console.log(
    `append to the log   ${perItem(written.appending)} µs of CPU each, with the snapshots that keep it short`,
  );
  console.log(`write a snapshot    ${perItem(written.saving)} µs of CPU each, ${text(written.saving)}`);
  console.log(`load, shoal         ${text(best.shoal)}`);
  if (best.redis !== null) console.log(`load, redis-server  ${text(best.redis)}`);
}

function part(...words: readonly string[]): unknown {
  const [mode = '', ...rest] = words;
  const file = join(import.meta.dirname, 'lib/data-set-part.ts');
  const child = spawnSync(process.execPath, [file, mode, shoalFolder, ...rest], { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(`${words.join(' ')}: ${child.stderr}`);
  return JSON.parse(child.stdout);
}

interface RunningRedis {
  readonly port: number;
  readonly loadedMs: number;
  readonly stop: () => Promise<void>;
}

async function startRedis(): Promise<RunningRedis> {
  const port = await freePort();
  const child = spawn(redisServerPath()!, [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--dir',
    redisFolder,
  ]);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const killWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const output = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.once('close', () => reject(new Error(text)));
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('Ready to accept connections')) resolve(text);
    });
  });
  const stop = async (): Promise<void> => {
    process.removeListener('exit', killWithUs);
    child.kill('SIGKILL');
    await ended;
  };
  const seconds = /DB loaded from disk: ([\d.]+) seconds/.exec(output)?.[1];
  return { port, loadedMs: Number(seconds ?? 0) * 1000, stop };
}

async function fillRedis(): Promise<void> {
  mkdirSync(redisFolder);
  const redisServer = await startRedis();
  const socket = connect(redisServer.port, '127.0.0.1');
  let answeredBytes = 0;
  const all = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      answeredBytes += chunk.length;
      if (answeredBytes >= (itemCount + 1) * '+OK\r\n'.length) resolve();
    });
  });
  const values = new RandomValues();
  for (let item = 0; item < itemCount; item += 1) {
    const key = keyOfItem(item);
    const start = values.startOf(item);
    socket.write(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key.toString()}\r\n$${valueBytes}\r\n`);
    socket.write(values.bytes.subarray(start, start + valueBytes));
    const isTaken = socket.write('\r\n');
    if (!isTaken) await new Promise((resolve) => socket.once('drain', resolve));
  }
  socket.write('SAVE\r\n');
  await all;
  socket.destroy();
  await redisServer.stop();
  if (statSync(join(redisFolder, 'dump.rdb')).size < itemCount * valueBytes) throw new Error('the RDB is too short');
}

async function loadRedis(): Promise<Spent> {
  const redisServer = await startRedis();
  const socket = connect(redisServer.port, '127.0.0.1');
  socket.write('INFO cpu\r\n');
  const text = await new Promise<string>((resolve) =>
    socket.once('data', (chunk: Buffer) => resolve(chunk.toString())),
  );
  socket.destroy();
  await redisServer.stop();
  const seconds = (name: string): number => Number(new RegExp(`${name}:([\\d.]+)`).exec(text)?.[1] ?? 0);
  return {
    wallMs: redisServer.loadedMs,
    userMs: seconds('used_cpu_user') * 1000,
    systemMs: seconds('used_cpu_sys') * 1000,
  };
}

function leastOf(all: readonly Spent[]): Spent {
  return all.reduce((least, one) => (one.wallMs < least.wallMs ? one : least));
}
