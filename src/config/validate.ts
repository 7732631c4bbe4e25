/**
 * Checks one value against its row of the option table. Values are texts (flags, environment) or what JSON holds (file);
 * both are read by the same schema.
 */
import * as v from 'valibot';
import { unreachable } from '../base/assert.ts';
import { suggestion } from './nearest.ts';
import type { NumberValue, ValueSpec } from './option-spec.ts';
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts';

export type Checked =
  | { readonly ok: true; readonly value: string | number }
  | { readonly ok: false; readonly problem: string };

/** The value as the node takes it, or what is wrong with it and what is allowed. */
export function checkOption(spec: ValueSpec, value: unknown): Checked {
  const result = v.safeParse(schemaOf(spec), value);
  if (result.success) return { ok: true, value: result.output };
  return { ok: false, problem: `${show(spec, value)} is not allowed; ${allowed(spec, value)}` };
}

/** A valid value as a person would write it. */
export function formatOption(spec: ValueSpec, value: string | number): string {
  if (typeof value === 'string') return value;
  if (value === 0 && spec.kind !== 'choice' && spec.kind !== 'text' && spec.zero !== undefined) return spec.zero;
  if (spec.kind === 'size') return formatSize(value);
  return spec.kind === 'duration' ? formatDuration(value) : String(value);
}

/** The range, as the help shows it: `from 4mb to 256gb`. Empty for texts and choices. */
export function formatRange(spec: ValueSpec): string {
  if (spec.kind === 'text' || spec.kind === 'choice') return '';
  const zero = spec.zero === undefined ? '' : `, or ${spec.zero}`;
  return `from ${formatOption(spec, spec.min)} to ${formatOption(spec, spec.max)}${zero}`;
}

function schemaOf(spec: ValueSpec): v.GenericSchema<unknown, string | number> {
  switch (spec.kind) {
    case 'text':
      return spec.empty ? v.string() : v.pipe(v.string(), v.nonEmpty());
    case 'choice':
      return v.picklist(spec.choices);
    case 'size':
    case 'duration':
    case 'count':
      return numberSchema(spec);
    default:
      return unreachable(spec);
  }
}

function numberSchema(spec: NumberValue): v.GenericSchema<unknown, string | number> {
  const range = v.pipe(
    v.number(),
    v.safeInteger(),
    v.minValue(spec.min),
    v.maxValue(spec.max),
    v.check((value) => spec.powerOfTwo !== true || Number.isInteger(Math.log2(value))),
  );
  return v.pipe(
    v.union([v.string(), v.number()]),
    v.transform((value) => readNumber(spec, value)),
    spec.zero === undefined ? range : v.union([v.literal(0), range]),
  );
}

function readNumber(spec: NumberValue, value: string | number): number | null {
  if (typeof value === 'number') {
    // A bare number has no unit, which a duration needs.
    return spec.kind === 'duration' && value !== 0 ? null : value;
  }
  if (spec.zero !== undefined && value.toLowerCase() === spec.zero) return 0;
  if (spec.kind === 'size') return parseSize(value);
  if (spec.kind === 'duration') return parseDuration(value);
  return /^\d{1,15}$/.test(value) ? Number(value) : null;
}

function show(spec: ValueSpec, value: unknown): string {
  if (spec.kind === 'text' && spec.secret) return 'the value';
  const text = describeValue(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** An application may give anything, so nothing of the value's own runs here. */
function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  return Array.isArray(value) ? '[]' : '{}';
}

function allowed(spec: ValueSpec, value: unknown): string {
  switch (spec.kind) {
    case 'text':
      return spec.empty ? 'give a text' : 'give a text that is not empty';
    case 'choice':
      return `give one of ${spec.choices.join(', ')}${typeof value === 'string' ? suggestion(value, spec.choices) : ''}`;
    case 'count':
      return `give a whole number ${formatRange(spec)}`;
    case 'duration':
      return `give a duration ${formatRange(spec)}, with its unit (ms, s, m, h, d)`;
    case 'size': {
      const power = spec.powerOfTwo === true ? ' that is a power of two' : '';
      return `give a size${power} ${formatRange(spec)} (kb, mb, gb count in 1024s, k, m, g in 1000s)`;
    }
    default:
      return unreachable(spec);
  }
}
