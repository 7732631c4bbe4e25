/**
 * A node's environment on a clock that a test moves: timers run inside `advance`, randomness is a fixed sequence, and log lines
 * are kept.
 */
import type { LogLevel, NodeEnvironment, TimerHandle } from '../../src/server/environment.ts';

interface ManualTimer {
  readonly intervalMs: number;
  readonly callback: () => void;
  dueAtMs: number;
}

export class ManualEnvironment implements NodeEnvironment {
  readonly clock = { nowMs: () => this.wallMs + this.elapsedMs, monotonicMs: () => this.elapsedMs };
  readonly timers = { every: (intervalMs: number, callback: () => void) => this.every(intervalMs, callback) };
  descriptorCountMax = Number.POSITIVE_INFINITY;
  readonly lines: { readonly level: LogLevel; readonly message: string }[] = [];
  private readonly wallMs: number;
  private elapsedMs = 0;
  private readonly running = new Set<ManualTimer>();
  private seed = 1;

  constructor(wallMs = 1_700_000_000_000) {
    this.wallMs = wallMs;
  }

  readonly random01 = (): number => {
    this.seed = (Math.imul(this.seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return this.seed / 0x8000_0000;
  };

  readonly log = (level: LogLevel, message: string): void => {
    this.lines.push({ level, message });
  };

  /** Moves time on and runs the timers that fall due, in order. */
  advance(durationMs: number): void {
    const endMs = this.elapsedMs + durationMs;
    for (;;) {
      const next = [...this.running].toSorted((left, right) => left.dueAtMs - right.dueAtMs)[0];
      if (next === undefined || next.dueAtMs > endMs) break;
      this.elapsedMs = next.dueAtMs;
      next.dueAtMs += next.intervalMs;
      next.callback();
    }
    this.elapsedMs = endMs;
  }

  private every(intervalMs: number, callback: () => void): TimerHandle {
    const timer: ManualTimer = { intervalMs, callback, dueAtMs: this.elapsedMs + intervalMs };
    this.running.add(timer);
    return { stop: () => this.running.delete(timer) };
  }
}
