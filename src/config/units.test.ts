import { describe, expect, test } from 'bun:test';
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts';

describe('sizes', () => {
  test.each([
    ['0', 0],
    ['1000', 1000],
    ['7b', 7],
    ['1k', 1000],
    ['1kb', 1024],
    ['3M', 3_000_000],
    ['512mb', 536_870_912],
    ['2g', 2_000_000_000],
    ['2GB', 2_147_483_648],
    [' 4mb ', 4_194_304],
  ])('%p is %p bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each(['', 'mb', '1.5gb', '-1', '1 mb', '12x', '1e9', '0x10', '9999999999999999gb', '1constructor', '1s'])(
    '%p is no size',
    (text) => {
      expect(parseSize(text)).toBeNull();
    },
  );

  test.each([
    [0, '0'],
    [1000, '1000'],
    [1024, '1kb'],
    [1536, '1536'],
    [536_870_912, '512mb'],
    [256 * 1024 ** 3, '256gb'],
  ])('%p is written %p', (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
    expect(parseSize(text)).toBe(bytes);
  });
});

describe('durations', () => {
  test.each([
    ['0', 0],
    ['500ms', 500],
    ['30s', 30_000],
    ['5M', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
  ])('%p is %p ms', (text, durationMs) => {
    expect(parseDuration(text)).toBe(durationMs);
  });

  test.each(['', '30', '1.5s', '-1s', 's', '3w', '30 s', '1kb'])('%p is no duration', (text) => {
    expect(parseDuration(text)).toBeNull();
  });

  test.each([
    [0, '0'],
    [1, '1ms'],
    [1500, '1500ms'],
    [60_000, '1m'],
    [90_000, '90s'],
    [172_800_000, '2d'],
  ])('%p ms is written %p', (durationMs, text) => {
    expect(formatDuration(durationMs)).toBe(text);
    expect(parseDuration(text)).toBe(durationMs);
  });
});
