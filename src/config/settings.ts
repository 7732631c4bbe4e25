/**
 * Reads `NodeSettings`, the form that an application gives: the same table and checks as the file, all problems at once.
 * What differs are a few defaults: inside an application or a test a node takes any free port, little memory, and no thread of its own.
 */
import { ShoalError } from '../base/errors.ts';
import { MergedOptions, type OptionDefaults } from './merged-options.ts';
import { suggestion } from './nearest.ts';
import type { NodeOptions } from './node-options.ts';
import type { NodeSettings } from './node-settings.ts';
import type { OptionKey } from './option-spec.ts';
import { OPTION_KEYS, OPTIONS } from './options.ts';
import { effectiveMode } from './persistence-options.ts';

export interface ReadSettings {
  readonly options: NodeOptions;
  readonly nowMs: NodeSettings['nowMs'];
  readonly log: NodeSettings['log'];
}

const EMBEDDED_DEFAULTS = {
  port: 0,
  memoryBytes: 64 * 1024 * 1024,
  janitor: 'inline',
  threadCount: 1,
} as const satisfies OptionDefaults;

const LIMIT_PREFIX = 'limit-';
const FUNCTIONS = ['nowMs', 'log'] as const;
/** Names at the top, and those inside `limits`. */
const KEY_OF_NAME: ReadonlyMap<string, OptionKey> = namesOf((flag) => (flag.startsWith(LIMIT_PREFIX) ? null : flag));
const KEY_OF_LIMIT: ReadonlyMap<string, OptionKey> = namesOf((flag) =>
  flag.startsWith(LIMIT_PREFIX) ? flag.slice(LIMIT_PREFIX.length) : null,
);
const NAMES = [...KEY_OF_NAME.keys(), 'limits', ...FUNCTIONS];

/** Throws `InvalidOption`, one line of its message per problem. A member that is undefined counts as absent. */
export function readSettings(settings: NodeSettings): ReadSettings {
  const given: unknown = settings;
  if (!isRecord(given)) throw new ShoalError('InvalidOption', 'the settings of a node must be an object');
  const merged = new MergedOptions(nameOf, EMBEDDED_DEFAULTS);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const key = KEY_OF_NAME.get(name);
    if (key !== undefined) merged.take(key, value, name);
    else if (name === 'limits') takeLimits(merged, value);
    else if (!FUNCTIONS.some((known) => known === name))
      merged.problems.push(`${name} is not an option${suggestion(name, NAMES)}`);
    else if (typeof value !== 'function') merged.problems.push(`${name}: give a function`);
  }
  if (settings.nowMs !== undefined && settings.janitor === 'thread') {
    merged.problems.push('nowMs: a janitor in a thread of its own cannot follow this clock; use the inline one');
  }
  const options = merged.finish();
  if (
    settings.nowMs !== undefined &&
    (options.threadCount !== 1 || options.transport === 'epoll' || options.transport === 'io_uring')
  ) {
    throw new ShoalError(
      'InvalidOption',
      "nowMs: threads of the node's own cannot follow this clock; use one, without epoll and io_uring",
    );
  }
  if (settings.nowMs !== undefined && effectiveMode(options.persistence) !== 'off') {
    throw new ShoalError('InvalidOption', 'nowMs: data on disk cannot follow this clock; use persistence "off"');
  }
  return { options, nowMs: settings.nowMs, log: settings.log };
}

function takeLimits(merged: MergedOptions, limits: unknown): void {
  if (!isRecord(limits)) {
    merged.problems.push('limits: give an object, such as { idle: "5m" }');
    return;
  }
  for (const [name, value] of Object.entries(limits)) {
    if (value === undefined) continue;
    const key = KEY_OF_LIMIT.get(name);
    if (key !== undefined) merged.take(key, value, `limits.${name}`);
    else {
      merged.problems.push(`limits.${name} is not an option${suggestion(name, [...KEY_OF_LIMIT.keys()], 'limits.')}`);
    }
  }
}

function namesOf(nameIn: (flag: string) => string | null): ReadonlyMap<string, OptionKey> {
  const names = new Map<string, OptionKey>();
  for (const key of OPTION_KEYS) {
    const name = nameIn(OPTIONS[key].flag);
    if (name !== null) names.set(name, key);
  }
  return names;
}

/** `limit-output-pause` is `limits.output-pause` here. */
function nameOf(key: OptionKey): string {
  const { flag } = OPTIONS[key];
  return flag.startsWith(LIMIT_PREFIX) ? `limits.${flag.slice(LIMIT_PREFIX.length)}` : flag;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
