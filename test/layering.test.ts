/**
 * Imports go one way, from what is near to people down to what knows nothing of the rest, and no two files need each
 * other. The table is the rule; the docs draw it.
 */
import { describe, expect, test } from 'bun:test';
import { importsOf, resolveImport, type SourceFile, sourceFiles } from './support/source-files.ts';

interface Layer {
  readonly imports: readonly string[];
  /** Folders of which only types may be used. */
  readonly importsTypes?: readonly string[];
}

/** What the files of each folder of src/ may import, besides their own folder. */
const LAYERS: Readonly<Record<string, Layer>> = {
  base: { imports: [] },
  config: { imports: ['base'] },
  protocol: { imports: ['base'], importsTypes: ['config'] },
  topology: { imports: ['base'], importsTypes: ['config'] },
  store: { imports: ['base'], importsTypes: ['config'] },
  io: { imports: ['base'], importsTypes: ['config'] },
  control: { imports: ['base', 'protocol', 'io'] },
  changes: { imports: ['base', 'store'], importsTypes: ['config'] },
  persistence: { imports: ['base', 'io', 'store', 'changes'], importsTypes: ['config'] },
  cluster: { imports: ['base', 'config', 'protocol', 'topology', 'store', 'io', 'control', 'changes'] },
  server: {
    imports: ['base', 'config', 'protocol', 'topology', 'store', 'io', 'control', 'changes', 'persistence', 'cluster'],
  },
  coordinator: { imports: ['base', 'config', 'protocol', 'topology', 'io', 'control'] },
  client: { imports: ['base', 'protocol', 'topology'] },
  adapters: { imports: ['base', 'client'] },
  load: { imports: ['base', 'protocol', 'client'] },
  ops: {
    imports: ['base', 'config', 'protocol', 'topology', 'store', 'io', 'changes', 'persistence', 'cluster', 'server'],
  },
  cli: {
    imports: [
      'base',
      'config',
      'protocol',
      'topology',
      'store',
      'io',
      'changes',
      'persistence',
      'control',
      'cluster',
      'server',
      'coordinator',
      'client',
      'load',
      'ops',
    ],
  },
};

/** Packages that a folder may use, besides `node:` modules. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  adapters: ['express-session'],
  config: ['valibot'],
  io: ['bun', 'bun:ffi', 'bun:jsc'],
  load: ['bun'],
};

/** Every import that the tables forbid, as a sentence. */
function violations(files: readonly SourceFile[]): readonly string[] {
  const found: string[] = [];
  for (const { path, text } of files) {
    const folder = folderOf(path);
    const layer = LAYERS[folder];
    if (layer === undefined) {
      found.push(`${path}: src/${folder} has no row in the table of layers`);
      continue;
    }
    for (const { specifier, typeOnly } of importsOf(text)) {
      const target = resolveImport(path, specifier);
      if (target === null) {
        const known = specifier.startsWith('node:') || (PACKAGES[folder] ?? []).includes(specifier);
        if (!known) found.push(`${path} imports the package ${specifier}, which src/${folder} may not`);
        continue;
      }
      const wanted = folderOf(target);
      const allowed =
        wanted === folder || layer.imports.includes(wanted) || (typeOnly && layer.importsTypes?.includes(wanted));
      if (!target.startsWith('src/') || allowed !== true) {
        found.push(`${path} imports ${typeOnly ? 'types of ' : ''}${target}, which src/${folder} may not`);
      }
    }
  }
  return found;
}

