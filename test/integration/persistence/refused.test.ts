/** Data folders that a node refuses to start on, with what it says: nothing in them is changed. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { runChild } from '../../support/child-process.ts';
import { listedFile } from '../../support/data-folder.ts';
import { RespClient } from '../../support/resp-client.ts';
import { REPOSITORY_ROOT, ShoalProcess } from '../../support/shoal-process.ts';

const TEST_MS_MAX = 60_000;
const SHOAL = join(REPOSITORY_ROOT, 'bin', 'shoal');
/** Of a file's header: behind eight bytes that say what it is. */
const AT_FORMAT = 8;

let root: string;
/** A folder with a snapshot and a log, of a node that was stopped. */
let written: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'shoal-refused-'));
  written = join(root, 'written');
  await using shoal = serve(written);
  using client = await RespClient.connect(await shoal.ready());
  for (let index = 0; index < 200; index += 1) await client.call('SET', `k${index}`, 'v'.repeat(1000));
  expect(await client.call('SAVE')).toBe('+OK\r\n');
  for (let index = 0; index < 200; index += 1) await client.call('SET', `k${index}`, 'w'.repeat(1000));
  shoal.kill('SIGTERM');
  await shoal.exit();
}, TEST_MS_MAX);
afterAll(() => rmSync(root, { recursive: true }));

function argsFor(folder: string): readonly string[] {
  return ['serve', '--port', '0', '--memory', '8mb', '--data-dir', folder];
}

function serve(folder: string): ShoalProcess {
  return new ShoalProcess(argsFor(folder));
}

/** What a node says that does not start on `folder`. */
async function refusal(folder: string): Promise<string> {
  const { code, stdout, stderr } = await runChild(SHOAL, [...argsFor(folder)]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^shoal: .+\n$/);
  return stderr;
}

function copyOf(name: string): string {
  const folder = join(root, name);
  cpSync(written, folder, { recursive: true });
  return folder;
}

/** Name, size and contents of what is in the folder, the lock left out. */
function contentsOf(folder: string): readonly (readonly [string, string])[] {
  const names = readdirSync(folder).filter((name) => name !== 'LOCK');
  return names.toSorted().map((name) => [name, readFileSync(join(folder, name), 'latin1')]);
}

function change(file: string, offset: number, changed: (byte: number) => number): void {
  const bytes = readFileSync(file);
  bytes[offset] = changed(bytes[offset]!);
  writeFileSync(file, bytes);
}

test(
  'one that another process uses',
  async () => {
    const folder = copyOf('used');
    await using shoal = serve(folder);
    const port = await shoal.ready();
    expect(await refusal(folder)).toContain(folder);
    // The first is none the worse for it.
    using client = await RespClient.connect(port);
    expect(await client.call('SET', 'k', 'v')).toBe('+OK\r\n');
  },
  TEST_MS_MAX,
);

test(
  'one whose user was killed is used again',
  async () => {
    const folder = copyOf('killed');
    {
      await using shoal = serve(folder);
      await shoal.ready();
      shoal.kill('SIGKILL');
      await shoal.exit();
    }
    await using shoal = serve(folder);
    await shoal.ready();
  },
  TEST_MS_MAX,
);

describe.each(['log', 'snapshot'] as const)('a %s', (kind) => {
  test('of a newer version', async () => {
    const folder = copyOf(`newer-${kind}`);
    change(listedFile(folder, kind), AT_FORMAT, (byte) => byte + 1);
    const before = contentsOf(folder);
    expect(await refusal(folder)).toMatch(/newer/);
    expect(contentsOf(folder)).toEqual(before);
  });

  test('with a flipped bit in the middle', async () => {
    const folder = copyOf(`flipped-${kind}`);
    const file = listedFile(folder, kind);
    change(file, Math.floor(statSync(file).size / 2), (byte) => byte ^ 4);
    const before = contentsOf(folder);
    const said = await refusal(folder);
    expect(said).toContain(file);
    expect(said).toMatch(/damaged at byte \d+/);
    expect(said).toContain(`shoal data salvage ${folder} --to NEWDIR`);
    expect(contentsOf(folder)).toEqual(before);
  });

  test('that is missing', async () => {
    const folder = copyOf(`missing-${kind}`);
    const file = listedFile(folder, kind);
    rmSync(file);
    expect(await refusal(folder)).toContain(file);
  });
});

test('files without a manifest', async () => {
  const folder = copyOf('headless');
  rmSync(join(folder, 'MANIFEST'));
  const before = contentsOf(folder);
  expect(await refusal(folder)).toContain('MANIFEST');
  expect(contentsOf(folder)).toEqual(before);
});

test('a folder that is a file', async () => {
  const file = join(root, 'file');
  writeFileSync(file, 'text');
  expect(await refusal(file)).toContain(file);
  expect(readFileSync(file, 'utf8')).toBe('text');
});

test(
  'the end of a log that was not written whole is cut off, and said so',
  async () => {
    const folder = copyOf('torn');
    const file = listedFile(folder, 'log');
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.subarray(0, bytes.length - 100));
    await using shoal = serve(folder);
    using client = await RespClient.connect(await shoal.ready());
    expect(await client.call('DBSIZE')).toBe(':200\r\n');
    expect(shoal.error).toMatch(/^shoal: warn: .+\n$/);
    expect(shoal.error).toContain(basename(file));
  },
  TEST_MS_MAX,
);

test(
  'a node with less memory than the data, which may not evict',
  async () => {
    const folder = join(root, 'large');
    {
      await using shoal = new ShoalProcess(['serve', '--port', '0', '--memory', '64mb', '--data-dir', folder]);
      using client = await RespClient.connect(await shoal.ready());
      for (let index = 0; index < 40; index += 1) await client.call('SET', `k${index}`, 'v'.repeat(1_000_000));
      shoal.kill('SIGTERM');
      await shoal.exit();
    }
    const args = [...argsFor(folder), '--eviction', 'noeviction'];
    const { code, stderr } = await runChild(SHOAL, args, { deadlineMs: TEST_MS_MAX });
    expect(code).toBe(1);
    expect(stderr).toMatch(/memory/);
  },
  TEST_MS_MAX,
);

test(
  'an empty folder is as good as none',
  async () => {
    const folder = join(root, 'empty');
    mkdirSync(folder);
    await using shoal = serve(folder);
    await shoal.ready();
  },
  TEST_MS_MAX,
);
