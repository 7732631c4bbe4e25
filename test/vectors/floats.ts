/** Texts of numbers, good and bad, and seeded pairs of them, for arithmetic that must be Redis's to the last digit. */
import { Random } from './random.ts';

/** Each is added to each. */
export const FLOAT_TEXTS: readonly string[] = [
  '0',
  '-0',
  '0.0',
  '-0.0',
  '1',
  '-1',
  '+1',
  '3',
  '1.1',
  '10.5',
  '0.1',
  '-0.1',
  '200',
  '1.5',
  '.5',
  '5.',
  '5e-1',
  '1E3',
  '1e+2',
  '3.0e3',
  '5.0e3',
  '2.0e2',
  '007',
  '00.10',
  '9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
  '18446744073709551616',
  '17179869185',
  '0.000000000000000001',
  '0.00000000000000001',
  '0.000000000000000005',
  '0.000000000000000015',
  '-0.000000000000000001',
  '1e17',
  '1e18',
  '1e19',
  '1e20',
  '123456789012345678901234567890',
  '1e-30',
  '1e308',
  '1e309',
  '-1e309',
  '1e4000',
  '1.189e4932',
  '1.19e4932',
  '1e4933',
  '3.7e-4951',
  '1e-4951',
  '1e-4960',
  '0e99999',
  '1e99999999999999999999',
  '0x10',
  '0X1.8p1',
  '0x.8',
  '-0x1p-70',
  '0x1p16383',
  '0x1p16384',
  '0x1p-16445',
  '0x1.00000000000000008p0',
  '0x1.00000000000000018p0',
  'inf',
  '-inf',
  '+Infinity',
  'infinit',
  '',
  ' 1',
  '1 ',
  '+',
  '-',
  '.',
  '-.',
  'e5',
  '1e',
  '1e+',
  '0x',
  '0xg',
  '1p3',
  '--1',
  '1.2.3',
  'abc',
  '1,5',
  '1_000',
  'nan',
  '-NaN',
  'nan(1)',
  '1\0',
  '\0',
  '1\n',
];

/** Pairs as people and programs write them: prices, counters, ratios, a few extremes. */
export function floatPairs(count: number, seed: number): (readonly [string, string])[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => [floatText(random), floatText(random)] as const);
}

function floatText(random: Random): string {
  const sign = random.below(3) === 0 ? '-' : '';
  switch (random.below(8)) {
    case 0:
      return sign + String(random.below(1_000_000));
    case 1:
    case 2:
      return sign + (random.below(10_000_000) / 100).toFixed(2);
    case 3:
      return sign + String(random.next01());
    case 4:
      return sign + String(random.next01() * 10 ** random.below(18));
    case 5:
      return `${sign}${digits(random, 1 + random.below(22))}.${digits(random, 1 + random.below(22))}`;
    case 6:
      return `${sign}${digits(random, 1)}.${digits(random, 1 + random.below(25))}e${random.below(80) - 40}`;
    default:
      return `${sign}${digits(random, 1 + random.below(40))}e${random.below(9000) - 4500}`;
  }
}

function digits(random: Random, count: number): string {
  return Array.from({ length: count }, () => String(random.below(10))).join('');
}
