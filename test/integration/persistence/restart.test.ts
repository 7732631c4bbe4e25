/** A node that is stopped in order is back with all its data: real processes, in each mode, on both runtimes. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ShoalClient } from '../../../src/client/entry.ts';
import { buildForNode } from '../../support/build.ts';
import { RespClient } from '../../support/resp-client.ts';
import { ShoalProcess } from '../../support/shoal-process.ts';

const TEST_MS_MAX = 60_000;
const LARGE = 'x'.repeat(3_000_000);

let root: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'shoal-restart-'));
  await buildForNode();
}, TEST_MS_MAX);
afterAll(() => rmSync(root, { recursive: true }));

function serve(folder: string, runtime: string, args: readonly string[]): ShoalProcess {
  return new ShoalProcess(['serve', '--port', '0', '--memory', '32mb', '--data-dir', folder, ...args], {
    environment: { SHOAL_RUNTIME: runtime },
  });
}

async function stop(shoal: ShoalProcess): Promise<void> {
  shoal.kill('SIGTERM');
  expect(await shoal.exit()).toEqual({ code: 0, signal: null });
  expect(shoal.error).toBe('');
}

describe.each(['bun', 'node'])('on %s', (runtime) => {
  test.each([
    ['a log', []],
    ['a log with fsync always', ['--fsync', 'always']],
    ['a log that nobody syncs', ['--fsync', 'never']],
    ['snapshots', ['--persistence', 'snapshot']],
    ['snapshots that nobody asks for', ['--persistence', 'snapshot', '--snapshot-interval', 'never']],
  ])(
    'with %s, everything is there again',
    async (name, args) => {
      const folder = join(root, runtime, name);
      {
        await using shoal = serve(folder, runtime, args);
        using client = await RespClient.connect(await shoal.ready());
        expect(shoal.out).toContain('; 0 items loaded in ');
        expect(await client.call('SET', 'text', 'value')).toBe('+OK\r\n');
        expect(await client.call('SET', 'timed', 'value', 'PX', '1000000')).toBe('+OK\r\n');
        expect(await client.call('SET', 'short', 'value', 'PX', '50')).toBe('+OK\r\n');
        expect(await client.call('SET', 'large', LARGE)).toBe('+OK\r\n');
        expect(await client.call('SET', 'gone', 'value')).toBe('+OK\r\n');
        expect(await client.call('DEL', 'gone')).toBe(':1\r\n');
        expect(await client.call('APPEND', 'text', '+')).toBe(':6\r\n');
        await client.call('SELECT', '3');
        expect(await client.call('SET', 'text', 'of 3')).toBe('+OK\r\n');
        await client.call('SELECT', '4');
        expect(await client.call('SET', 'text', 'of 4')).toBe('+OK\r\n');
        expect(await client.call('SWAPDB', '3', '4')).toBe('+OK\r\n');
        await stop(shoal);
      }
      await using again = serve(folder, runtime, args);
      using client = await RespClient.connect(await again.ready());
      expect(await client.call('GET', 'text')).toBe('$6\r\nvalue+\r\n');
      expect(await client.call('GET', 'large')).toBe(`$${LARGE.length}\r\n${LARGE}\r\n`);
      const ttlMs = Number((await client.call('PTTL', 'timed')).slice(1));
      expect(ttlMs).toBeGreaterThan(900_000);
      expect(ttlMs).toBeLessThanOrEqual(1_000_000);
      expect(await client.call('EXISTS', 'short', 'gone')).toBe(':0\r\n');
      expect(await client.call('DBSIZE')).toBe(':3\r\n');
      expect(again.out).toMatch(/; [1-9]\d* items loaded in /);
      expect(await client.call('INFO', 'persistence')).toMatch(/rdb_last_load_keys_loaded:[1-9]/);
      await client.call('SELECT', '3');
      expect(await client.call('GET', 'text')).toBe('$4\r\nof 4\r\n');
      await client.call('SELECT', '4');
      expect(await client.call('GET', 'text')).toBe('$4\r\nof 3\r\n');
      await stop(again);
    },
    TEST_MS_MAX,
  );

  test(
    'SHUTDOWN stops it, with a last snapshot or without',
    async () => {
      const folder = join(root, runtime, 'shutdown');
      const args = ['--persistence', 'snapshot'];
      for (const [key, words] of [
        ['kept', ['SHUTDOWN']],
        ['lost', ['SHUTDOWN', 'NOSAVE']],
      ] as const) {
        await using shoal = serve(folder, runtime, args);
        using client = await RespClient.connect(await shoal.ready());
        expect(await client.call('SET', key, 'v')).toBe('+OK\r\n');
        client.send(...words);
        expect(await client.closed()).toBe('');
        expect(await shoal.exit()).toEqual({ code: 0, signal: null });
      }
      await using shoal = serve(folder, runtime, args);
      using client = await RespClient.connect(await shoal.ready());
      expect(await client.call('KEYS', '*')).toBe('*1\r\n$4\r\nkept\r\n');
    },
    TEST_MS_MAX,
  );
});

test(
  'versions of items are those that a client had before',
  async () => {
    const folder = join(root, 'versions');
    let version: unknown;
    {
      await using shoal = serve(folder, 'bun', []);
      await using client = await ShoalClient.connect({ nodes: [`127.0.0.1:${await shoal.ready()}`] });
      await client.set('k', 'first');
      version = (await client.getEntry('k'))?.version;
      await client.close();
      await stop(shoal);
    }
    await using shoal = serve(folder, 'bun', []);
    await using client = await ShoalClient.connect({ nodes: [`127.0.0.1:${await shoal.ready()}`] });
    expect((await client.getEntry('k'))?.version).toEqual(version as never);
  },
  TEST_MS_MAX,
);

test(
  'SAVE and BGSAVE write while clients work, and INFO tells of it',
  async () => {
    await using shoal = serve(join(root, 'save'), 'bun', []);
    const port = await shoal.ready();
    using client = await RespClient.connect(port);
    const before = Number((await client.call('LASTSAVE')).slice(1));
    await client.call('SET', 'k', 'v');
    expect(await client.call('SAVE')).toBe('+OK\r\n');
    expect(Number((await client.call('LASTSAVE')).slice(1))).toBeGreaterThanOrEqual(before);
    const info = await client.call('INFO', 'persistence');
    expect(info).toContain('rdb_bgsave_in_progress:0\r\n');
    expect(info).toContain('rdb_changes_since_last_save:0\r\n');
    expect(info).toContain('rdb_last_bgsave_status:ok\r\n');
    expect(info).toContain('shoal_snapshot_items:1\r\n');
    expect(await client.call('BGSAVE')).toBe('+Background saving started\r\n');
    expect(await client.call('WAITAOF', '1', '0', '5000')).toBe('*2\r\n:1\r\n:0\r\n');
  },
  TEST_MS_MAX,
);

test(
  'calls of the Shoal protocol wait as well, and so does what was sent behind them',
  async () => {
    await using shoal = serve(join(root, 'calls'), 'bun', ['--fsync', 'always']);
    await using client = await ShoalClient.connect({ nodes: [`127.0.0.1:${await shoal.ready()}`] });
    const keys = Array.from({ length: 50 }, (_, index) => `k${index}`);
    const [saved, awaited, ...stored] = await Promise.all([
      client.call(['SAVE']),
      client.call(['WAITAOF', '1', '0', '5000']),
      ...keys.map((key) => client.set(key, key)),
    ]);
    expect(saved).toBe('OK');
    expect(awaited).toEqual([1, 0]);
    expect(new Set(stored)).toEqual(new Set([true]));
    expect(await client.getMany(keys)).toEqual(keys);
  },
  TEST_MS_MAX,
);
