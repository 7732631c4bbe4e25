/**
 * Reads the fields of a JSON object that a peer sent: each read names the field, its kind and its range, and what does not fit is a
 * `MessageFault` that says which field and why. Fields that nobody reads are of a later version and are stepped over.
 */

/** What is wrong with a message, in a sentence for people. */
export class MessageFault extends Error {
  override readonly name = 'MessageFault';
}

export class JsonFields {
  private readonly record: Readonly<Record<string, unknown>>;
  private readonly path: string;

  /** Throws `MessageFault` where `value` is no object. `path`: how messages call it; empty at the top. */
  constructor(value: unknown, path = '') {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new MessageFault(`${path === '' ? 'a message' : path} must be an object`);
    }
    this.record = value as Record<string, unknown>;
    this.path = path === '' ? '' : `${path}.`;
  }

  has(name: string): boolean {
    return this.record[name] !== undefined && this.record[name] !== null;
  }

  /** A text of at most `lengthMax` UTF-16 units. */
  text(name: string, lengthMax: number): string {
    const value = this.record[name];
    if (typeof value === 'string' && value.length <= lengthMax) return value;
    throw this.fault(name, `must be a text of at most ${lengthMax} characters`);
  }

  textOrNull(name: string, lengthMax: number): string | null {
    return this.has(name) ? this.text(name, lengthMax) : null;
  }

  /** A text that `pattern` fits. */
  matching(name: string, pattern: RegExp, what: string): string {
    const value = this.record[name];
    if (typeof value === 'string' && pattern.test(value)) return value;
    throw this.fault(name, `must be ${what}`);
  }

  /** A whole number from `min` to `max`. */
  count(name: string, min: number, max: number): number {
    const value = this.record[name];
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
    throw this.fault(name, `must be a whole number from ${min} to ${max}`);
  }

  flag(name: string): boolean {
    const value = this.record[name];
    if (typeof value === 'boolean') return value;
    throw this.fault(name, 'must be true or false');
  }

  choice<C extends string>(name: string, choices: readonly C[]): C {
    const found = choices.find((choice) => choice === this.record[name]);
    if (found !== undefined) return found;
    throw this.fault(name, `must be one of ${choices.join(', ')}`);
  }

  object(name: string): JsonFields {
    return new JsonFields(this.record[name], `${this.path}${name}`);
  }

  /** A list of at most `countMax` objects, each read by `read`. */
  list<T>(name: string, countMax: number, read: (fields: JsonFields) => T): readonly T[] {
    return this.elements(name, countMax).map((value, index) =>
      read(new JsonFields(value, `${this.path}${name}[${index}]`)),
    );
  }

  /** A list of at most `countMax` whole numbers from `min` to `max`. */
  counts(name: string, countMax: number, min: number, max: number): readonly number[] {
    return this.elements(name, countMax).map((value) => {
      if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
      throw this.fault(name, `must hold whole numbers from ${min} to ${max}`);
    });
  }

  /** First and last of ranges of whole numbers up to `max`, ascending and apart. */
  ranges(name: string, max: number): readonly number[] {
    const bounds = this.counts(name, 2 * (max + 1), 0, max);
    const isInOrder = bounds.every((bound, at) => at === 0 || bound >= bounds[at - 1]! + ((at + 1) % 2));
    if (bounds.length % 2 === 0 && isInOrder) return bounds;
    throw this.fault(name, 'must hold ranges in ascending order');
  }

  /** A list of at most `countMax` texts of at most `lengthMax` UTF-16 units each. */
  texts(name: string, countMax: number, lengthMax: number): readonly string[] {
    return this.elements(name, countMax).map((value) => {
      if (typeof value === 'string' && value.length <= lengthMax) return value;
      throw this.fault(name, `must hold texts of at most ${lengthMax} characters`);
    });
  }

  private elements(name: string, countMax: number): readonly unknown[] {
    const value = this.record[name];
    if (Array.isArray(value) && value.length <= countMax) return value as readonly unknown[];
    throw this.fault(name, `must be a list of at most ${countMax}`);
  }

  private fault(name: string, problem: string): MessageFault {
    return new MessageFault(`${this.path}${name} ${problem}`);
  }
}
