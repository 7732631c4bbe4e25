/** Histories as lines of JSON, one for each operation, for checkers that are not ours (scripts/porcupine). */
import type { History } from './history.ts';

/** The operations of `history` that count, as lines with a line feed each. `run` tells them from those of other runs. */
export function historyLines(run: string, history: History): string {
  const lines: string[] = [];
  for (const [key, operations] of history.entries()) {
    // Of what a death with replicas may take only our own checker knows.
    if (operations.some(({ kind }) => kind === 'revert')) continue;
    for (const { kind, value, calledAtMs, answeredAtMs, void: isVoid } of operations) {
      const isOpen = answeredAtMs === Number.POSITIVE_INFINITY;
      if (isVoid || (isOpen && kind === 'read')) continue;
      const line = { run, key, kind, value, call: calledAtMs, return: isOpen ? null : answeredAtMs };
      lines.push(`${JSON.stringify(line)}\n`);
    }
  }
  return lines.join('');
}
