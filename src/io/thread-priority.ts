/**
 * How a thread that can wait leaves the processors to those that cannot. Linux alone has a priority for each thread; elsewhere the call would mean the
 * whole process, and nothing is done.
 */
import { getPriority, setPriority } from 'node:os';

/** Beside a thread of the usual priority that is busy, about a tenth of a processor is left for one that is so much nicer. */
const NICER_BY = 10;
const NICE_MAX = 19;

/** From here on the calling thread runs where the processors have nothing better to do, and seldom else; unless the system does not let it. */
export function yieldProcessors(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(Math.min(NICE_MAX, getPriority() + NICER_BY));
  } catch {
    // It gets in the way of others, which is no reason not to run.
  }
}