/** The first cycle of imports that run, as the list of its files; empty where there is none. */
function findCycle(files: readonly SourceFile[]): readonly string[] {
  const targets = new Map(
    files.map(({ path, text }) => [
      path,
      importsOf(text)
        .filter((edge) => !edge.typeOnly)
        .map((edge) => resolveImport(path, edge.specifier))
        .filter((target) => target !== null),
    ]),
  );
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): readonly string[] => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return [];
    trail.push(path);
    for (const target of targets.get(path) ?? []) {
      const cycle = visit(target);
      if (cycle.length > 0) return cycle;
    }
    trail.pop();
    done.add(path);
    return [];
  };
  for (const path of targets.keys()) {
    const cycle = visit(path);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

/** `store` of `src/store/api.ts`. */
function folderOf(path: string): string {
  return path.split('/')[1] ?? '';
}

function file(path: string, ...lines: readonly string[]): SourceFile {
  return { path, text: lines.join('\n') };
}

/** Tests may use whatever they test with. */
const product = sourceFiles('src').filter(({ path }) => !path.endsWith('.test.ts'));

describe('the sources', () => {
  test('import only what their layer may', () => {
    expect(product.length).toBeGreaterThan(0);
    expect(violations(product)).toEqual([]);
  });

  test('import only files that are there, by their full names', () => {
    const paths = new Set(product.map(({ path }) => path));
    const missing = product.flatMap(({ path, text }) =>
      importsOf(text)
        .map(({ specifier }) => resolveImport(path, specifier))
        .filter((target) => target !== null && !paths.has(target))
        .map((target) => `${path} imports ${target}`),
    );
    expect(missing).toEqual([]);
  });

  test('have no cycle', () => {
    expect(findCycle(product)).toEqual([]);
  });
});

test('the table itself has no cycle', () => {
  for (const [name, layer] of Object.entries(LAYERS)) {
    for (const below of [...layer.imports, ...(layer.importsTypes ?? [])]) {
      expect([...(LAYERS[below]?.imports ?? [name]), ...(LAYERS[below]?.importsTypes ?? [])]).not.toContain(name);
    }
  }
});

describe('what the checks see', () => {
  test.each([
    ["import { a } from './a.ts';", './a.ts', false],
    ["import type { A } from './a.ts';", './a.ts', true],
    ["import { type A } from './a.ts';", './a.ts', false],
    ["import * as a from './a.ts';", './a.ts', false],
    ["import {\n  a,\n  b,\n} from './a.ts';", './a.ts', false],
    ["import './a.ts';", './a.ts', false],
    ["export { a } from './a.ts';", './a.ts', false],
    ["export * from './a.ts';", './a.ts', false],
    ["export type { A } from './a.ts';", './a.ts', true],
    ["  const { a } = await import('./a.ts');", './a.ts', false],
    ["type A = import('./a.ts').A;", './a.ts', false],
    ["new Worker(new URL('./a.ts', import.meta.url))", './a.ts', false],
    ['import fs from "node:fs";', 'node:fs', false],
  ])('%p', (text, specifier, typeOnly) => {
    expect(importsOf(text)).toEqual([{ specifier, typeOnly }]);
  });

  test.each([
    "// import { a } from './a.ts';",
    " * import('./a.ts')",
    "export const text = 'x'; // from './a.ts'",
    'const text = "import { a } from \'./a.ts\'";',
  ])('not %p', (text) => {
    expect(importsOf(text)).toEqual([]);
  });

  test('an import against the direction', () => {
    expect(violations([file('src/store/a.ts', "import { b } from '../server/b.ts';")])).toEqual([
      'src/store/a.ts imports src/server/b.ts, which src/store may not',
    ]);
    expect(violations([file('src/client/a.ts', "import type { B } from '../server/b.ts';")])).toEqual([
      'src/client/a.ts imports types of src/server/b.ts, which src/client may not',
    ]);
    expect(violations([file('src/cli/a.ts', "import { b } from '../../test/b.ts';")])).toHaveLength(1);
  });

  test('types where only types are allowed', () => {
    expect(violations([file('src/store/a.ts', "import type { B } from '../config/b.ts';")])).toEqual([]);
    expect(violations([file('src/store/a.ts', "import { b } from '../config/b.ts';")])).toHaveLength(1);
  });

  test('packages and folders that no row names', () => {
    expect(violations([file('src/store/a.ts', "import { b } from 'left-pad';")])).toHaveLength(1);
    expect(violations([file('src/misc/a.ts')])).toEqual(['src/misc/a.ts: src/misc has no row in the table of layers']);
  });

  test('a cycle, but not one of types', () => {
    const a = file('src/base/a.ts', "import { b } from './b.ts';");
    const b = file('src/base/b.ts', "import { c } from './c.ts';");
    const runs = file('src/base/c.ts', "import { a } from './a.ts';");
    const types = file('src/base/c.ts', "import type { A } from './a.ts';");
    expect(findCycle([a, b, runs])).toEqual(['src/base/a.ts', 'src/base/b.ts', 'src/base/c.ts', 'src/base/a.ts']);
    expect(findCycle([a, b, types])).toEqual([]);
  });
});
