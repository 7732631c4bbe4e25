/**
 * What all charts are made of: elements of SVG as text, a scale with round ticks, colours, and the frame with title and legend. A chart
 * brings its own background and follows the reader's choice of light or dark, so it can stand on any page. Pure: numbers in, text out.
 */

export const CHART_WIDTH = 760;
/** Space that the frame takes above what is drawn: the title, and the legend below it. */
export const FRAME_TOP = 76;
const MARGIN = 24;
/** Width of a letter of the legend and of labels, about; fonts differ, so it is on the safe side. */
export const LETTER_WIDTH = 7;
const LEGEND_SWATCH = 12;
const LEGEND_GAP = 18;

/** Told apart by people with any kind of colour vision, on white and on near black (M. Okabe and K. Ito). */
const COLORS = ['#0072b2', '#56b4e9', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#8a8a8a'] as const;
/** Names whose colour is the same in all charts. */
const FIXED_COLORS: Readonly<Record<string, number>> = { shoal: 0, 'shoal-binary': 1, redis: 2, memcached: 3 };

const STYLE = [
  'text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#1f2328}',
  '.title{font-size:16px;font-weight:600}',
  '.muted{fill:#59636e}',
  '.ground{fill:#ffffff}',
  '.grid{stroke:#d1d9e0;stroke-width:1}',
  '.range{stroke:#1f2328;stroke-width:1.2;fill:none}',
  '@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.muted{fill:#9198a1}.ground{fill:#0d1117}.grid{stroke:#3d444d}.range{stroke:#f0f6fc}}',
].join('');

export type Attributes = Readonly<Record<string, string | number>>;

/** `<name a="1">children</name>`; attributes are escaped, children are not. */
export function element(name: string, attributes: Attributes, ...children: readonly string[]): string {
  const written = Object.entries(attributes).map(
    ([key, value]) => ` ${key}="${typeof value === 'number' ? coordinate(value) : escapeText(value)}"`,
  );
  const opening = `<${name}${written.join('')}`;
  return children.length === 0 ? `${opening}/>` : `${opening}>${children.join('')}</${name}>`;
}

export function text(content: string, attributes: Attributes): string {
  return element('text', attributes, escapeText(content));
}

export function escapeText(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Two decimals are finer than a screen. */
function coordinate(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`a coordinate is a number, not ${value}`);
  return String(Math.round(value * 100) / 100);
}

/** The colour of series number `index`, called `name`. */
export function colorOf(name: string, index: number): string {
  const fixed = FIXED_COLORS[name] ?? Object.keys(FIXED_COLORS).length + index;
  return COLORS[fixed % COLORS.length]!;
}

export interface Scale {
  /** From 0 up; the last is the end of the axis and not below any value. */
  readonly ticks: readonly number[];
  readonly end: number;
}

/** An axis from 0 with about `count` steps, each 1, 2 or 5 times a power of ten. `max`: the largest value; 0 or none gives an axis to 1. */
export function scaleTo(max: number, count = 5): Scale {
  const highest = Number.isFinite(max) && max > 0 ? max : 1;
  const rough = highest / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10);
  const steps = Math.ceil((highest / step) * 0.999_999);
  const ticks = Array.from({ length: steps + 1 }, (_, i) => Number((i * step).toPrecision(12)));
  return { ticks, end: ticks.at(-1) ?? 1 };
}

/** A number for an axis or a bar: three digits that mean something, thousands set apart. */
export function shortNumber(value: number): string {
  if (value === 0) return '0';
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

export interface Frame {
  readonly title: string;
  /** In the order of the legend. */
  readonly series: readonly string[];
  readonly height: number;
}

/** The whole picture around `content`. */
export function framed({ title, series, height }: Frame, content: readonly string[]): string {
  let x = MARGIN;
  const legend = series.map((name, index) => {
    const swatch = element('rect', {
      x,
      y: 46,
      width: LEGEND_SWATCH,
      height: LEGEND_SWATCH,
      fill: colorOf(name, index),
    });
    const label = text(name, { x: x + LEGEND_SWATCH + 6, y: 56 });
    x += LEGEND_SWATCH + 6 + name.length * LETTER_WIDTH + LEGEND_GAP;
    return swatch + label;
  });
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    viewBox: `0 0 ${CHART_WIDTH} ${height}`,
    width: CHART_WIDTH,
    height,
    role: 'img',
    'aria-label': title,
  };
  const ground = element('rect', { class: 'ground', width: CHART_WIDTH, height, rx: 6 });
  const heading = text(title, { class: 'title', x: MARGIN, y: 30 });
  return `${element('svg', attributes, element('style', {}, STYLE), ground, heading, ...legend, ...content)}\n`;
}
