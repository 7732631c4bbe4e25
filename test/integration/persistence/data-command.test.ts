/** `shoal data`: verify, salvage and dump on folders that a real node wrote. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ChildResult, runChild } from '../../support/child-process.ts';
import { listedFile } from '../../support/data-folder.ts';
import { RespClient } from '../../support/resp-client.ts';
import { REPOSITORY_ROOT, ShoalProcess } from '../../support/shoal-process.ts';

const TEST_MS_MAX = 60_000;
const SHOAL = join(REPOSITORY_ROOT, 'bin', 'shoal');
const KEY_COUNT = 100;
const VALUE = 'v'.repeat(5000);

let root: string;
let written: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'shoal-data-'));
  written = join(root, 'written');
  await using shoal = serve(written);
  using client = await RespClient.connect(await shoal.ready());
  for (let index = 0; index < KEY_COUNT; index += 1) await client.call('SET', `k${index}`, VALUE);
  expect(await client.call('SAVE')).toBe('+OK\r\n');
  await client.call('SET', 'text "quoted"', 'grüße', 'PXAT', '4102444800000');
  await client.call('SET', 'bytes', '\xff\x00');
  await client.call('DEL', 'k0');
  await client.call('SELECT', '2');
  await client.call('SET', 'k', 'of 2');
  await client.call('FLUSHDB');
  await client.call('SWAPDB', '2', '3');
  shoal.kill('SIGTERM');
  expect((await shoal.exit()).code).toBe(0);
}, TEST_MS_MAX);
afterAll(() => rmSync(root, { recursive: true }));

function serve(folder: string): ShoalProcess {
  return new ShoalProcess(['serve', '--port', '0', '--memory', '8mb', '--data-dir', folder]);
}

async function data(...args: readonly string[]): Promise<ChildResult> {
  const result = await runChild(SHOAL, ['data', ...args]);
  return { ...result, stdout: Buffer.from(result.stdout, 'latin1').toString('utf8') };
}

function damagedCopy(name: string, damage: (bytes: Buffer) => Buffer): { folder: string; file: string } {
  const folder = join(root, name);
  cpSync(written, folder, { recursive: true });
  const file = listedFile(folder, 'log');
  writeFileSync(file, damage(readFileSync(file)));
  return { folder, file };
}

/** One bit in the middle of the log is another. */
function flipped(bytes: Buffer): Buffer {
  bytes[bytes.length >> 1]! ^= 1;
  return bytes;
}

describe('verify', () => {
  test('a folder that is whole', async () => {
    const { code, stdout, stderr } = await data('verify', written);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^snapshot-\d+\.shoal: whole, \d+ bytes, \d+ records, 100 of items\n/);
    expect(stdout).toMatch(/\nlog-\d+\.shoal: whole, /);
    expect(stdout).toEndWith(`\n${written} can be loaded\n`);
  });

  test('one with a torn end, which a node loads too', async () => {
    const { folder } = damagedCopy('torn', (bytes) => bytes.subarray(0, bytes.length - 70));
    const { code, stdout } = await data('verify', folder);
    expect(stdout).toMatch(/log-\d+\.shoal: torn, /);
    expect(stdout).toMatch(/\n {2}byte \d+: \d+ bytes cannot be used: /);
    expect(code).toBe(0);
  });

  test('a damaged one, for people and as JSON', async () => {
    const { folder } = damagedCopy('damaged', flipped);
    const { code, stdout } = await data('verify', folder);
    expect(code).toBe(3);
    expect(stdout).toMatch(/log-\d+\.shoal: damaged, /);
    expect(stdout).toEndWith(`shoal data salvage ${folder} --to NEW copies all that is whole\n`);
    const json = await data('verify', folder, '--json');
    expect(json.code).toBe(3);
    expect(JSON.parse(json.stdout)).toMatchObject({
      isLoadable: false,
      files: [{ kind: 'snapshot' }, { kind: 'log' }],
    });
  });

  test('a folder without data, or none', async () => {
    expect(await data('verify', REPOSITORY_ROOT)).toMatchObject({ code: 1, stdout: '' });
    const { code, stderr } = await data('verify', join(root, 'nothing'));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^shoal: .+nothing.+\n$/);
  });
});

