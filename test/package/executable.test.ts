/** `npm run compile`: one file that holds the runtime, and serves with its janitor where nothing of the checkout is. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChild } from '../support/child-process.ts';
import { RawClient } from '../support/raw-client.ts';
import { REPOSITORY_ROOT, ShoalProcess } from '../support/shoal-process.ts';

const TEST_MS_MAX = 60_000;
const { version } = JSON.parse(readFileSync(join(REPOSITORY_ROOT, 'package.json'), 'utf8')) as { version: string };

let folder: string;
let executable: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-executable-'));
  const compiled = join(folder, 'compiled', 'shoal');
  const script = join(REPOSITORY_ROOT, 'scripts', 'compile.ts');
  const { code, stdout, stderr } = await runChild(process.execPath, [script, compiled], { deadlineMs: TEST_MS_MAX });
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${compiled}\n`, stderr: '' });
  // Started from another place than it was made for.
  executable = join(folder, 'bin', 'shoal');
  mkdirSync(join(folder, 'bin'));
  copyFileSync(compiled, executable);
}, TEST_MS_MAX);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the executable', () => {
  test('knows its version and shows its help', async () => {
    expect(await runChild(executable, ['--version'])).toEqual({ code: 0, stdout: `shoal ${version}\n`, stderr: '' });
    expect((await runChild(executable, ['serve', '--help'])).stdout).toContain('--memory SIZE');
  });

  test(
    'serves, clears what has expired, and stops at SIGTERM',
    async () => {
      await using shoal = new ShoalProcess(['serve', '--port', '0', '--memory', '8mb'], { program: executable });
      const client = await RawClient.connect(await shoal.ready());
      expect(shoal.out).toStartWith(`shoal ${version} ready on 127.0.0.1:`);
      expect(
        await client.exchange([
          ['SET', 'k', 'v', 'PX', '20'],
          ['SET', 'kept', 'v'],
        ]),
      ).toEqual(['+OK\r\n', '+OK\r\n']);
      // By the janitor's thread: nobody asks for the key.
      while ((await client.exchange([['DBSIZE']]))[0] !== ':1\r\n');
      const [info] = await client.exchange([['INFO', 'everything']]);
      expect(info).toContain(`shoal_version:${version}\r\n`);
      expect(info).toContain('expired_keys:1\r\n');
      client.close();
      shoal.kill('SIGTERM');
      expect(await shoal.exit()).toEqual({ code: 0, signal: null });
      expect(shoal.error).toBe('');
    },
    TEST_MS_MAX,
  );

  test(
    'has what it kept again',
    async () => {
      const args = ['serve', '--port', '0', '--memory', '8mb', '--data-dir', join(folder, 'data')];
      for (const [command, reply] of [
        [['SET', 'k', 'v'], '+OK\r\n'],
        [['GET', 'k'], '$1\r\nv\r\n'],
      ] as const) {
        await using shoal = new ShoalProcess(args, { program: executable });
        const client = await RawClient.connect(await shoal.ready());
        expect(await client.exchange([command])).toEqual([reply]);
        client.close();
        shoal.kill('SIGTERM');
        expect(await shoal.exit()).toEqual({ code: 0, signal: null });
        expect(shoal.error).toBe('');
      }
    },
    TEST_MS_MAX,
  );

  test(
    'takes no settings from the files of the folder where it is started',
    async () => {
      writeFileSync(join(folder, '.env'), 'SHOAL_MEMORY=nonsense\n');
      writeFileSync(join(folder, 'bunfig.toml'), 'preload = ["./no-such-file.ts"]\n');
      const args = ['serve', '--port', '0', '--memory', '8mb'];
      const { stdout, stderr } = await runChild(executable, args, { folder, until: /ready on .*\n/ });
      expect(stdout).toContain('ready on ');
      expect(stderr).toBe('');
    },
    TEST_MS_MAX,
  );

  test('says what is wrong with its options', async () => {
    const { code, stderr } = await runChild(executable, ['serve', '--memroy', '1gb']);
    expect(code).toBe(2);
    expect(stderr).toStartWith('shoal: --memroy is not an option; did you mean --memory?\n');
  });
});
