import { expect, test } from 'bun:test';
import { type ClientOptions, NUMBER_OPTIONS, resolveOptions } from './options.ts';

function problems(options: unknown): string[] {
  try {
    resolveOptions(options as ClientOptions<never>);
  } catch (error) {
    return (error as Error).message.split('\n');
  }
  return [];
}

test('defaults are in their ranges, and taken where nothing is said', () => {
  const resolved = resolveOptions({ nodes: ['a'] });
  for (const [name, row] of Object.entries(NUMBER_OPTIONS)) {
    expect(row.default).toBeGreaterThanOrEqual(row.min);
    expect(row.default).toBeLessThanOrEqual(row.max);
    expect(resolved[name as keyof typeof NUMBER_OPTIONS]).toBe(row.default);
  }
  expect(resolved).toMatchObject({ user: '', password: '', name: '' });
});

test('every problem is reported, each with the value and what is allowed', () => {
  const found = problems({
    nodes: ['a:1', 'a:1'],
    attempts: 0,
    requestTimeoutMs: 1.5,
    retries: 3,
    name: 'my app',
    password: 5,
  });
  expect(found).toEqual([
    expect.stringMatching(/^retries is not an option; there are .*attempts/),
    'nodes: a:1 is given twice',
    'requestTimeoutMs: 1.5 is not a whole number from 1 to 86400000 ms',
    'attempts: 0 is not a whole number from 1 to 100',
    'password: it must be text',
    'name: only printable ASCII without spaces can be shown',
  ]);
});

test.each([
  [undefined, 'the options are missing: give { nodes: ["host:port"] }'],
  [{}, 'nodes: give a list of addresses, e.g. ["127.0.0.1:7600"]'],
  [{ nodes: 'a:1' }, 'nodes: give a list of addresses, e.g. ["127.0.0.1:7600"]'],
  [{ nodes: [], backoffFirstMs: 9, backoffLongestMs: 8 }, 'backoffFirstMs is longer than backoffLongestMs'],
  [{ nodes: [], user: 'x'.repeat(256) }, 'user: longer than 255 bytes'],
])('%p', (options, message) => {
  expect(problems(options)).toEqual([message]);
});

test('numbers at the ends of their ranges are taken', () => {
  for (const [name, { min, max }] of Object.entries(NUMBER_OPTIONS)) {
    const rest =
      name === 'backoffFirstMs' ? { backoffLongestMs: NUMBER_OPTIONS.backoffLongestMs.max } : { backoffFirstMs: 1 };
    for (const value of [min, max]) expect(problems({ nodes: [], ...rest, [name]: value })).toEqual([]);
    for (const value of [min - 1, max + 1, Number.NaN, '5']) {
      expect(problems({ nodes: [], ...rest, [name]: value })).not.toEqual([]);
    }
  }
});