describe('salvage', () => {
  test(
    'copies what is whole to a folder that a node starts on',
    async () => {
      const { folder, file } = damagedCopy('salvaged', flipped);
      const before = readFileSync(file, 'latin1');
      const rescued = join(root, 'rescued');
      const { code, stdout, stderr } = await data('salvage', folder, '--to', rescued);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/^\d+ records, \d+ of items, are in .+\n/);
      expect(stdout).toMatch(/\nlog-\d+\.shoal, byte \d+: \d+ bytes are left out: /);
      expect(readFileSync(file, 'latin1')).toBe(before);
      expect((await data('verify', rescued)).code).toBe(0);
      await using shoal = serve(rescued);
      using client = await RespClient.connect(await shoal.ready());
      expect(await client.call('GET', 'k5')).toBe(`$${VALUE.length}\r\n${VALUE}\r\n`);
    },
    TEST_MS_MAX,
  );

  test('of a whole folder leaves nothing out', async () => {
    const { code, stdout } = await data('salvage', written, '--to', join(root, 'copied'));
    expect(code).toBe(0);
    expect(stdout).toEndWith('\nnothing was left out\n');
  });

  test('needs a new folder', async () => {
    expect(await data('salvage', written, '--to', root)).toMatchObject({ code: 1, stdout: '' });
    const { code, stderr } = await data('salvage', written);
    expect(code).toBe(2);
    expect(stderr).toStartWith('shoal: --to is missing');
  });
});

describe('dump', () => {
  test('prints all records for people', async () => {
    const { code, stdout, stderr } = await data('dump', written);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/snapshot-\d+\.shoal \d+ item 0 "k7" = "v{60}"… \(5000 bytes\)\n/);
    expect(stdout).toContain(
      ' item 0 "text \\"quoted\\"" = "gr\\xfc\\xdfe" (5 bytes, expires 2100-01-01T00:00:00.000Z)\n',
    );
    expect(stdout).toMatch(/ removed 0 "k0"\n/);
    expect(stdout).toMatch(/ flushed 2\n/);
    expect(stdout).toMatch(/ mapping 0 1 3 2 4 .*\n/);
    expect(stdout).toMatch(/ end, 100 items\n/);
  });

  test('as JSON has whole values', async () => {
    const { stdout } = await data('dump', written, '--json');
    const records = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly kind: string; readonly key?: unknown; readonly value?: unknown });
    expect(records.filter(({ kind, value }) => kind === 'item' && value === VALUE)).toHaveLength(KEY_COUNT);
    expect(records).toContainEqual(
      expect.objectContaining({ key: 'bytes', value: { base64: '/wA=' }, expiresAt: null }) as never,
    );
  });

  test('shows damaged parts in their places', async () => {
    const { folder } = damagedCopy('dumped', flipped);
    const { code, stdout } = await data('dump', folder);
    expect(code).toBe(0);
    expect(stdout).toMatch(/ damaged, \d+ bytes: /);
  });

  test('ends without a word when its reader has seen enough', async () => {
    const { stdout, stderr } = await runChild('sh', ['-c', `'${SHOAL}' data dump '${written}' | head -1`]);
    expect(stdout).toMatch(/^snapshot-.+\n$/);
    expect(stderr).toBe('');
  });
});

test('each has a help, and a word that is none is refused', async () => {
  for (const word of ['verify', 'salvage', 'dump']) {
    expect((await data(word, '--help')).stdout).toContain(`Usage: shoal data ${word} FOLDER`);
  }
  expect((await data()).code).toBe(2);
  const { code, stderr } = await data('verfy', written);
  expect(code).toBe(2);
  expect(stderr).toContain('"verfy" is not a command of shoal data; did you mean verify?');
});
