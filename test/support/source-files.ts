/** The source files and what they import, for the tests that check the shape of the code. Reads text, compiles nothing. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

export interface SourceFile {
  /** From the repository's root, with forward slashes: `src/store/api.ts`. */
  readonly path: string;
  readonly text: string;
}

export interface ImportEdge {
  /** As it is written: `../base/assert.ts`, `node:fs`. */
  readonly specifier: string;
  /** Only types: nothing of it is left when the code runs. */
  readonly typeOnly: boolean;
}

const ROOT = join(import.meta.dirname, '..', '..');

/** All TypeScript files below `folder`, in the order of their paths. */
export function sourceFiles(folder: string): readonly SourceFile[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
    .map((path) => ({ path: relative(ROOT, path).split(sep).join('/'), text: readFileSync(path, 'utf8') }));
}

// The formatter puts every top-level statement at the start of its line, so text in comments and strings is not taken for one.
const STATEMENT = /^(?:import|export)\s+(type\s)?[^'";]*?\bfrom\s*['"]([^'"]+)['"]/gm;
const BARE_IMPORT = /^import\s*['"]([^'"]+)['"]/gm;
/** `import('…')` runs, `import('…').Name` or `typeof import('…')` in a type does not; both are seen as running. */
const DYNAMIC_IMPORT = /^(?!\s*(?:\*|\/\/)).*?\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm;
/** The file of a worker. */
const WORKER_URL = /^(?!\s*(?:\*|\/\/)).*?\bnew URL\(\s*['"](\.[^'"]+\.ts)['"]\s*,\s*import\.meta\.url\s*\)/gm;

/** Everything that a file imports, each place once. */
export function importsOf(text: string): readonly ImportEdge[] {
  const edges: ImportEdge[] = [];
  for (const [, type, specifier = ''] of text.matchAll(STATEMENT))
    edges.push({ specifier, typeOnly: type !== undefined });
  for (const pattern of [BARE_IMPORT, DYNAMIC_IMPORT, WORKER_URL]) {
    for (const [, specifier = ''] of text.matchAll(pattern)) edges.push({ specifier, typeOnly: false });
  }
  return edges;
}

/** The path of what a relative specifier names, from the repository's root; null for packages. */
export function resolveImport(from: string, specifier: string): string | null {
  return specifier.startsWith('.') ? join(dirname(from), specifier).split(sep).join('/') : null;
}
