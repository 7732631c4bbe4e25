import { beforeEach, describe, expect, test } from 'bun:test';
import { CommandHarness, error } from '../../../test/support/command-harness.ts';
import { bulkElements } from '../../../test/support/raw-client.ts';
import { ErrorText } from './error-text.ts';

let node: CommandHarness;
beforeEach(() => {
  node = new CommandHarness();
});

function keys(pattern: string): string[] {
  return bulkElements(node.run('KEYS', pattern))!.toSorted();
}

interface ScanReply {
  readonly cursor: string;
  readonly keys: readonly string[];
}

function scan(cursor: string, ...options: readonly string[]): ScanReply {
  const [next, found] = bulkElements(node.run('SCAN', cursor, ...options))!;
  return { cursor: next!, keys: bulkElements(found!)! };
}

/** A whole iteration; `between` runs after each call. */
function scanAll(
  options: readonly string[],
  between: (calls: number) => void = () => {},
): { keys: string[]; calls: number } {
  const found: string[] = [];
  let cursor = '0';
  let calls = 0;
  do {
    const reply = scan(cursor, ...options);
    found.push(...reply.keys);
    cursor = reply.cursor;
    calls += 1;
    between(calls);
  } while (cursor !== '0');
  return { keys: found, calls };
}

function fill(count: number): string[] {
  const names = Array.from({ length: count }, (_, index) => `key:${index}`);
  for (const name of names) node.run('SET', name, 'v');
  return names.toSorted();
}

describe('KEYS', () => {
  test('patterns', () => {
    node.run('MSET', 'foo_a', '1', 'foo_b', '2', 'key_x', '3', '', '4', 'bin\xff\x00', '5');
    expect(keys('foo*')).toEqual(['foo_a', 'foo_b']);
    expect(keys('*_[ax]')).toEqual(['foo_a', 'key_x']);
    expect(keys('*')).toHaveLength(5);
    expect(keys('bin\xff*')).toEqual(['bin\xff\x00']);
    expect(keys('')).toEqual(['']);
    expect(keys('nothing*')).toEqual([]);
  });

  test('more keys than the gathering buffer begins with, of this database only', () => {
    const names = fill(3000);
    node.run('COPY', 'key:0', 'elsewhere', 'DB', '1');
    expect(keys('*')).toEqual(names);
  });
});

describe('SCAN', () => {
  test('a small database in one call', () => {
    const names = fill(5);
    const reply = scan('0');
    expect(reply.cursor).toBe('0');
    expect(reply.keys.toSorted()).toEqual(names);
  });

  test('every key once, COUNT by COUNT', () => {
    const names = fill(1000);
    for (const count of [1, 10, 100]) {
      const { keys: found, calls } = scanAll(['COUNT', String(count)]);
      expect(found.toSorted()).toEqual(names);
      expect(calls).toBeLessThanOrEqual(1000 / count + 1);
      expect(calls).toBeGreaterThan(1000 / (count + 50));
    }
    expect(scanAll(['COUNT', '9223372036854775807']).calls).toBe(1);
  });

  test('keys that are there throughout are given while the index grows', () => {
    node = new CommandHarness({ memoryBytes: 32 * 1024 * 1024, segmentBytes: 4096 });
    const names = fill(500);
    let added = 0;
    const { keys: found } = scanAll(['COUNT', '5'], () => {
      const end = Math.min(added + 100, 10_000);
      for (; added < end; added += 1) node.run('SET', `new:${added}`, 'v');
    });
    expect(added).toBeGreaterThan(5000);
    expect(names.filter((name) => !found.includes(name))).toEqual([]);
  });

  test('MATCH and TYPE', () => {
    fill(50);
    expect(scanAll(['MATCH', 'key:1?', 'COUNT', '3']).keys).toHaveLength(10);
    expect(scanAll(['TYPE', 'STRING']).keys).toHaveLength(50);
    expect(scanAll(['TYPE', 'hash']).keys).toEqual([]);
    expect(scanAll(['TYPE', 'nonsense', 'COUNT', '5']).keys).toEqual([]);
  });

  test.each(['x', ' 0', '0 ', '-', '1.0', '18446744073709551616', '-18446744073709551616', '9'.repeat(200)])(
    'cursor %j is invalid',
    (cursor) => {
      expect(node.run('SCAN', cursor)).toBe(error(ErrorText.invalidCursor));
    },
  );

  test.each(['99999999', '18446744073709551615', '-1', '9007199254740993'])(
    'cursor %s, which was never given, ends',
    (cursor) => {
      fill(5);
      expect(scan(cursor)).toEqual({ cursor: '0', keys: [] });
    },
  );

  test.each(['', '+0', '-0', '000'])('cursor %j is the beginning', (cursor) => {
    fill(5);
    expect(scan(cursor).keys).toHaveLength(5);
  });

  test('options are checked in their order', () => {
    expect(node.run('SCAN', '0', 'COUNT', 'x')).toBe(error(ErrorText.notAnInteger));
    expect(node.run('SCAN', '0', 'COUNT', '0')).toBe(error(ErrorText.syntax));
    expect(node.run('SCAN', '0', 'COUNT', '-9223372036854775808')).toBe(error(ErrorText.syntax));
    expect(node.run('SCAN', '0', 'COUNT')).toBe(error(ErrorText.syntax));
    expect(node.run('SCAN', '0', 'bogus', '1', 'COUNT', 'x')).toBe(error(ErrorText.syntax));
    expect(node.run('SCAN', '0', 'COUNT', 'x', 'bogus')).toBe(error(ErrorText.notAnInteger));
    expect(node.run('SCAN', 'x', 'COUNT', 'x')).toBe(error(ErrorText.invalidCursor));
  });
});
