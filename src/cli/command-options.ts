/**
 * The options of a command, from one table: flags, defaults, ranges, help and checks follow from its rows, as those of a node
 * do from theirs. Besides what a node's options can be there are switches, and texts of a form that only the command knows.
 */
import { ShoalError } from '../base/errors.ts';
import type { ValueSpec } from '../config/option-spec.ts';
import { checkOption } from '../config/validate.ts';
import { parseFlags } from './flags.ts';
import { entry } from './help-layout.ts';
import { describe, placeholder } from './option-text.ts';

interface InTable {
  /** The section of the help. */
  readonly group: string;
  /** A variable of the environment that counts where the flag is not given. */
  readonly environment?: string;
}

/** Given or not; takes no value. */
export interface SwitchSpec {
  readonly kind: 'switch';
  readonly flag: string;
  readonly summary: string;
}

/** A text that `parse` reads. */
export interface FormSpec<V> {
  readonly kind: 'form';
  readonly flag: string;
  readonly placeholder: string;
  readonly default: string;
  readonly summary: string;
  readonly reason: string;
  /** Null where it is not of the form. */
  readonly parse: (text: string) => V | null;
  /** What is allowed, after "give". */
  readonly expected: string;
}

export type CommandOption = (ValueSpec | SwitchSpec | FormSpec<unknown>) & InTable;
export type CommandOptionTable = Readonly<Record<string, CommandOption>>;

type ValueOf<O> = O extends { readonly kind: 'switch' }
  ? boolean
  : O extends { readonly kind: 'form'; readonly parse: (text: string) => infer V }
    ? NonNullable<V>
    : O extends { readonly kind: 'choice'; readonly choices: readonly (infer C)[] }
      ? C
      : O extends { readonly kind: 'text' }
        ? string
        : number;

export type ValuesOf<T extends CommandOptionTable> = { readonly [K in keyof T]: ValueOf<T[K]> };

export interface ReadOptions<T extends CommandOptionTable> {
  readonly help: boolean;
  readonly values: ValuesOf<T>;
  /** Rows that the command line itself has a value for. */
  readonly given: ReadonlySet<keyof T>;
}

export interface OptionSources {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Values by flag that stand in for defaults, chosen after the flags are known. */
  readonly defaults?: (flags: ReadonlyMap<string, string>) => ReadonlyMap<string, string>;
}

/** Throws `InvalidOption` with all that is wrong, one problem a line. */
export function readCommandOptions<T extends CommandOptionTable>(table: T, sources: OptionSources): ReadOptions<T> {
  const rows: readonly (readonly [string, CommandOption])[] = Object.entries(table);
  const switches = rows.filter(([, row]) => row.kind === 'switch').map(([, row]) => row.flag);
  const names = rows.filter(([, row]) => row.kind !== 'switch').map(([, row]) => row.flag);
  const flags = parseFlags(sources.args, names, switches);
  const defaults = sources.defaults?.(flags.values) ?? new Map<string, string>();
  const values: Record<string, unknown> = {};
  const given = new Set<keyof T>();
  const problems: string[] = [];
  for (const [key, row] of rows) {
    if (row.kind === 'switch') {
      values[key] = flags.switches.has(row.flag);
      continue;
    }
    const flag = flags.values.get(row.flag);
    const variable = row.environment === undefined ? undefined : sources.environment[row.environment];
    const text = flag ?? variable ?? defaults.get(row.flag);
    if (flag !== undefined) given.add(key);
    const checked = check(row, text);
    if (checked.ok) values[key] = checked.value;
    else
      problems.push(
        `${flag === undefined && variable !== undefined ? row.environment : `--${row.flag}`}: ${checked.problem}`,
      );
  }
  if (problems.length > 0 && !flags.help) throw new ShoalError('InvalidOption', problems.join('\n'));
  return { help: flags.help, values: values as ValuesOf<T>, given };
}

/** The lines of the help for all rows, by group. */
export function optionHelp(table: CommandOptionTable): string[] {
  const rows = Object.values(table);
  const lines: string[] = [];
  for (const group of new Set(rows.map((row) => row.group))) {
    lines.push('', group);
    for (const row of rows) if (row.group === group) lines.push(...optionEntry(row));
  }
  return lines;
}

type Checked = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: string };

function check(row: Exclude<CommandOption, SwitchSpec>, text: string | undefined): Checked {
  if (row.kind !== 'form') return text === undefined ? { ok: true, value: row.default } : checkOption(row, text);
  const value = row.parse(text ?? row.default);
  if (value !== null) return { ok: true, value };
  return { ok: false, problem: `${JSON.stringify(text)} is not allowed; give ${row.expected}` };
}

function optionEntry(row: CommandOption): string[] {
  if (row.kind === 'switch') return entry(`--${row.flag}`, row.summary);
  const variable = row.environment === undefined ? '' : ` Or ${row.environment}.`;
  if (row.kind === 'form') {
    const notes = row.default === '' ? '' : ` (default ${row.default})`;
    return entry(`--${row.flag} ${row.placeholder}`, `${row.summary}${variable}${notes}`);
  }
  return entry(`--${row.flag} ${placeholder(row)}`, describe({ ...row, summary: `${row.summary}${variable}` }));
}
