/**
 * Sizes and durations as people write them. Sizes follow Redis: `k`, `m`, `g` count in thousands, `kb`, `mb`, `gb` in
 * 1024s, no unit is bytes. A duration always names its unit, because a bare number means seconds to some and
 * milliseconds to others; only 0 needs none.
 */

const SIZE_UNITS = {
  '': 1,
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1000 ** 2,
  mb: 1024 ** 2,
  g: 1000 ** 3,
  gb: 1024 ** 3,
} as const;

const DURATION_UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Bytes of a text such as `512mb`; null where it is not a size or is past what a number holds exactly. */
export function parseSize(text: string): number | null {
  return parseWithUnit(text, SIZE_UNITS);
}

/** Milliseconds of a text such as `30s` or `0`; null where it is not a duration. */
export function parseDuration(text: string): number | null {
  return text.trim() === '0' ? 0 : parseWithUnit(text, DURATION_UNITS);
}

/** The shortest text that `parseSize` reads as exactly `bytes`, in 1024-based units. */
export function formatSize(bytes: number): string {
  return formatWithUnit(bytes, SIZE_UNITS, ['gb', 'mb', 'kb'], '');
}

/** The shortest text that `parseDuration` reads as exactly `durationMs`. */
export function formatDuration(durationMs: number): string {
  return durationMs === 0 ? '0' : formatWithUnit(durationMs, DURATION_UNITS, ['d', 'h', 'm', 's'], 'ms');
}

function parseWithUnit(text: string, units: Readonly<Record<string, number>>): number | null {
  const match = /^(\d{1,16})([a-z]*)$/.exec(text.trim().toLowerCase());
  if (match === null) return null;
  const [, digits = '', unit = ''] = match;
  if (!Object.hasOwn(units, unit)) return null;
  const value = Number(digits) * (units[unit] ?? 0);
  return Number.isSafeInteger(value) ? value : null;
}

function formatWithUnit<U extends string>(
  value: number,
  units: Readonly<Record<U, number>>,
  largestFirst: readonly NoInfer<U>[],
  smallest: NoInfer<U>,
): string {
  for (const unit of largestFirst) {
    if (value !== 0 && value % units[unit] === 0) return `${value / units[unit]}${unit}`;
  }
  return `${value}${smallest}`;
}
