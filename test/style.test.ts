/** The rules of docs and CONTRIBUTING that no compiler or linter checks. */
import { describe, expect, test } from 'bun:test';
import { type SourceFile, sourceFiles } from './support/source-files.ts';

const LINES_MAX = 400;

interface Rule {
  readonly name: string;
  /** What is wrong with the file, or null. */
  readonly problem: (file: SourceFile) => string | null;
  /** A file that breaks the rule. */
  readonly example: SourceFile;
}

function broken(text: string, path = 'src/base/example.ts'): SourceFile {
  return { path, text };
}

/** The first line that matches, with its number. */
function lineThatMatches(text: string, pattern: RegExp): string | null {
  const lines = text.split('\n');
  const index = lines.findIndex((line) => pattern.test(line));
  return index === -1 ? null : `line ${index + 1}: ${lines[index]}`;
}

const RULES: readonly Rule[] = [
  {
    name: `a file has at most ${LINES_MAX} lines; beyond that it holds two ideas`,
    problem: ({ text }) => {
      const lineCount = text.split('\n').length - 1;
      return lineCount > LINES_MAX ? `${lineCount} lines` : null;
    },
    example: broken('\n'.repeat(LINES_MAX + 1)),
  },
  {
    name: 'a file opens with a comment that says what it is',
    problem: ({ path, text }) =>
      path.endsWith('.test.ts') || text.startsWith('/**') || text.startsWith('// ') ? null : text.slice(0, 60),
    example: broken("import { a } from './a.ts';\n"),
  },
  {
    name: 'a file has a kebab-case name, and is no index.ts',
    problem: ({ path }) => {
      const name = path.split('/').at(-1) ?? '';
      return /^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.d)?\.ts$/.test(name) && name !== 'index.ts' ? null : name;
    },
    example: broken('/** A file. */\n', 'src/base/twoWords.ts'),
  },
  {
    name: 'no enum',
    problem: ({ text }) => lineThatMatches(text, /^\s*(export\s+)?(declare\s+)?(const\s+)?enum\s+\w/),
    example: broken('export const enum Color {}\n'),
  },
  {
    name: 'no namespace',
    problem: ({ text }) => lineThatMatches(text, /^\s*(export\s+)?(declare\s+)?namespace\s+\w/),
    example: broken('export namespace Colors {}\n'),
  },
  {
    name: 'no default export',
    problem: ({ text }) => lineThatMatches(text, /^\s*export\s+default\b|^\s*export\s*\{[^}]*\bas\s+default\b/),
    example: broken('export default 1;\n'),
  },
  {
    name: 'no barrel: a name is imported from the file that defines it; an entry of the package collects what is public',
    problem: ({ path, text }) =>
      path.endsWith('/entry.ts')
        ? null
        : (/^export\s+(type\s+)?(\*|\{[^}]*\}\s*from\b)[^\n]*/m.exec(text)?.[0] ?? null),
    example: broken("/** A. */\nexport {\n  a,\n} from './a.ts';\n"),
  },
  {
    name: 'nothing left open, skipped or singled out',
    problem: ({ path, text }) =>
      path === 'test/style.test.ts'
        ? null
        : lineThatMatches(text, /\b(TODO|FIXME|XXX)\b|\b(test|describe|it)\.(only|todo)\b/),
    example: broken('// TODO: later\n'),
  },
];

const files = [...sourceFiles('src'), ...sourceFiles('sim'), ...sourceFiles('test')];

describe.each(RULES)('$name', ({ problem, example }) => {
  test('holds for every file', () => {
    expect(files.length).toBeGreaterThan(0);
    const problems = files.flatMap((file) => {
      const found = problem(file);
      return found === null ? [] : [`${file.path}: ${found}`];
    });
    expect(problems).toEqual([]);
  });

  test('is broken by its example', () => {
    expect(problem(example)).not.toBeNull();
  });
});
