/** How a row of an option table reads in a help page. */
import { unreachable } from '../base/assert.ts';
import type { ValueSpec } from '../config/option-spec.ts';
import { formatOption, formatRange } from '../config/validate.ts';

/** What stands for the value after the flag's name. */
export function placeholder(spec: ValueSpec): string {
  switch (spec.kind) {
    case 'text':
      return spec.placeholder;
    case 'choice':
      return spec.choices.join('|');
    case 'size':
      return 'SIZE';
    case 'duration':
      return 'TIME';
    case 'count':
      return 'N';
    default:
      return unreachable(spec);
  }
}

/** Its sentence, with default and range. */
export function describe(spec: ValueSpec): string {
  const range = formatRange(spec);
  const notes = [`default ${formatOption(spec, spec.default) || 'none'}`];
  if (range !== '') notes.push(range);
  return `${spec.summary} (${notes.join('; ')})`;
}
