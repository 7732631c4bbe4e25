/** When a ratio counts as worse, and what is done about chance. */
import { describe, expect, test } from 'bun:test';
import {
  confirm,
  type GuardedRatio,
  isFailure,
  judge,
  parseRecorded,
  type RecordedRatios,
  toleranceShare,
  verdictTable,
} from './guard-verdict.ts';

function ratio(median: number, changes: Partial<GuardedRatio> = {}): GuardedRatio {
  const width = { min: median * 0.98, max: median * 1.02, interquartile: median * 0.01 };
  return { workload: 'get', server: 'shoal', peer: 'redis', median, ...width, ...changes };
}

function recorded(...ratios: readonly GuardedRatio[]): RecordedRatios {
  return { recordedAt: '2030-01-01', commit: 'abc', machine: 'm', servers: {}, rounds: 7, ratios };
}

describe('the tolerance', () => {
  test('is three hundredths where the rounds agree', () => {
    expect(toleranceShare(ratio(0.7, { interquartile: 0 }), 7)).toBe(0.03);
  });

  test('grows with the spread of the rounds, and shrinks with their number', () => {
    const wide = ratio(0.8, { interquartile: 0.08 });
    // 3 standard errors of the difference of two medians of 7: 3 * sqrt(2) * 1.2533 * (0.08 / 1.349) / sqrt(7) / 0.8
    expect(toleranceShare(wide, 7)).toBeCloseTo(0.149, 3);
    expect(toleranceShare(wide, 28)).toBeCloseTo(0.0745, 3);
  });
});

test.each([
  [0.7, 'same'],
  [0.72, 'same'],
  [0.68, 'same'],
  [0.75, 'worse'],
  [0.5, 'better'],
] as const)('0.70 recorded and %p measured is %p', (median, outcome) => {
  const [verdict] = judge(recorded(ratio(0.7)), [ratio(median)]);
  expect(verdict?.outcome).toBe(outcome);
});

test('what is not measured any more fails, what is new does not', () => {
  const verdicts = judge(recorded(ratio(0.7)), [ratio(0.7, { workload: 'set' })]);
  expect(verdicts.map((one) => [one.workload, one.outcome, isFailure(one)])).toEqual([
    ['get', 'missing', true],
    ['set', 'new', false],
  ]);
});

test('worse counts where it is so twice', () => {
  const before = recorded(ratio(0.7), ratio(0.7, { workload: 'set' }), ratio(0.7, { workload: 'mix' }));
  const first = judge(before, [ratio(0.9), ratio(0.9, { workload: 'set' }), ratio(0.7, { workload: 'mix' })]);
  const again = judge(before, [ratio(0.7), ratio(0.91, { workload: 'set' })]);
  const verdicts = confirm(first, again);
  expect(verdicts.map((one) => one.outcome)).toEqual(['same', 'worse', 'same']);
  expect(verdicts[1]?.measured?.median).toBe(0.91);
});

test('a worse ratio that was not measured again stays worse', () => {
  const first = judge(recorded(ratio(0.7)), [ratio(0.9)]);
  expect(confirm(first, [])[0]?.outcome).toBe('worse');
});

test('the table names change and tolerance, and shouts what is worse', () => {
  const table = verdictTable(judge(recorded(ratio(0.5)), [ratio(0.6), ratio(0.4, { peer: 'memcached' })]));
  expect(table[0]).toEqual(['workload', 'server', 'beside', 'recorded', 'measured', 'change', 'tolerance', '']);
  expect(table[1]).toEqual(['get', 'shoal', 'redis', '0.50 (0.49-0.51)', '0.60 (0.59-0.61)', '+20.0%', '±3%', 'WORSE']);
  expect(table[2]?.slice(3)).toEqual(['', '0.40 (0.39-0.41)', '', '', 'new']);
});

describe('the file of recorded ratios', () => {
  test('is read back as it was written', () => {
    const written = recorded(ratio(0.7));
    expect(parseRecorded(JSON.stringify(written), 'f')).toEqual(written);
  });

  test.each([
    ['{', 'f is no JSON'],
    ['null', 'holds no recorded ratios'],
    ['{"rounds":7,"ratios":[{}]}', 'holds no recorded ratios'],
    [JSON.stringify(recorded(ratio(0))), 'holds no recorded ratios'],
    [JSON.stringify({ ...recorded(ratio(1)), rounds: 0 }), 'holds no recorded ratios'],
  ])('%s is refused', (text, why) => {
    expect(() => parseRecorded(text, 'f')).toThrow(why);
  });
});
