/**
 * Doubles as Redis 7.2 prints them (`d2string`): an integer value in full, anything else with the fewest digits that
 * read back as the same number, in plain notation while that is short and with an exponent of sign and no padding
 * otherwise.
 */

/** The text of a double in replies. Allocates. */
export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (value === Number.POSITIVE_INFINITY) return 'inf';
  if (value === Number.NEGATIVE_INFINITY) return '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  if (Number.isInteger(value) && Math.abs(value) <= INTEGER_MAX) return BigInt(value).toString();
  const sign = value < 0 ? '-' : '';
  const [significand = '', exponentText = ''] = Math.abs(value).toExponential().split('e');
  const digits = significand.replace('.', '');
  const exponent = Number(exponentText);
  return sign + placePoint(digits, exponent);
}

/** `digits` are those of a number d.ddd × 10^exponent. */
function placePoint(digits: string, exponent: number): string {
  const lastPlace = exponent - digits.length + 1;
  if (lastPlace >= 0 && Math.abs(exponent) < digits.length + PLAIN_ZEROS) return digits + '0'.repeat(lastPlace);
  if (lastPlace < 0 && (lastPlace > -PLAIN_ZEROS || Math.abs(exponent) < PLAIN_EXPONENT)) {
    if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`;
    return `${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
  }
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
  return `${digits.slice(0, 1)}${fraction}e${exponent < 0 ? '-' : '+'}${Math.abs(exponent)}`;
}

/** Half of the 64-bit range: up to here an integer value is printed in full. */
const INTEGER_MAX = 2 ** 62;
/** Plain notation ends where this many zeros or decimals would be shown … */
const PLAIN_ZEROS = 7;
/** … unless the exponent is smaller than this. */
const PLAIN_EXPONENT = 4;
