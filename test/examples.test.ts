/** The examples, run as a reader runs them, on Node and on Bun, with a real node: what they print is what they promise. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ShoalNode } from '../src/server/node.ts';
import { buildForNode } from './support/build.ts';
import { runChild } from './support/child-process.ts';
import { nextEvent } from './support/next-event.ts';
import { REPOSITORY_ROOT } from './support/shoal-process.ts';

const FOLDER = join(REPOSITORY_ROOT, 'examples');
const LINES_MAX = 40;
const BUILD_MS_MAX = 60_000;

/** What each example prints, line by line. */
const OUTPUT: Readonly<Record<string, readonly string[]>> = {
  'getting-started.mjs': [
    "{ name: 'Ada', visits: 3 }",
    'making the report',
    '100 callers have it',
    '5',
    '3 keys removed',
  ],
  'keyv.mjs': ["{ name: 'Ada', tags: [ 'admin' ] }", 'false', 'ada Ada', 'undefined'],
  'cache-manager.mjs': ['rendering', '<h1>Hello</h1>', '<h1>Hello</h1>', "[ 'A', 'B', undefined ]", 'A'],
};
/** Those that do not end with their output. */
const OTHERS = ['express-session.mjs', 'test-with-node.mjs'];

beforeAll(buildForNode, BUILD_MS_MAX);

test('each example is tested here, and short', () => {
  const names = readdirSync(FOLDER);
  expect(names.toSorted()).toEqual([...Object.keys(OUTPUT), ...OTHERS].toSorted());
  for (const name of names) {
    expect(readFileSync(join(FOLDER, name), 'utf8').split('\n').length - 1).toBeLessThanOrEqual(LINES_MAX);
  }
});

describe.each(['node', 'bun'] as const)('on %s', (runtime) => {
  const [program, ...flags] =
    runtime === 'node' ? ['node'] : [process.execPath, '--preload', join(import.meta.dir, 'support/node-console.mjs')];
  let node: ShoalNode;
  beforeAll(async () => {
    node = await ShoalNode.start();
  });
  afterAll(() => node.stop());

  test.each(Object.entries(OUTPUT))('%s', async (name, lines) => {
    const args = [...flags, join(FOLDER, name), node.address];
    const { code, stdout, stderr } = await runChild(program, args, { folder: REPOSITORY_ROOT });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n')).toEqual([...lines]);
  });

  test('express-session.mjs', async () => {
    const app = spawn(program, [...flags, join(FOLDER, 'express-session.mjs'), node.address], {
      cwd: REPOSITORY_ROOT,
      env: { ...process.env, PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = nextEvent(app, 'exit');
    try {
      const address = await firstLine(app);
      const first = await fetch(address);
      expect(await first.text()).toBe('You were here 1 times.\n');
      const cookie = first.headers.get('set-cookie')?.split(';')[0] ?? '';
      expect(await (await fetch(address, { headers: { cookie } })).text()).toBe('You were here 2 times.\n');
      app.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    } finally {
      app.kill('SIGKILL');
    }
  });

  test('test-with-node.mjs', async () => {
    const file = join(FOLDER, 'test-with-node.mjs');
    const args = runtime === 'node' ? ['--test', '--test-reporter=tap', file] : ['test', file];
    const { code, stdout, stderr } = await runChild(program, args, { folder: REPOSITORY_ROOT });
    const [passed, failed] = runtime === 'node' ? ['# pass 1', '# fail 0'] : [' 1 pass', ' 0 fail'];
    const lines = (stdout + stderr).split('\n');
    expect({ code, passed: lines.includes(passed), failed: !lines.includes(failed) }).toEqual({
      code: 0,
      passed: true,
      failed: false,
    });
  });
});

async function firstLine(child: ChildProcess): Promise<string> {
  let output = '';
  for await (const chunk of child.stdout ?? []) {
    output += String(chunk);
    if (output.includes('\n')) return output.slice(0, output.indexOf('\n'));
  }
  throw new Error(`the program ended after it printed: ${output}`);
}
