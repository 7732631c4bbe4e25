/** What the process exits with. Part of the command line's contract: scripts and supervisors branch on it. */
export const ExitCode = {
  /** Done, or stopped in order by a signal. */
  ok: 0,
  /** A fault: the port is in use, memory cannot be reserved, a bug. */
  fault: 1,
  /** The command line, the environment or the file is wrong. Starting again without a change is useless. */
  usage: 2,
  /** It was asked and answered: there is no such key, or the condition does not hold. */
  miss: 3,
  /**
   * A node that an operator has start again (`shoal cluster restart`): stopped in order, and whoever supervises it is to start it. Not 0, so that supervisors which restart
   * only what failed do so too; the number that sysexits.h has for "try again".
   */
  restart: 75,
} as const;

/** Forced to stop by a second signal, as shells number it: 128 and the signal's own number. */
export const FORCED_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

export type StopSignal = keyof typeof FORCED_EXIT_CODES;
