/**
 * docs/CLIENT.md keeps its word: each of its programs is type-checked, and run on Bun and on Node with nodes of its own, and prints what stands
 * after `// →`; its tables are those of the sources.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ERROR_CODES } from '../src/base/errors.ts';
import { NUMBER_OPTIONS } from '../src/client/options.ts';
import { ShoalNode } from '../src/server/node.ts';
import { buildForNode } from './support/build.ts';
import { type ChildResult, runChild } from './support/child-process.ts';
import { REPOSITORY_ROOT } from './support/shoal-process.ts';

const DOCS = join(REPOSITORY_ROOT, 'docs');
const GUIDE = readFileSync(join(DOCS, 'CLIENT.md'), 'utf8');
/** For the build, and the compiler after it. */
const PREPARE_MS_MAX = 90_000;
const NODE_CONSOLE = join(import.meta.dir, 'support/node-console.mjs');

/** What the programs import beside the package. */
const OTHER_PACKAGES = ['@types', 'cache-manager', 'express', 'express-session', 'keyv'];

const STRICTEST = {
  module: 'nodenext',
  target: 'es2023',
  lib: ['es2023', 'esnext.disposable', 'dom'],
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noUnusedLocals: true,
  skipLibCheck: true,
  rootDir: 'sources',
  outDir: 'compiled',
};

interface Program {
  /** The heading that it stands under, with a number. */
  readonly name: string;
  readonly text: string;
  /** What stands after `// →`, in order. */
  readonly printed: readonly string[];
}

const PROGRAMS: readonly Program[] = programsOf(GUIDE);

/** An application's folder, where the package and what the programs import are installed. */
const folder = mkdtempSync(join(tmpdir(), 'shoal-guide-'));
let compiled: ChildResult;
beforeAll(async () => {
  await buildForNode();
  install('shoal', REPOSITORY_ROOT);
  for (const name of OTHER_PACKAGES) install(name, join(REPOSITORY_ROOT, 'node_modules', name));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: STRICTEST, include: ['sources'] }));
  mkdirSync(join(folder, 'sources'));
  for (const { name, text } of PROGRAMS) writeFileSync(join(folder, 'sources', `${name}.ts`), text);
  const compiler = join(REPOSITORY_ROOT, 'node_modules', '.bin', 'tsc');
  compiled = await runChild(compiler, ['-p', folder], { folder, deadlineMs: PREPARE_MS_MAX });
}, PREPARE_MS_MAX);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('there are programs, and most print something', () => {
  expect(PROGRAMS.length).toBeGreaterThan(10);
  expect(PROGRAMS.filter(({ printed }) => printed.length > 0).length).toBeGreaterThan(10);
});

test('the programs are right for the compiler at its strictest', () => {
  expect({ code: compiled.code, complaints: compiled.stdout + compiled.stderr }).toEqual({ code: 0, complaints: '' });
});

describe.each(['bun', 'node'] as const)('on %s', (runtime) => {
  // Bun runs TypeScript as it is; Node 20 needs JavaScript in which `await using` is written out, as the compiler does.
  const [program, flags, from, ending] =
    runtime === 'bun'
      ? [process.execPath, ['--preload', NODE_CONSOLE], 'sources', 'ts']
      : ['node', [], 'compiled', 'js'];

  test.each(PROGRAMS.map(({ name, printed }) => [name, printed] as const))('%s', async (name, printed) => {
    await using first = await ShoalNode.start({ memory: '16mb' });
    await using second = await ShoalNode.start({ memory: '16mb' });
    const text = readFileSync(join(folder, from, `${name}.${ending}`), 'utf8')
      .replaceAll('127.0.0.1:7600', first.address)
      .replaceAll('7601', String(second.port));
    const file = join(folder, `${name}-${runtime}.${ending}`);
    writeFileSync(file, text);
    const { code, stdout, stderr } = await runChild(program, [...flags, file], { folder });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(Buffer.from(stdout, 'latin1').toString('utf8')).toBe(printed.map((line) => `${line}\n`).join(''));
  });
});

test('the options that are numbers are listed as they are', () => {
  const rows = new Map(tableOf('Options').map(([name, ...cells]) => [unquoted(name), cells]));
  for (const [name, row] of Object.entries(NUMBER_OPTIONS)) {
    expect([name, ...(rows.get(name) ?? [])]).toEqual([name, String(row.default), `${row.min}–${row.max}`, row.reason]);
  }
});

test('the errors that a client meets are listed as they are', () => {
  const listed = tableOf('Errors').map(([code, , later]) => [unquoted(code), later]);
  const expected = Object.entries(ERROR_CODES)
    .filter(([code]) => !OF_A_NODE.has(code))
    .map(([code, { retryable }]) => [code, retryable ? 'yes' : 'no']);
  expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(expected));
});

test('each link within the guide and to other files leads somewhere', () => {
  const anchors = new Set([...GUIDE.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading)));
  for (const [, target = ''] of GUIDE.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (target.startsWith('#')) expect(anchors).toContain(target.slice(1));
    else if (!target.includes('://')) expect([target, existsSync(join(DOCS, target))]).toEqual([target, true]);
  }
});

/** Errors that only nodes, coordinators and those who start them meet. */
const OF_A_NODE: ReadonlySet<string> = new Set([
  'DataSetFailed',
  'ListenFailed',
  'LimitExceeded',
  'StateStoreFailed',
  'StateStoreUnavailable',
  'InvalidTopology',
]);

function programsOf(guide: string): readonly Program[] {
  const counts = new Map<string, number>();
  let heading = '';
  return [...guide.matchAll(/^## (.+)$|^```ts\n([\s\S]*?)^```$/gm)].flatMap(([, title, text]) => {
    if (title !== undefined) heading = title;
    if (text === undefined) return [];
    const count = (counts.get(heading) ?? 0) + 1;
    counts.set(heading, count);
    const printed = [...text.matchAll(/\/\/ → (.*)$/gm)].map(([, line = '']) => line);
    return [{ name: `${heading} ${count}`.replaceAll(/\W+/g, '-').toLowerCase(), text, printed }];
  });
}

/** The cells of the rows of the table under a heading. */
function tableOf(heading: string): readonly (readonly string[])[] {
  const section = GUIDE.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  expect(rows.length).toBeGreaterThan(2);
  return rows.slice(2).map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function unquoted(cell: string | undefined): string {
  return (cell ?? '').replaceAll('`', '');
}

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .replaceAll(' ', '-');
}

function install(name: string, from: string): void {
  const to = join(folder, 'node_modules', name);
  mkdirSync(dirname(to), { recursive: true });
  symlinkSync(from, to);
}
