/** What a row of the option table says. The table is in `options.ts`. */
import type { ClusterOptions, Limits, NodeOptions, PersistenceOptions } from './node-options.ts';

/** The place of an option in `NodeOptions`. */
export type OptionKey =
  | Exclude<keyof NodeOptions, 'limits' | 'cluster' | 'persistence'>
  | `limits.${keyof Limits}`
  | `persistence.${keyof PersistenceOptions}`
  | `cluster.${keyof ClusterOptions}`;

export type OptionValue<K extends OptionKey> = K extends `limits.${infer L extends keyof Limits}`
  ? Limits[L]
  : K extends `cluster.${infer C extends keyof ClusterOptions}`
    ? ClusterOptions[C]
    : K extends `persistence.${infer P extends keyof PersistenceOptions}`
      ? PersistenceOptions[P]
      : K extends keyof NodeOptions
        ? NodeOptions[K]
        : never;

/** Sections of the help, in this order. */
export const OPTION_GROUPS = ['Address', 'Memory', 'Access', 'Running', 'Persistence', 'Cluster', 'Limits'] as const;
export type OptionGroup = (typeof OPTION_GROUPS)[number];

interface ValueCommon<V> {
  /** Name on the command line (after `--`). */
  readonly flag: string;
  readonly default: V;
  /** What it sets, for people: one or two sentences. */
  readonly summary: string;
  /** Why the default and the range are what they are. */
  readonly reason: string;
}

/** A whole number from `min` to `max`: bytes, milliseconds or a count, as `kind` says. */
export interface NumberValue extends ValueCommon<number> {
  readonly kind: 'size' | 'duration' | 'count';
  readonly min: number;
  readonly max: number;
  /** A word that stands for 0, such as `auto` or `never`; 0 may then lie outside `min` to `max`. */
  readonly zero?: string;
  readonly powerOfTwo?: true;
}

export interface ChoiceValue<V extends string = string> extends ValueCommon<V> {
  readonly kind: 'choice';
  readonly choices: readonly V[];
}

export interface TextValue extends ValueCommon<string> {
  readonly kind: 'text';
  /** What the value stands for in the help: `ADDRESS`. */
  readonly placeholder: string;
  /** Whether it may be empty. */
  readonly empty: boolean;
  /** Never shown in messages. */
  readonly secret: boolean;
}

/** What the value of an option may be, whether it is a node's or a command's. */
export type ValueSpec = NumberValue | ChoiceValue | TextValue;

/** What a row of a node's option says besides. Its flag is also its name in the file; the environment variable follows from it. */
interface NodeOption {
  readonly group: OptionGroup;
  /** Whether it can be changed while the node runs. */
  readonly changeable: boolean;
}

export interface NumberOption extends NumberValue, NodeOption {}
export interface ChoiceOption<V extends string = string> extends ChoiceValue<V>, NodeOption {}
export interface TextOption extends TextValue, NodeOption {}
export type OptionSpec = NumberOption | ChoiceOption | TextOption;

/** The kind of row that a value's type asks for. */
export type OptionSpecOf<V> = [V] extends [number]
  ? NumberOption
  : [string] extends [V]
    ? TextOption
    : ChoiceOption<V & string>;

/** `limit-output-pause` is SHOAL_LIMIT_OUTPUT_PAUSE in the environment. */
export function environmentVariable(spec: OptionSpec): string {
  return `SHOAL_${spec.flag.toUpperCase().replaceAll('-', '_')}`;
}
