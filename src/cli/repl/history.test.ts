import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HISTORY_LINE_CHARS_MAX, HISTORY_LINES_MAX, HistoryFile, historyPath, isSecret } from './history.ts';

describe('where it is', () => {
  test.each([
    [{}, null],
    [{ HOME: '/home/ada' }, '/home/ada/.shoal_history'],
    [{ HOME: '/home/ada', XDG_STATE_HOME: '/state' }, '/state/shoal/history'],
    [{ HOME: '/home/ada', XDG_STATE_HOME: 'relative' }, '/home/ada/.shoal_history'],
    [{ HOME: '/home/ada', XDG_STATE_HOME: '/state', SHOAL_HISTORY: '/h' }, '/h'],
    [{ HOME: '/home/ada', SHOAL_HISTORY: 'off' }, null],
    [{ HOME: '/home/ada', SHOAL_HISTORY: '' }, null],
    [{ HOME: '/home/ada', SHOAL_HISTORY: '/dev/null' }, null],
  ])('%p', (environment: Record<string, string>, path: string | null) => {
    expect(historyPath(environment)).toBe(path);
  });
});

describe('secrets', () => {
  test.each([
    ['auth secret'],
    ['  AUTH ada secret'],
    ['"auth" secret'],
    ['"\\x61uth" secret'],
    ['auth "not closed'],
    ['AUTH'],
    ['hello 3 auth ada secret'],
    ['HELLO 3 SETNAME x AUTH ada secret'],
    ['config set requirepass secret'],
    ['CONFIG SET maxmemory 1gb REQUIREPASS secret'],
    ['config set masterauth secret'],
    ['acl setuser ada on >secret'],
    ['migrate host 6379 key 0 1000 auth secret'],
  ])('%p is one', (line) => {
    expect(isSecret(line)).toBe(true);
  });

  test.each([
    ['get auth'],
    ['set auth x'],
    ['hello 3'],
    ['config get requirepass'],
    ['config set maxmemory 1gb'],
    ['acl setuser ada on'],
    [''],
  ])('%p is none', (line) => {
    expect(isSecret(line)).toBe(false);
  });
});

describe('the file', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'shoal-history-'));
    path = join(folder, 'state', 'history');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('is made for its owner alone, and keeps what was entered', () => {
    const first = new HistoryFile(path);
    expect(first.load()).toEqual([]);
    for (const line of ['get a', 'get a', '  get b ', '', 'auth secret']) first.add(line);
    expect(readFileSync(path, 'utf8')).toBe('get a\nget b\n');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(first.problem).toBeNull();

    const second = new HistoryFile(path);
    expect(second.load()).toEqual(['get b', 'get a']);
    second.add('get b');
    second.add('get c');
    first.add('get d');
    expect(new HistoryFile(path).load()).toEqual(['get d', 'get c', 'get b', 'get a']);
  });

  test('says what the editor must forget', () => {
    const history = new HistoryFile(null);
    expect(history.add('get a')).toBe(true);
    expect(history.add('auth secret')).toBe(false);
    expect(history.add('x'.repeat(HISTORY_LINE_CHARS_MAX + 1))).toBe(false);
    expect(history.load()).toEqual([]);
  });

  test('that others could read is closed to them', () => {
    path = join(folder, 'history');
    writeFileSync(path, 'get a\n');
    chmodSync(path, 0o644);
    expect(new HistoryFile(path).load()).toEqual(['get a']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('is cut once it is twice as long as it may be', () => {
    path = join(folder, 'history');
    const lines = Array.from({ length: 2 * HISTORY_LINES_MAX + 1 }, (_, index) => `get ${index}`);
    writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 });
    const loaded = new HistoryFile(path).load();
    expect(loaded).toHaveLength(HISTORY_LINES_MAX);
    expect(loaded[0]).toBe(`get ${2 * HISTORY_LINES_MAX}`);
    expect(readFileSync(path, 'utf8')).toBe(`${lines.slice(-HISTORY_LINES_MAX).join('\n')}\n`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('that cannot be used costs the history only, and is told', () => {
    const history = new HistoryFile(folder);
    expect(history.load()).toEqual([]);
    expect(history.add('get a')).toBe(true);
    expect(history.problem).toContain(
      `the history ${folder} cannot be read: it is no file; SHOAL_HISTORY names another`,
    );
  });
});
