/**
 * What a node takes from the world around it: time, timers, chance, and a place for log lines. Everything else in
 * this folder gets them through its constructor, so tests run a whole node on a clock of their own.
 */
import { readFileSync } from 'node:fs';
import { RUNTIME_TIME } from '../io/real-time.ts';

export interface Clock {
  /** ms since 1970. */
  nowMs(): number;
  /** ms since some fixed moment, with fractions; never goes back. For durations and timeouts. */
  monotonicMs(): number;
}

export interface TimerHandle {
  stop(): void;
}

export interface Timers {
  /** Calls `callback` about every `intervalMs`; does not keep the process alive. */
  every(intervalMs: number, callback: () => void): TimerHandle;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type Log = (level: LogLevel, message: string) => void;

export interface NodeEnvironment {
  readonly clock: Clock;
  readonly timers: Timers;
  /** In [0, 1). */
  readonly random01: () => number;
  readonly log: Log;
  /** Files and sockets that the process may have open at once; infinite where nobody says. */
  readonly descriptorCountMax: number;
}

/** The machine's own clock, timers and randomness; warnings and errors go to standard error. */
export function systemEnvironment(): NodeEnvironment {
  return {
    clock: { nowMs: RUNTIME_TIME.nowMs, monotonicMs: RUNTIME_TIME.monotonicMs },
    timers: { every: (intervalMs, callback) => ({ stop: RUNTIME_TIME.every(intervalMs, callback) }) },
    random01: () => Math.random(),
    log: logToStandardError,
    descriptorCountMax: readDescriptorCountMax(),
  };
}

/** The soft limit that is in force, which runtimes raise to the hard one when they start; only Linux shows it as a file. */
function readDescriptorCountMax(): number {
  try {
    const count = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return count === undefined ? Number.POSITIVE_INFINITY : Number(count);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function logToStandardError(level: LogLevel, message: string): void {
  if (level === 'warn' || level === 'error') process.stderr.write(`shoal: ${level}: ${message}\n`);
}
