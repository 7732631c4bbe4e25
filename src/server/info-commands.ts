/** INFO's counts of commands and errors. */
import type { CommandTable } from './command-table.ts';
import type { ThreadFigures } from './thread-figures.ts';

type Field = readonly [name: string, value: string];

/** Commands that were called or refused; `usec` is spread evenly over each batch (`command-statistics.ts`). */
export function commandStatsLines(table: CommandTable, { commands: statistics }: ThreadFigures): readonly Field[] {
  const fields: Field[] = [];
  for (const { index, name } of table.entries) {
    const calls = statistics.calls[index]!;
    const rejected = statistics.rejected[index]!;
    const failed = statistics.failed[index]!;
    if (calls === 0 && rejected === 0 && failed === 0) continue;
    const usec = Math.round(statistics.microseconds[index]!);
    const perCall = calls === 0 ? '0.00' : (statistics.microseconds[index]! / calls).toFixed(2);
    const value = `calls=${calls},usec=${usec},usec_per_call=${perCall},rejected_calls=${rejected},failed_calls=${failed}`;
    fields.push([`cmdstat_${name}`, value]);
  }
  return fields;
}

export function errorStatsLines({ commands }: ThreadFigures): readonly Field[] {
  return [...commands.errors]
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([code, count]) => [`errorstat_${code}`, `count=${count}`]);
}
