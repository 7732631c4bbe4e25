/** The charts: well formed, to scale, with titles and units, and the same colour for a server in each. */
import { describe, expect, test } from 'bun:test';
import { chartsOf } from './suite-charts.ts';
import { barChart } from './svg-bars.ts';
import { lineChart } from './svg-lines.ts';
import { colorOf, element, scaleTo, shortNumber, text } from './svg-parts.ts';

/** Names of the elements that are open at the end, which are none in a whole document; throws where one is closed that is not open. */
function openElements(svg: string): readonly string[] {
  const open: string[] = [];
  for (const [, closing, name, , selfClosing] of svg.matchAll(/<(\/?)([a-z]+)((?: [a-zA-Z:0-9-]+="[^"<]*")*)(\/?)>/g)) {
    if (closing === '/') expect(open.pop()).toBe(name);
    else if (selfClosing === '') open.push(name!);
  }
  return open;
}

/** The attributes of all elements of one name. */
function attributesOf(svg: string, name: string): readonly Record<string, string>[] {
  return [...svg.matchAll(new RegExp(`<${name}((?: [a-zA-Z:0-9-]+="[^"<]*")*)/?>`, 'g'))].map(([, written = '']) =>
    Object.fromEntries([...written.matchAll(/ ([a-zA-Z:0-9-]+)="([^"]*)"/g)].map(([, key, value]) => [key!, value!])),
  );
}

describe('parts', () => {
  test('what people wrote is escaped', () => {
    expect(text('a < b & "c"', { class: 'x"y' })).toBe('<text class="x&quot;y">a &lt; b &amp; &quot;c&quot;</text>');
  });

  test('a coordinate that is no number is a mistake', () => {
    expect(() => element('rect', { x: NaN })).toThrow('not NaN');
    expect(element('rect', { x: 1 / 3 })).toBe('<rect x="0.33"/>');
  });

  test.each([
    [10, [0, 2, 4, 6, 8, 10]],
    [10.1, [0, 5, 10, 15]],
    [0.3, [0, 0.1, 0.2, 0.3]],
    [1234, [0, 500, 1000, 1500]],
    [0, [0, 0.2, 0.4, 0.6, 0.8, 1]],
    [NaN, [0, 0.2, 0.4, 0.6, 0.8, 1]],
  ])('an axis up to %p', (max, ticks) => {
    expect(scaleTo(max)).toEqual({ ticks, end: ticks.at(-1)! });
  });

  test('numbers have three digits that mean something', () => {
    expect([0, 0.012345, 9.876, 123.4, 45_678].map(shortNumber)).toEqual(['0', '0.0123', '9.88', '123', '45,678']);
  });

  test('a server has its colour wherever it stands', () => {
    expect(colorOf('redis', 0)).toBe(colorOf('redis', 3));
    expect(new Set(['shoal', 'shoal-binary', 'redis', 'memcached'].map((name) => colorOf(name, 0))).size).toBe(4);
    expect(colorOf('other', 0)).not.toBe(colorOf('shoal', 0));
  });
});

describe('bars', () => {
  const svg = barChart({
    title: 'CPU <of a request>',
    axisTitle: 'µs per request',
    groups: [
      {
        label: 'get',
        bars: [
          { series: 'redis', value: 8, low: 7, high: 10 },
          { series: 'shoal', value: 4 },
        ],
      },
      { label: 'a longer label', bars: [{ series: 'shoal', value: 0 }] },
    ],
  });
  const bars = attributesOf(svg, 'rect').filter((one) => one['height'] === '16');

  test('are well formed, with title, unit and a style for light and dark', () => {
    expect(openElements(svg)).toEqual([]);
    for (const part of ['CPU &lt;of a request&gt;', 'µs per request', 'prefers-color-scheme:dark', 'a longer label']) {
      expect(svg).toContain(part);
    }
  });

  test('are as long as their values', () => {
    const [redis, shoal, none] = bars.map((one) => Number(one['width']));
    expect(redis! / shoal!).toBeCloseTo(2, 2);
    expect(none).toBe(0);
  });

  test('have a line from the smallest to the largest value', () => {
    const start = Number(bars[0]?.['x']);
    const perUnit = Number(bars[0]?.['width']) / 8;
    const [range] = attributesOf(svg, 'path');
    const path = /^M([\d.]+) .*H([\d.]+)M/.exec(range?.['d'] ?? '');
    expect((Number(path?.[1]) - start) / perUnit).toBeCloseTo(7, 1);
    expect((Number(path?.[2]) - start) / perUnit).toBeCloseTo(10, 1);
    expect(attributesOf(svg, 'path')).toHaveLength(1);
  });

  test('stay inside the picture, and do not overlap', () => {
    const [root] = attributesOf(svg, 'svg');
    for (const bar of bars) expect(Number(bar['x']) + Number(bar['width'])).toBeLessThan(Number(root?.['width']));
    const tops = bars.map((one) => Number(one['y']));
    expect(tops).toEqual(tops.toSorted((a, b) => a - b));
    expect(tops.at(-1)! + 16).toBeLessThan(Number(root?.['height']));
    expect(Math.min(...tops.slice(1).map((top, i) => top - tops[i]!))).toBeGreaterThanOrEqual(16);
  });

  test('need something to draw', () => {
    expect(() => barChart({ title: 't', axisTitle: 'a', groups: [] })).toThrow('has no bars');
    const groups = [{ label: 'g', bars: [{ series: 's', value: NaN }] }];
    expect(() => barChart({ title: 't', axisTitle: 'a', groups })).toThrow('cannot be NaN');
  });
});

describe('lines', () => {
  const svg = lineChart({
    title: 'Threads',
    xTitle: 'server threads',
    yTitle: 'thousand requests per second',
    lines: [
      {
        series: 'redis',
        points: [
          { x: 4, y: 50 },
          { x: 1, y: 100 },
        ],
      },
      {
        series: 'shoal',
        points: [
          { x: 1, y: 100 },
          { x: 2, y: 200 },
        ],
      },
    ],
  });

  test('are well formed, with both titles', () => {
    expect(openElements(svg)).toEqual([]);
    expect(svg).toContain('server threads');
    expect(svg).toContain('thousand requests per second');
  });

  test('go through their points, in order, at equal steps', () => {
    const dots = attributesOf(svg, 'circle').map((one) => [Number(one['cx']), Number(one['cy'])] as const);
    const [redisOne, redisFour, shoalOne, shoalTwo] = dots;
    expect(redisOne).toEqual(shoalOne);
    expect(redisFour![0] - shoalTwo![0]).toBeCloseTo(shoalTwo![0] - shoalOne![0], 1);
    const bottom = 76 + 260;
    expect((bottom - shoalTwo![1]) / (bottom - shoalOne![1])).toBeCloseTo(2, 2);
  });

  test('need something to draw', () => {
    const axes = { title: 't', xTitle: 'x', yTitle: 'y' };
    expect(() => lineChart({ ...axes, lines: [] })).toThrow('has no points');
    expect(() => lineChart({ ...axes, lines: [{ series: 's', points: [{ x: 1, y: NaN }] }] })).toThrow(
      'numbers from 0',
    );
  });
});

test('a run of which nothing was measured has no charts', () => {
  const environment = {
    startedAt: '',
    machine: '',
    kernel: '',
    bun: '',
    servers: {},
    commit: '',
    pinning: '',
    loadBefore: 0,
  };
  expect(chartsOf({ command: '', environment, rows: [], memory: [] })).toEqual([]);
  const memory = [
    { server: 'shoal', keyBytes: 32, valueBytes: 64, items: 1, bytesPerItem: 90, overheadBytesPerItem: -6 },
  ];
  const [chart, ...others] = chartsOf({ command: '', environment, rows: [], memory });
  expect(others).toEqual([]);
  expect(chart?.[0]).toBe('memory.svg');
  expect(openElements(chart?.[1] ?? '')).toEqual([]);
});
