/**
 * Makes `NodeOptions` from what the user gave: defaults, then the file, then the environment, then flags; each overrides
 * what stands before it. Every value is checked, those that are overridden too, and all problems are reported at once:
 * where each value came from, what it was, and what is allowed.
 */
import { readFileSync } from 'node:fs';
import { ShoalError } from '../base/errors.ts';
import { readConfigText } from './file.ts';
import { MergedOptions } from './merged-options.ts';
import { nearest, suggestion } from './nearest.ts';
import type { NodeOptions } from './node-options.ts';
import { environmentVariable, type OptionKey } from './option-spec.ts';
import { OPTION_KEYS, OPTIONS, specOf } from './options.ts';

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
  const merged = new MergedOptions((key) => `--${OPTIONS[key].flag}`);
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
  return { options: merged.finish(), warnings };
}

function mergeFile(merged: MergedOptions, path: string): void {
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
  merged: MergedOptions,
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
