/**
 * A progress bar on one line of a terminal. What it shows is a function of the state alone; the object around it decides when to
 * draw and leaves the line empty when it ends.
 */
import type { Terminal } from './command.ts';

/** A bar is drawn so often: the eye needs no more. */
const DRAW_EVERY_MS = 200;
const BAR_CELLS_MAX = 30;
const BAR_CELLS_MIN = 8;
/** To the first column, and clear to the end of the line. */
const ERASE_LINE = '\r\u001b[K';
const GREEN = '\u001b[32m';
const RED = '\u001b[31m';
const PLAIN = '\u001b[39m';

export interface ProgressState {
  readonly label: string;
  /** Of the work, 0 to 1; NaN where the end is not known. */
  readonly fraction: number;
  readonly ratePerSecond: number;
  readonly errorCount: number;
  /** Until the end at this rate; NaN where it is not known. */
  readonly leftMs: number;
}

/** The line, without control characters but colours, and shorter than `columns`. */
export function progressText(state: ProgressState, { columns, colors }: Terminal): string {
  const room = Math.max(0, columns - 1);
  const known = !Number.isNaN(state.fraction);
  const share = Math.min(1, Math.max(0, state.fraction));
  const percentText = known ? `${String(Math.floor(share * 100)).padStart(3)}%` : '';
  const errors = state.errorCount === 0 ? '' : `${state.errorCount.toLocaleString('en-US')} errors`;
  const rate = `${Math.round(state.ratePerSecond).toLocaleString('en-US')}/s`;
  const left = known && Number.isFinite(state.leftMs) ? `${Math.ceil(state.leftMs / 1000)} s left` : '';
  // The most telling first: what does not fit is left out from the end.
  let parts = [state.label, percentText, errors, rate, left].filter((part) => part !== '');
  while (parts.length > 1 && parts.join('  ').length > room) parts = parts.slice(0, -1);
  const plain = parts.join('  ').slice(0, room);
  const barCells = Math.min(BAR_CELLS_MAX, room - plain.length - 2);
  const painted = colors && errors !== '' ? plain.replace(errors, `${RED}${errors}${PLAIN}`) : plain;
  if (!known || barCells < BAR_CELLS_MIN || !plain.startsWith(state.label)) return painted;
  const doneCells = Math.round(share * barCells);
  const done = '█'.repeat(doneCells);
  const bar = `${colors && done !== '' ? `${GREEN}${done}${PLAIN}` : done}${'░'.repeat(barCells - doneCells)}`;
  return `${state.label}  ${bar}${painted.slice(state.label.length)}`;
}

export class ProgressBar {
  private readonly terminal: Terminal;
  private readonly write: (text: string) => void;
  private drawnAtMs = -Infinity;

  constructor(terminal: Terminal, write: (text: string) => void) {
    this.terminal = terminal;
    this.write = write;
  }

  /** Draws what `state` gives, unless it was drawn a moment ago. */
  update(nowMs: number, state: () => ProgressState): void {
    if (nowMs - this.drawnAtMs < DRAW_EVERY_MS) return;
    this.drawnAtMs = nowMs;
    this.write(`${ERASE_LINE}${progressText(state(), this.terminal)}`);
  }

  /** Leaves an empty line with the cursor at its begin. */
  clear(): void {
    if (this.drawnAtMs !== -Infinity) this.write(ERASE_LINE);
    this.drawnAtMs = -Infinity;
  }
}
