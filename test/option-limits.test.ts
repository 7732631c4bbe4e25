/** What the options allow is what the store can hold: the two parts know nothing of each other, so this test joins them. */
import { expect, test } from 'bun:test';
import { OPTIONS } from '../src/config/options.ts';
import { ARENA_BYTES, ARENA_COUNT_MAX, SEGMENT_BYTES_MIN } from '../src/store/layout.ts';
import { chooseSegmentBytes, SEGMENT_COUNT_MIN } from '../src/store/memory.ts';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../src/store/types.ts';

test('the longest key and value are those of the store', () => {
  expect(OPTIONS['limits.keyBytesMax'].max).toBe(KEY_BYTES_MAX);
  expect(OPTIONS['limits.valueBytesMax'].max).toBe(VALUE_BYTES_MAX);
});

test('segments have sizes that the store takes', () => {
  expect(OPTIONS.segmentBytes.min).toBe(SEGMENT_BYTES_MIN);
  expect(OPTIONS.segmentBytes.max).toBeLessThanOrEqual(ARENA_BYTES);
});

test('the least memory has enough segments, and the most has an arena for each', () => {
  const { min, max } = OPTIONS.memoryBytes;
  expect(min / chooseSegmentBytes(min)).toBeGreaterThanOrEqual(SEGMENT_COUNT_MIN);
  expect(max).toBeLessThanOrEqual(ARENA_COUNT_MAX * ARENA_BYTES);
});
