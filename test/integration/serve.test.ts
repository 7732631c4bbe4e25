/** `bin/shoal serve` from the outside, on both runtimes: the ready line, signals, exit codes, and what it prints when it cannot start. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildForNode } from '../support/build.ts';
import { REPOSITORY_ROOT, ShoalProcess } from '../support/shoal-process.ts';

const TEST_TIMEOUT_MS = 60_000;
const { version } = JSON.parse(readFileSync(join(REPOSITORY_ROOT, 'package.json'), 'utf8')) as { version: string };

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-serve-'));
  await buildForNode();
}, TEST_TIMEOUT_MS);
afterAll(() => rmSync(folder, { recursive: true }));

function serve(runtime: string, ...args: readonly string[]): ShoalProcess {
  return new ShoalProcess(['serve', '--port', '0', '--memory', '8mb', ...args], {
    environment: { SHOAL_RUNTIME: runtime },
  });
}

/** What the node answers to `request` on a connection of its own. */
function ask(port: number, request: string, replyBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let reply = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    socket.on('data', (chunk) => {
      reply += chunk.toString('latin1');
      if (reply.length >= replyBytes) socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(reply));
  });
}

describe.each(['bun', 'node'])('on %s', (runtime) => {
  test(
    'is ready, answers, and stops at SIGTERM with 0',
    async () => {
      await using shoal = serve(runtime);
      const port = await shoal.ready();
      expect(shoal.out).toStartWith(`shoal ${version} ready on 127.0.0.1:${port}\n`);
      expect(shoal.out).toContain(`redis-cli -p ${port}\n`);
      expect(shoal.out).toMatch(runtime === 'bun' ? /runtime +.*bun/i : /runtime +.*node/i);
      expect(await ask(port, 'PING\r\n', 7)).toBe('+PONG\r\n');
      const set = '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n';
      expect(await ask(port, set, 16)).toBe('+OK\r\n$5\r\nvalue\r\n');
      shoal.kill('SIGTERM');
      expect(await shoal.exit()).toEqual({ code: 0, signal: null });
      expect(shoal.out).toEndWith('stopping…\n');
      expect(shoal.error).toBe('');
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'stops at SIGINT with 0, connections or not',
    async () => {
      await using shoal = serve(runtime);
      const port = await shoal.ready();
      const closed = new Promise((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
        socket.on('data', () => shoal.kill('SIGINT'));
        socket.on('error', reject);
        socket.on('close', resolve);
      });
      expect(await shoal.exit()).toEqual({ code: 0, signal: null });
      await closed;
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'a port in use: one line, and exit code 1',
    async () => {
      await using first = serve(runtime);
      const port = await first.ready();
      await using second = serve(runtime, '--port', String(port));
      expect(await second.exit()).toEqual({ code: 1, signal: null });
      expect(second.out).toBe('');
      expect(second.error).toMatch(/^shoal: [^\n]+\n$/);
      expect(second.error).toContain(String(port));
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'wrong options: exit code 2',
    async () => {
      await using shoal = serve(runtime, '--evicton', 'lru');
      expect(await shoal.exit()).toEqual({ code: 2, signal: null });
      expect(shoal.error).toStartWith('shoal: --evicton is not an option; did you mean --eviction?\n');
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'options come from a file and the environment too',
    async () => {
      const path = join(folder, `${runtime}.json`);
      writeFileSync(path, '{ "eviction": "noeviction", "limits": { "connections": 1 } }');
      await using shoal = new ShoalProcess(['serve', '--port=0'], {
        environment: { SHOAL_RUNTIME: runtime, SHOAL_CONFIG: path, SHOAL_MEMORY: '16mb' },
      });
      const port = await shoal.ready();
      expect(shoal.out).toContain('16mb, eviction noeviction');
      const held = connect(port, '127.0.0.1');
      await new Promise((resolve) => held.once('data', resolve).write('PING\r\n'));
      expect(await ask(port, '', 34)).toBe('-ERR max number of clients reached\r\n');
      held.destroy();
    },
    TEST_TIMEOUT_MS,
  );
});

test(
  'npm start passes a signal on, and leaves no node behind',
  async () => {
    const args = ['--prefix', REPOSITORY_ROOT, '--silent', 'start', '--', '--port', '0', '--memory', '8mb'];
    await using npm = new ShoalProcess(args, { program: 'npm' });
    await npm.ready();
    npm.kill('SIGTERM');
    // The node holds npm's streams, so this end is that of both.
    expect(await npm.exit()).toEqual({ code: 0, signal: null });
    expect(npm.out).toEndWith('stopping…\n');
  },
  TEST_TIMEOUT_MS,
);

test.each([
  ['SIGTERM', 'SIGINT', 130],
  ['SIGINT', 'SIGTERM', 143],
] as const)(
  'a stop that hangs after %s is forced by %s with %d',
  async (first, second, code) => {
    await using shoal = new ShoalProcess([join(REPOSITORY_ROOT, 'test/support/stuck-shoal.ts'), 'serve'], {
      program: process.execPath,
    });
    await shoal.ready();
    shoal.kill(first);
    await shoal.printed('stopping…');
    shoal.kill(second);
    expect(await shoal.exit()).toEqual({ code, signal: null });
  },
  TEST_TIMEOUT_MS,
);

describe('the launcher', () => {
  async function run(program: string, environment: Readonly<Record<string, string>> = {}): Promise<ShoalProcess> {
    const shoal = new ShoalProcess(['--version'], { program, environment });
    await shoal.exit();
    return shoal;
  }

  /** A package as npm unpacks it, with what the launcher needs and a main file that tells its runtime. */
  function unpack(root: string): string {
    mkdirSync(join(root, 'bin'), { recursive: true });
    mkdirSync(join(root, 'dist', 'cli'), { recursive: true });
    for (const name of ['shoal', 'find-bun.sh'])
      copyFileSync(join(REPOSITORY_ROOT, 'bin', name), join(root, 'bin', name));
    writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(root, 'dist/cli/main.js'), "console.log(process.versions.bun === undefined ? 'node' : 'bun');");
    return join(root, 'bin', 'shoal');
  }

  test('finds itself through links', async () => {
    const link = join(folder, 'link');
    symlinkSync(join(REPOSITORY_ROOT, 'bin', 'shoal'), link);
    symlinkSync('link', join(folder, 'link-to-link'));
    const shoal = await run(join(folder, 'link-to-link'));
    expect(shoal.out).toBe(`shoal ${version}\n`);
  });

  test('finds Bun beside the package, as a dependency of an application has it', async () => {
    const application = join(folder, 'application');
    const program = unpack(join(application, 'node_modules', 'shoal'));
    mkdirSync(join(application, 'node_modules', 'bun', 'bin'), { recursive: true });
    symlinkSync(process.execPath, join(application, 'node_modules/bun/bin/bun.exe'));
    expect((await run(program)).out).toBe('bun\n');
    expect((await run(program, { SHOAL_RUNTIME: 'node' })).out).toBe('node\n');
  });

  test('where install scripts were off, takes the binary and not the stub', async () => {
    const root = join(folder, 'no-scripts');
    const program = unpack(root);
    mkdirSync(join(root, 'node_modules', 'bun', 'bin'), { recursive: true });
    writeFileSync(join(root, 'node_modules/bun/bin/bun.exe'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    expect((await run(program)).out).toBe('node\n');
    mkdirSync(join(root, 'node_modules/@oven/bun-any/bin'), { recursive: true });
    symlinkSync(process.execPath, join(root, 'node_modules/@oven/bun-any/bin/bun'));
    expect((await run(program)).out).toBe('bun\n');
  });

  test('with pnpm, finds the binary beside the place where bun really lies', async () => {
    const store = join(folder, 'pnpm', 'node_modules', '.pnpm');
    const program = unpack(join(store, 'shoal', 'node_modules', 'shoal'));
    mkdirSync(join(store, 'bun', 'node_modules', 'bun'), { recursive: true });
    mkdirSync(join(store, 'bun/node_modules/@oven/bun-any/bin'), { recursive: true });
    symlinkSync(process.execPath, join(store, 'bun/node_modules/@oven/bun-any/bin/bun'));
    symlinkSync(join(store, 'bun', 'node_modules', 'bun'), join(store, 'shoal', 'node_modules', 'bun'));
    expect((await run(program)).out).toBe('bun\n');
  });

  test('says what is missing', async () => {
    const root = join(folder, 'bare');
    const program = unpack(root);
    expect((await run(program, { SHOAL_RUNTIME: 'bun' })).error).toContain('Bun is not installed');
    rmSync(join(root, 'dist'), { recursive: true });
    const shoal = await run(program);
    expect(shoal.error).toContain('npm run build');
    expect(await shoal.exit()).toEqual({ code: 1, signal: null });
    const wrong = await run(program, { SHOAL_RUNTIME: 'deno' });
    expect(wrong.error).toContain('SHOAL_RUNTIME is "deno"');
    expect(await wrong.exit()).toEqual({ code: 2, signal: null });
  });
});
