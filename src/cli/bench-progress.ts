/** What `shoal bench` shows on stderr while it runs: a bar on a terminal, a line for each phase elsewhere, or nothing. */
import type { LoadRunner, PhaseResult } from '../load/load-runner.ts';
import type { OperationSource } from '../load/operation-source.ts';
import type { CommandContext } from './command.ts';
import { ProgressBar, type ProgressState } from './progress-bar.ts';

const PHASES = {
  preload: 'Writing every key once',
  'warm-up': 'Warming up',
  measure: 'Measuring',
} as const;
export type PhaseName = keyof typeof PHASES;

/** The rate that is shown is that of so long: it follows changes, and does not jump. */
const RATE_WINDOW_MS = 1000;

export class BenchProgress {
  private readonly context: CommandContext;
  private readonly bar: ProgressBar | null;
  private readonly quiet: boolean;

  constructor(context: CommandContext, quiet: boolean) {
    this.context = context;
    this.quiet = quiet;
    const { errorTerminal } = context;
    this.bar = quiet || errorTerminal === null ? null : new ProgressBar(errorTerminal, context.writeError);
  }

  /** Runs a phase and shows how it goes. `durationMsMax` is 0 where only the count ends it. */
  async show(name: PhaseName, runner: LoadRunner, source: OperationSource, durationMsMax = 0): Promise<PhaseResult> {
    if (!this.quiet && this.bar === null) this.context.writeError(`shoal: ${PHASES[name].toLowerCase()}…\n`);
    const rate = new RecentRate(this.context.nowMs());
    const startedAtMs = this.context.nowMs();
    const result = await runner.run(source, () => {
      const nowMs = this.context.nowMs();
      rate.note(nowMs, runner.figures.operationCount);
      this.bar?.update(nowMs, () =>
        progressState(name, runner, source, nowMs - startedAtMs, durationMsMax, rate.perSecond),
      );
    });
    this.clear();
    return result;
  }

  clear(): void {
    this.bar?.clear();
  }
}

function progressState(
  name: PhaseName,
  runner: LoadRunner,
  source: OperationSource,
  elapsedMs: number,
  durationMsMax: number,
  ratePerSecond: number,
): ProgressState {
  const { operationCount, errors } = runner.figures;
  const { plannedCount } = source;
  // Infinity plans nothing: its share of the work stays 0.
  const byCount = operationCount / plannedCount;
  const byTime = durationMsMax === 0 ? 0 : elapsedMs / durationMsMax;
  const leftByCountMs = ratePerSecond > 0 ? ((plannedCount - operationCount) / ratePerSecond) * 1000 : Infinity;
  const leftByTimeMs = durationMsMax === 0 ? Infinity : durationMsMax - elapsedMs;
  return {
    label: PHASES[name],
    fraction: Math.max(byCount, byTime),
    ratePerSecond,
    errorCount: errors.total,
    leftMs: Math.max(0, Math.min(leftByCountMs, leftByTimeMs)),
  };
}

/** Operations a second over the last second or so. */
class RecentRate {
  perSecond = 0;
  private sinceMs: number;
  private sinceCount = 0;

  constructor(nowMs: number) {
    this.sinceMs = nowMs;
  }

  note(nowMs: number, count: number): void {
    const elapsedMs = nowMs - this.sinceMs;
    if (this.perSecond === 0 || elapsedMs >= RATE_WINDOW_MS) {
      this.perSecond = elapsedMs > 0 ? ((count - this.sinceCount) / elapsedMs) * 1000 : 0;
    }
    if (elapsedMs < RATE_WINDOW_MS) return;
    this.sinceMs = nowMs;
    this.sinceCount = count;
  }
}
