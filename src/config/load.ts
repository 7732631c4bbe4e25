/**
 * Makes `NodeOptions` from what the user gave: defaults, then the file, then the environment, then flags; each overrides
 * what stands before it. Every value is checked, those that are overridden too, and all problems are reported at once:
 * where each value came from, what it was, and what is allowed.
 */
import { readFileSync } from 'node:fs';
import { ShoalError } from '../base/errors.ts';
import { readConfigText } from './file.ts';
import { nearest, suggestion } from './nearest.ts';
import type { NodeOptions } from './node-options.ts';
import { environmentVariable, type OptionKey } from './option-spec.ts';
import { buildOptions, OPTION_KEYS, OPTIONS, RELATIONS, specOf } from './options.ts';
import { checkOption, formatOption } from './validate.ts';

export interface OptionSources {
  /** The file's path; undefined: `SHOAL_CONFIG`, or no file. */
  readonly configPath?: string | undefined;
  /** Flags without their dashes, and their values. */
  readonly flags?: ReadonlyMap<string, string>;
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

export interface LoadedOptions {
  readonly options: NodeOptions;
  /** Sentences that the user should see though nothing is wrong enough to stop. */
  readonly warnings: readonly string[];
}

const FLAGS = OPTION_KEYS.map((key) => OPTIONS[key].flag);
const KEY_OF_FLAG: ReadonlyMap<string, OptionKey> = new Map(OPTION_KEYS.map((key) => [OPTIONS[key].flag, key]));
const VARIABLES = [...OPTION_KEYS.map((key) => environmentVariable(specOf(key))), 'SHOAL_CONFIG', 'SHOAL_RUNTIME'];

/** Throws `InvalidOption`, one line of its message per problem. Reads the configuration file and nothing else. */
export function loadOptions(sources: OptionSources): LoadedOptions {
  const merged = new Merged();
  const environment = sources.environment ?? {};
  const warnings: string[] = [];
  const configPath = sources.configPath ?? (environment['SHOAL_CONFIG'] || undefined);
  if (configPath !== undefined) mergeFile(merged, configPath);
  mergeEnvironment(merged, environment, warnings);
  for (const [flag, value] of sources.flags ?? []) {
    const key = KEY_OF_FLAG.get(flag);
    if (key === undefined) merged.problems.push(`--${flag} is not an option${suggestion(flag, FLAGS, '--')}`);
    else merged.take(key, value, `--${flag}`);
  }
  if (merged.problems.length === 0) merged.checkRelations();
  if (merged.problems.length > 0) throw new ShoalError('InvalidOption', merged.problems.join('\n'));
  return { options: buildOptions((key) => merged.valueOf(key)), warnings };
}

class Merged {
  readonly problems: string[] = [];
  readonly #values = new Map<OptionKey, { readonly value: string | number; readonly origin: string }>();

  take(key: OptionKey, raw: unknown, origin: string): void {
    const checked = checkOption(specOf(key), raw);
    if (checked.ok) this.#values.set(key, { value: checked.value, origin });
    else this.problems.push(`${origin}: ${checked.problem}`);
  }

  valueOf(key: OptionKey): string | number {
    return this.#values.get(key)?.value ?? OPTIONS[key].default;
  }

  checkRelations(): void {
    for (const { smaller, larger, factor = 1, room = 0, because } of RELATIONS) {
      if (Number(this.valueOf(smaller)) * factor + room <= Number(this.valueOf(larger))) continue;
      this.problems.push(`${because}; ${this.#describe(smaller)}, ${this.#describe(larger)}`);
    }
  }

  #describe(key: OptionKey): string {
    const { flag } = OPTIONS[key];
    const origin = this.#values.get(key)?.origin ?? 'default';
    const value = formatOption(specOf(key), this.valueOf(key));
    return origin === `--${flag}` ? `${origin} is ${value}` : `--${flag} is ${value} (${origin})`;
  }
}

function mergeFile(merged: Merged, path: string): void {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ShoalError('InvalidOption', `the configuration file ${path} cannot be read: ${reason}`, {
      cause: error,
    });
  }
  const seen = new Set<OptionKey>();
  for (const { name, value, origin } of readConfigText(text, path)) {
    const key = KEY_OF_FLAG.get(name);
    if (key === undefined) {
      merged.problems.push(`${origin} is not an option${suggestion(name, FLAGS)}`);
    } else if (seen.has(key)) {
      merged.problems.push(`${origin} is given twice, as "${name}" and inside "limits"`);
    } else {
      seen.add(key);
      merged.take(key, value, origin);
    }
  }
}

function mergeEnvironment(
  merged: Merged,
  environment: Readonly<Record<string, string | undefined>>,
  warnings: string[],
): void {
  for (const key of OPTION_KEYS) {
    const variable = environmentVariable(specOf(key));
    const value = environment[variable];
    // An empty variable counts as absent: that is how compose files and shells unset one.
    if (value === undefined || value === '') continue;
    if (key === 'port' && value.startsWith('tcp://')) {
      // Kubernetes sets this in every pod beside a service called "shoal".
      warnings.push(`${variable}=${value} is ignored: it is an address that Kubernetes gives, not a port`);
      continue;
    }
    merged.take(key, value, variable);
  }
  // Others may own SHOAL_… names too, so only what looks like a slip is worth a word.
  for (const variable of Object.keys(environment)) {
    if (!variable.startsWith('SHOAL_') || VARIABLES.includes(variable)) continue;
    const meant = nearest(variable, VARIABLES);
    if (meant !== null) warnings.push(`${variable} is not an option; did you mean ${meant}?`);
  }
}
