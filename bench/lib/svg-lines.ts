/** A chart of lines over a few steps of something that doubles, such as threads: the steps stand at equal distances. */
import { CHART_WIDTH, colorOf, element, FRAME_TOP, framed, scaleTo, shortNumber, text } from './svg-parts.ts';

export interface Line {
  readonly series: string;
  /** `x` is one of the chart's steps. */
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface LineChart {
  readonly title: string;
  readonly xTitle: string;
  /** With its unit. */
  readonly yTitle: string;
  readonly lines: readonly Line[];
}

const PLOT_HEIGHT = 260;
const LEFT = 96;
const RIGHT = 40;
const AXIS_HEIGHT = 58;
const POINT_RADIUS = 4;

/** Throws where there is nothing to draw, or a value is no number from 0 up. */
export function lineChart({ title, xTitle, yTitle, lines }: LineChart): string {
  const points = lines.flatMap((line) => line.points);
  if (points.length === 0) throw new RangeError(`the chart ${JSON.stringify(title)} has no points`);
  if (points.some(({ y }) => !Number.isFinite(y) || y < 0))
    throw new RangeError('a line goes through numbers from 0 up');
  const steps = [...new Set(points.map((point) => point.x))].toSorted((a, b) => a - b);
  const scale = scaleTo(Math.max(...points.map((point) => point.y)));
  const bottom = FRAME_TOP + PLOT_HEIGHT;
  const width = CHART_WIDTH - LEFT - RIGHT;
  const xOf = (x: number): number => LEFT + ((steps.indexOf(x) + 0.5) / steps.length) * width;
  const yOf = (y: number): number => bottom - (y / scale.end) * PLOT_HEIGHT;
  const grid = scale.ticks.flatMap((tick) => [
    element('line', { class: 'grid', x1: LEFT, x2: CHART_WIDTH - RIGHT, y1: yOf(tick), y2: yOf(tick) }),
    text(shortNumber(tick), { class: 'muted', x: LEFT - 8, y: yOf(tick) + 4, 'text-anchor': 'end' }),
  ]);
  const labels = steps.map((step) =>
    text(String(step), { class: 'muted', x: xOf(step), y: bottom + 18, 'text-anchor': 'middle' }),
  );
  const middle = FRAME_TOP + PLOT_HEIGHT / 2;
  const titles = [
    text(xTitle, { class: 'muted', x: LEFT + width / 2, y: bottom + 40, 'text-anchor': 'middle' }),
    text(yTitle, { class: 'muted', x: 22, y: middle, 'text-anchor': 'middle', transform: `rotate(-90 22 ${middle})` }),
  ];
  const drawn = lines.flatMap(({ series, points: own }, index) => {
    const color = colorOf(series, index);
    const sorted = own.toSorted((a, b) => a.x - b.x);
    const path = sorted
      .map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${xOf(x).toFixed(2)} ${yOf(y).toFixed(2)}`)
      .join('');
    const dots = sorted.map(({ x, y }) => element('circle', { cx: xOf(x), cy: yOf(y), r: POINT_RADIUS, fill: color }));
    return [element('path', { d: path, fill: 'none', stroke: color, 'stroke-width': 2 }), ...dots];
  });
  const frame = { title, series: lines.map((line) => line.series), height: bottom + AXIS_HEIGHT };
  return framed(frame, [...grid, ...labels, ...titles, ...drawn]);
}
