/** What `serve` shows while it loads what is on disk: a bar on a terminal, else a line from time to time. On stderr: the first line of stdout is the ready line. */
import { formatSize } from '../config/units.ts';
import type { CommandContext } from './command.ts';
import { ProgressBar } from './progress-bar.ts';

/** Between two lines where there is no terminal. Who loads less says nothing. */
const LINE_EVERY_MS = 2000;

/** How far loading is. */
export interface LoadingState {
  readonly bytes: number;
  readonly totalBytes: number;
  readonly itemCount: number;
}

export class LoadingProgress {
  private readonly context: CommandContext;
  private readonly bar: ProgressBar | null;
  private readonly beganAtMs: number;
  private saidAtMs: number;

  constructor(context: CommandContext) {
    this.context = context;
    const { errorTerminal, writeError } = context;
    this.bar = errorTerminal === null ? null : new ProgressBar(errorTerminal, writeError);
    this.beganAtMs = context.nowMs();
    this.saidAtMs = this.beganAtMs;
  }

  update(state: LoadingState): void {
    const nowMs = this.context.nowMs();
    const fraction = state.totalBytes === 0 ? Number.NaN : state.bytes / state.totalBytes;
    const elapsedMs = nowMs - this.beganAtMs;
    this.bar?.update(nowMs, () => ({
      label: 'loading',
      fraction,
      ratePerSecond: elapsedMs === 0 ? 0 : (state.itemCount * 1000) / elapsedMs,
      errorCount: 0,
      leftMs: fraction > 0 ? elapsedMs / fraction - elapsedMs : Number.NaN,
    }));
    if (this.bar !== null || nowMs - this.saidAtMs < LINE_EVERY_MS) return;
    this.saidAtMs = nowMs;
    this.context.writeError(`shoal: loading: ${loadingText(state)}\n`);
  }

  end(): void {
    this.bar?.clear();
  }
}

/** `43% of 2gb, 812345 items`. */
export function loadingText({ bytes, totalBytes, itemCount }: LoadingState): string {
  const percent = totalBytes === 0 ? 100 : Math.floor((bytes * 100) / totalBytes);
  return `${percent}% of ${formatSize(roundSize(totalBytes))}, ${itemCount} items`;
}

/** To whole units of which there are some, for people. */
function roundSize(bytes: number): number {
  const unit = bytes >= 10 * 1024 ** 2 ? 1024 ** 2 : bytes >= 10 * 1024 ? 1024 : 1;
  return Math.round(bytes / unit) * unit;
}
