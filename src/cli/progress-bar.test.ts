import { describe, expect, test } from 'bun:test';
import { ProgressBar, type ProgressState, progressText } from './progress-bar.ts';
import { terminalOf } from './terminal.ts';

const STATE: ProgressState = {
  label: 'Measuring',
  fraction: 0.5,
  ratePerSecond: 12_345.6,
  errorCount: 0,
  leftMs: 4200,
};

function plain(state: Partial<ProgressState>, columns = 80): string {
  return progressText({ ...STATE, ...state }, { columns, colors: false });
}

/** As wide as the eye sees it. */
function widthOf(text: string): number {
  return text.replaceAll(/\u001b\[\d+m/g, '').length;
}

test('what is shown', () => {
  expect(plain({})).toBe(`Measuring  ${'█'.repeat(15)}${'░'.repeat(15)}   50%  12,346/s  5 s left`);
  expect(plain({ errorCount: 1234 })).toContain('  1,234 errors  12,346/s');
  expect(plain({ fraction: NaN, leftMs: NaN })).toBe('Measuring  12,346/s');
  expect(plain({ fraction: 7 })).toContain('100%');
  expect(plain({ leftMs: Infinity })).not.toContain('left');
});

test('it fits any terminal, with and without colours', () => {
  for (const colors of [true, false]) {
    for (let columns = 0; columns <= 120; columns += 1) {
      for (const state of [STATE, { ...STATE, errorCount: 5 }, { ...STATE, fraction: NaN }]) {
        expect(widthOf(progressText(state, { columns, colors }))).toBeLessThanOrEqual(Math.max(0, columns - 1));
      }
    }
  }
  expect(plain({}, 16)).toBe('Measuring   50%');
});

test('colours only where they are allowed', () => {
  expect(progressText({ ...STATE, errorCount: 2 }, { columns: 80, colors: true })).toContain(
    '\u001b[31m2 errors\u001b[39m',
  );
  expect(plain({ errorCount: 2 })).not.toContain('\u001b');
});

describe('the bar', () => {
  test('is drawn a few times a second, over itself, and leaves an empty line', () => {
    let written = '';
    let asked = 0;
    const bar = new ProgressBar({ columns: 80, colors: false }, (text) => (written += text));
    bar.clear();
    expect(written).toBe('');
    for (let nowMs = 0; nowMs < 1000; nowMs += 10) {
      bar.update(nowMs, () => {
        asked += 1;
        return STATE;
      });
    }
    expect(asked).toBe(5);
    expect(written.split('\r\u001b[K')).toHaveLength(6);
    expect(written).not.toContain('\n');
    bar.clear();
    expect(written).toEndWith('\r\u001b[K');
  });

  test('needs a terminal that can be drawn on', () => {
    expect(terminalOf({ isTTY: false, columns: 80 }, {})).toBeNull();
    expect(terminalOf({}, {})).toBeNull();
    expect(terminalOf({ isTTY: true }, { TERM: 'dumb' })).toBeNull();
    expect(terminalOf({ isTTY: true }, {})).toMatchObject({ columns: 80, colors: true });
    expect(terminalOf({ isTTY: true, columns: 40 }, { NO_COLOR: '1' })).toMatchObject({ columns: 40, colors: false });
    expect(terminalOf({ isTTY: true }, { NO_COLOR: '' })?.colors).toBeTrue();
  });
});
