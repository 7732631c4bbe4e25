/** Each promise in docs/GUARANTEES.md names what checks it; here the names are checked. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Glob } from 'bun';
import { describe, expect, test } from 'bun:test';
import { REPOSITORY_ROOT } from './support/shoal-process.ts';

const text = readFileSync(join(REPOSITORY_ROOT, 'docs', 'GUARANTEES.md'), 'utf8');
const scripts = (JSON.parse(readFileSync(join(REPOSITORY_ROOT, 'package.json'), 'utf8')) as { scripts: object })
  .scripts;

/** The rows of all tables, as cells. */
const rows = text
  .split('\n')
  .filter((line) => line.startsWith('|') && !/^\|[-|]+\|$/.test(line))
  .map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );

function isThere(path: string): boolean {
  if (!path.includes('*')) return existsSync(join(REPOSITORY_ROOT, path));
  return !new Glob(path).scanSync({ cwd: REPOSITORY_ROOT }).next().done;
}

describe('docs/GUARANTEES.md', () => {
  test('every promise names a test', () => {
    const promises = rows.filter(([setting, promised]) => setting !== 'setting' && promised !== '');
    expect(promises.length).toBeGreaterThan(10);
    expect(promises.filter(([, , , checkedBy]) => checkedBy === '' || checkedBy === undefined)).toEqual([]);
  });

  test('every test that is named is there', () => {
    const paths = [...text.matchAll(/`((?:src|test)\/[^`]*)`/g)].map(([, path]) => path!);
    expect(paths.filter((path) => !isThere(path))).toEqual([]);
    const commands = [...text.matchAll(/`npm run ([a-z:-]+)/g)].map(([, name]) => name!);
    expect(commands.filter((name) => !(name in scripts))).toEqual([]);
  });
});
