/**
 * How a command that runs for a while takes SIGTERM and SIGINT: the first one asks it to end in order; a second one ends the process
 * at once, whatever it is waiting for. An echo of the first does not count as a second.
 */
import type { CommandContext } from './command.ts';
import { FORCED_EXIT_CODES, type StopSignal } from './exit-codes.ts';

/**
 * The same signal again within this time is an echo. Ctrl-C under `npm start` or `npx` comes twice: from the terminal, and from npm,
 * which passes on what it got itself. Nobody can see in so short a time that a stop hangs.
 */
export const SIGNAL_ECHO_MS = 500;

const SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM'];

/** Listens from now on; calls `stop` at the first signal, once. */
export function onStopSignal(context: CommandContext, stop: (signal: StopSignal) => void): void {
  let first: { readonly signal: StopSignal; readonly atMs: number } | null = null;
  for (const signal of SIGNALS) {
    context.onSignal(signal, () => {
      const atMs = context.nowMs();
      if (first === null) {
        first = { signal, atMs };
        stop(signal);
      } else if (signal !== first.signal || atMs - first.atMs >= SIGNAL_ECHO_MS) {
        context.exit(FORCED_EXIT_CODES[signal]);
      }
    });
  }
}
