/** A chart of lying bars in groups, with a line from the smallest to the largest of the values that a bar is the median of. */
import {
  CHART_WIDTH,
  colorOf,
  element,
  escapeText,
  FRAME_TOP,
  framed,
  LETTER_WIDTH,
  scaleTo,
  shortNumber,
  text,
} from './svg-parts.ts';

export interface Bar {
  readonly series: string;
  readonly value: number;
  /** Ends of the line on the bar; left out where both are the value. */
  readonly low?: number;
  readonly high?: number;
}

export interface BarGroup {
  readonly label: string;
  readonly bars: readonly Bar[];
}

export interface BarChart {
  readonly title: string;
  /** With its unit. */
  readonly axisTitle: string;
  readonly groups: readonly BarGroup[];
}

const BAR_HEIGHT = 16;
const BAR_GAP = 3;
const GROUP_GAP = 16;
const AXIS_HEIGHT = 56;
/** Space for the number behind the longest bar. */
const RIGHT = 84;
const LABEL_GAP = 12;
const LABEL_WIDTH_MIN = 90;

/** Throws where there is nothing to draw, or a value is no number from 0 up. */
export function barChart({ title, axisTitle, groups }: BarChart): string {
  const bars = groups.flatMap((group) => group.bars);
  if (bars.length === 0) throw new RangeError(`the chart ${JSON.stringify(title)} has no bars`);
  const wrong = bars.find(({ value }) => !Number.isFinite(value) || value < 0);
  if (wrong !== undefined) throw new RangeError(`a bar of ${wrong.series} cannot be ${wrong.value}`);
  const series = [...new Set(bars.map((bar) => bar.series))];
  const left = Math.max(LABEL_WIDTH_MIN, ...groups.map(({ label }) => label.length * LETTER_WIDTH)) + 24 + LABEL_GAP;
  const scale = scaleTo(Math.max(...bars.map((bar) => bar.high ?? bar.value)));
  const xOf = (value: number): number => left + (value / scale.end) * (CHART_WIDTH - left - RIGHT);
  let y = FRAME_TOP;
  const drawn: string[] = [];
  for (const { label, bars: own } of groups) {
    const height = own.length * (BAR_HEIGHT + BAR_GAP) - BAR_GAP;
    drawn.push(text(label, { x: left - LABEL_GAP, y: y + height / 2 + 4, 'text-anchor': 'end' }));
    for (const bar of own) {
      drawn.push(...barParts(bar, y, xOf, colorOf(bar.series, series.indexOf(bar.series))));
      y += BAR_HEIGHT + BAR_GAP;
    }
    y += GROUP_GAP - BAR_GAP;
  }
  const bottom = y - GROUP_GAP + 8;
  const grid = scale.ticks.flatMap((tick) => [
    element('line', { class: 'grid', x1: xOf(tick), x2: xOf(tick), y1: FRAME_TOP - 6, y2: bottom }),
    text(shortNumber(tick), { class: 'muted', x: xOf(tick), y: bottom + 16, 'text-anchor': 'middle' }),
  ]);
  const axis = text(axisTitle, {
    class: 'muted',
    x: (left + CHART_WIDTH - RIGHT) / 2,
    y: bottom + 38,
    'text-anchor': 'middle',
  });
  return framed({ title, series, height: bottom + AXIS_HEIGHT }, [...grid, ...drawn, axis]);
}

function barParts(bar: Bar, y: number, xOf: (value: number) => number, fill: string): readonly string[] {
  const { series, value, low = value, high = value } = bar;
  const middle = y + BAR_HEIGHT / 2;
  const whole = element(
    'rect',
    { x: xOf(0), y, width: xOf(value) - xOf(0), height: BAR_HEIGHT, fill },
    element('title', {}, escapeText(`${series}: ${shortNumber(value)}`)),
  );
  const range = low === high ? [] : [element('path', { class: 'range', d: rangePath(xOf(low), xOf(high), middle) })];
  return [whole, ...range, text(shortNumber(value), { x: Math.max(xOf(value), xOf(high)) + 6, y: middle + 4 })];
}

function rangePath(from: number, to: number, y: number): string {
  const [left, right] = [from.toFixed(2), to.toFixed(2)];
  return `M${left} ${y - 4}V${y + 4}M${left} ${y}H${right}M${right} ${y - 4}V${y + 4}`;
}
