/**
 * Reads the arguments of a command that takes words beside its options: `shoal set key value --ttl 60s`. Options may stand anywhere;
 * after `--` everything is a word. A lone `-` and a negative number are words. Written by hand, because `parseArgs` takes
 * `-5` for options and cannot tell an option that was given twice.
 */
import { ShoalError } from '../base/errors.ts';
import { suggestion } from '../config/nearest.ts';

export type ArgumentOption =
  /** Stands alone. */
  | 'switch'
  /** Takes a value; the last one counts. */
  | 'value'
  /** Takes a value; all of them count. */
  | 'values';

export interface ParsedArguments {
  readonly help: boolean;
  readonly words: readonly string[];
  readonly switches: ReadonlySet<string>;
  /** The values of each option that was given, in their order. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

/**
 * `options`: by their names without dashes; `--help` and `-h` are always there. Throws `InvalidOption` for an unknown option or
 * a missing value.
 */
export function parseArguments(
  args: readonly string[],
  options: Readonly<Record<string, ArgumentOption>>,
): ParsedArguments {
  const words: string[] = [];
  const switches = new Set<string>();
  const values = new Map<string, readonly string[]>();
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? '';
    if (arg === '--') {
      words.push(...args.slice(index + 1));
      break;
    }
    if (arg === '-h') {
      switches.add('help');
      continue;
    }
    if (!arg.startsWith('--')) {
      if (arg.startsWith('-') && arg !== '-' && !NEGATIVE_NUMBER.test(arg)) throw unknown(arg, options);
      words.push(arg);
      continue;
    }
    const equals = arg.indexOf('=');
    const name = arg.slice(2, equals < 0 ? undefined : equals);
    const kind = name === 'help' ? 'switch' : Object.hasOwn(options, name) ? options[name] : undefined;
    if (kind === undefined) throw unknown(`--${name}`, options);
    if (kind === 'switch') {
      if (equals >= 0) throw invalid(`--${name} takes no value`);
      switches.add(name);
      continue;
    }
    let value = equals < 0 ? undefined : arg.slice(equals + 1);
    if (value === undefined) {
      index += 1;
      value = args[index];
      if (value === undefined || value.startsWith('--')) throw invalid(`--${name} needs a value`);
    }
    values.set(name, kind === 'values' ? [...(values.get(name) ?? []), value] : [value]);
  }
  return { help: switches.has('help'), words, switches, values };
}

/** The value of an option that counts once; undefined where it was not given. */
export function valueOf(parsed: ParsedArguments, name: string): string | undefined {
  return parsed.values.get(name)?.at(-1);
}

/**
 * Checks how many words there are. `names` are what they stand for, for the message; `more`: the last may be repeated. Throws `InvalidOption`.
 */
export function checkWords(
  words: readonly string[],
  names: readonly string[],
  limits: { readonly min: number; readonly max: number },
): void {
  if (words.length < limits.min) throw invalid(`${names[words.length] ?? names.at(-1) ?? 'a word'} is missing`);
  if (words.length > limits.max) {
    const what = names.length === 0 ? 'takes no words' : `takes ${names.join(' and ')} only`;
    throw invalid(
      `"${words[limits.max]}" is one word too many: this command ${what}; put a text with spaces in quotes`,
    );
  }
}

export function invalid(message: string): ShoalError {
  return new ShoalError('InvalidOption', message);
}

const NEGATIVE_NUMBER = /^-\.?\d/;

function unknown(given: string, options: Readonly<Record<string, ArgumentOption>>): ShoalError {
  const near = suggestion(given.replace(/^-+/, ''), [...Object.keys(options), 'help'], '--');
  const hint = near === '' ? '; a word that begins with a dash goes behind --' : near;
  return invalid(`${given} is not an option${hint}`);
}
