import { expect, test } from 'bun:test';
import { formatDouble } from './double.ts';

test('doubles are printed as Redis 7.2 prints them', () => {
  const rows: readonly (readonly [value: number, text: string])[] = [
    [0, '0'],
    [-0, '-0'],
    [1, '1'],
    [-7, '-7'],
    [3.14, '3.14'],
    [-0.5, '-0.5'],
    [0.1 + 0.2, '0.30000000000000004'],
    [100.25, '100.25'],
    [123_456_789, '123456789'],
    [2 ** 53, '9007199254740992'],
    [1e18, '1000000000000000000'],
    [1e19, '1e+19'],
    [1.5e300, '1.5e+300'],
    [12_345_678_901_234_567_000, '12345678901234567000'],
    [0.000001, '0.000001'],
    [0.0000001, '1e-7'],
    [1.25e-7, '1.25e-7'],
    [0.000123, '0.000123'],
    [0.0001234, '1.234e-4'],
    [0.001234567, '0.001234567'],
    [5e-324, '5e-324'],
    [Number.MAX_VALUE, '1.7976931348623157e+308'],
    [Number.NaN, 'nan'],
    [Number.POSITIVE_INFINITY, 'inf'],
    [Number.NEGATIVE_INFINITY, '-inf'],
  ];
  for (const [value, text] of rows) expect(formatDouble(value)).toBe(text);
});

test('what is printed reads back as the same number', () => {
  const view = new DataView(new ArrayBuffer(8));
  let state = 1;
  for (let step = 0; step < 5000; step += 1) {
    state = (state * 48_271) % 2_147_483_647;
    view.setInt32(0, state * 3);
    state = (state * 48_271) % 2_147_483_647;
    view.setInt32(4, state);
    const value = view.getFloat64(0);
    if (Number.isFinite(value)) expect(Number(formatDouble(value))).toBe(value);
  }
});
