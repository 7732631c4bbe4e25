/**
 * Reads a command's flags: `--name value` and `--name=value`, the last one of a name counting. Every flag takes a value,
 * but for `--help` and those that are named as switches.
 */
import { parseArgs } from 'node:util';
import { ShoalError } from '../base/errors.ts';
import { suggestion } from '../config/nearest.ts';

export interface ParsedFlags {
  readonly help: boolean;
  readonly values: ReadonlyMap<string, string>;
  /** The switches that were given. */
  readonly switches: ReadonlySet<string>;
}

/** Throws `InvalidOption` for an unknown flag, a missing value, a value of a switch, or an argument that belongs to no flag. */
export function parseFlags(
  args: readonly string[],
  names: readonly string[],
  switchNames: readonly string[] = [],
): ParsedFlags {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {
    help: { type: 'boolean', short: 'h' },
  };
  for (const name of names) options[name] = { type: 'string' };
  for (const name of switchNames) options[name] = { type: 'boolean' };
  // Not strict: the messages of `parseArgs` differ between runtimes, ours do not.
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  const values = new Map<string, string>();
  const switches = new Set<string>();
  let help = false;
  for (const token of tokens) {
    if (token.kind === 'positional') throw invalid(`"${token.value}" belongs to no option`);
    if (token.kind === 'option-terminator') continue;
    if (token.name === 'help' || token.rawName === '-h') {
      help = true;
    } else if (switchNames.includes(token.name)) {
      if (token.value !== undefined) throw invalid(`${token.rawName} takes no value`);
      switches.add(token.name);
    } else if (!names.includes(token.name)) {
      throw invalid(`${token.rawName} is not an option${suggestion(token.name, [...names, ...switchNames], '--')}`);
    } else if (token.value === undefined || (!token.inlineValue && token.value.startsWith('--'))) {
      throw invalid(`${token.rawName} needs a value`);
    } else {
      values.set(token.name, token.value);
    }
  }
  return { help, values, switches };
}

function invalid(message: string): ShoalError {
  return new ShoalError('InvalidOption', message);
}
