/**
 * JSON text of a value, if the value comes back from it: text, numbers, booleans, null, arrays and plain objects. What would come back as
 * something else is refused, at the top only: inside, `JSON.stringify` does what people know it to do (a Date becomes text,
 * an undefined property is left out).
 */
import { ShoalError } from '../../base/errors.ts';

/** Throws `InvalidArgument` where `value` would not come back. */
export function jsonTextOf(value: unknown): string {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      break;
    case 'number':
      if (!Number.isFinite(value)) throw refused(`${value} is not in JSON and would come back as null`);
      // JSON has a minus zero, but stringify never writes it.
      if (Object.is(value, -0)) return '-0';
      break;
    case 'object':
      if (value !== null) checkObject(value);
      break;
    case 'undefined':
      throw refused('undefined cannot be stored, it is what a missing key gives; store null, or delete the key');
    case 'bigint':
      throw refused('a bigint is not in JSON; store its text');
    case 'function':
    case 'symbol':
      throw refused(`a ${typeof value} cannot be stored`);
  }
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw new ShoalError('InvalidArgument', `the value has no JSON text: ${messageOf(cause)}`, { cause });
  }
}

function checkObject(value: object): void {
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    throw refused(`${nameOf(value)} has toJSON and would come back as what that returns; store that, or use a codec`);
  }
  if (Array.isArray(value) || isPlain(value)) return;
  throw refused(`${nameOf(value)} would come back as a plain object; store { ...value }, or use a codec`);
}

/** Made by a literal, by JSON.parse, or without prototype, in this realm or another. */
function isPlain(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function nameOf(value: object): string {
  const { constructor } = value as { constructor?: { name?: unknown } };
  const name = typeof constructor === 'function' ? constructor.name : '';
  return typeof name === 'string' && name !== '' && name !== 'Object' ? `an instance of ${name}` : 'an object that';
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function refused(why: string): ShoalError {
  return new ShoalError('InvalidArgument', `the value cannot be stored as JSON: ${why}`);
}
