import { describe, expect, test } from 'bun:test';
import { environmentVariable } from './option-spec.ts';
import { defaultLimits, defaultOptions, OPTION_KEYS, OPTIONS, RELATIONS, specOf } from './options.ts';
import { checkOption, formatOption } from './validate.ts';

describe('the table', () => {
  test('flags are lower-case words that differ from each other', () => {
    const flags = OPTION_KEYS.map((key) => specOf(key).flag);
    expect(new Set(flags).size).toBe(flags.length);
    for (const flag of flags) expect(flag).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });

  test('limits and no others begin with limit-, so that the file may group them', () => {
    for (const key of OPTION_KEYS) expect(specOf(key).flag.startsWith('limit-')).toBe(key.startsWith('limits.'));
  });

  test.each(OPTION_KEYS.map((key) => [key, specOf(key)] as const))(
    '%s: its default passes its own check',
    (_, spec) => {
      expect(checkOption(spec, formatOption(spec, spec.default))).toEqual({ ok: true, value: spec.default });
      expect(checkOption(spec, spec.default).ok).toBe(spec.kind !== 'duration' || spec.default === 0);
      expect(spec.summary).toMatch(/\.$/);
      expect(spec.reason).toMatch(/\.$/);
    },
  );

  test('every relation holds between the defaults, and between the least values', () => {
    for (const { smaller, larger, factor = 1, room = 0 } of RELATIONS) {
      const [small, large] = [OPTIONS[smaller], OPTIONS[larger]];
      expect(small.default * factor + room).toBeLessThanOrEqual(large.default);
      expect(small.min * factor + room).toBeLessThanOrEqual(large.min);
    }
  });

  test('an environment variable is made from the flag', () => {
    expect(environmentVariable(specOf('limits.outputPauseBytes'))).toBe('SHOAL_LIMIT_OUTPUT_PAUSE');
  });
});

test('defaults are a new object each time', () => {
  const first = defaultLimits();
  first.connectionCountMax = 1;
  expect(defaultLimits().connectionCountMax).toBe(10_000);
  expect(defaultOptions()).toMatchObject({
    host: '127.0.0.1',
    port: 7600,
    memoryBytes: 536_870_912,
    eviction: 's3fifo',
  });
});

describe('a value is checked', () => {
  test.each([
    ['port', '0', 0],
    ['port', 6380, 6380],
    ['memoryBytes', '4mb', 4_194_304],
    ['memoryBytes', 5_000_000, 5_000_000],
    ['segmentBytes', 'auto', 0],
    ['segmentBytes', 'AUTO', 0],
    ['segmentBytes', '64kb', 65_536],
    ['eviction', 'noeviction', 'noeviction'],
    ['password', '', ''],
    ['limits.idleTimeoutMs', 'never', 0],
    ['limits.idleTimeoutMs', 0, 0],
    ['limits.idleTimeoutMs', '30s', 30_000],
  ] as const)('%s takes %p', (key, raw, value) => {
    expect(checkOption(specOf(key), raw)).toEqual({ ok: true, value });
  });

  test.each([
    ['port', '65536', '"65536" is not allowed; give a whole number from 0 to 65535'],
    ['port', -1, '-1 is not allowed; give a whole number from 0 to 65535'],
    ['port', '1e3', '"1e3" is not allowed; give a whole number from 0 to 65535'],
    ['port', 1.5, '1.5 is not allowed; give a whole number from 0 to 65535'],
    ['port', null, 'null is not allowed; give a whole number from 0 to 65535'],
    ['port', true, 'true is not allowed; give a whole number from 0 to 65535'],
    ['host', '', '"" is not allowed; give a text that is not empty'],
    [
      'memoryBytes',
      '1mb',
      '"1mb" is not allowed; give a size from 4mb to 256gb (kb, mb, gb count in 1024s, k, m, g in 1000s)',
    ],
    [
      'segmentBytes',
      '100kb',
      '"100kb" is not allowed; give a size that is a power of two from 4kb to 64mb, or auto (kb, mb, gb count in 1024s, k, m, g in 1000s)',
    ],
    ['eviction', 'noevict', '"noevict" is not allowed; give one of s3fifo, noeviction; did you mean noeviction?'],
    ['eviction', 'lru', '"lru" is not allowed; give one of s3fifo, noeviction'],
    [
      'limits.idleTimeoutMs',
      30,
      '30 is not allowed; give a duration from 100ms to 365d, or never, with its unit (ms, s, m, h, d)',
    ],
    ['password', 12_345, 'the value is not allowed; give a text'],
  ] as const)('%s refuses %p', (key, raw, problem) => {
    expect(checkOption(specOf(key), raw)).toEqual({ ok: false, problem });
  });
});
