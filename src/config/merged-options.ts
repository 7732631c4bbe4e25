/** Option values on their way to `NodeOptions`: checked one by one as they are given, later ones over earlier ones, and all problems kept. */
import { ShoalError } from '../base/errors.ts';
import type { NodeOptions } from './node-options.ts';
import type { OptionKey } from './option-spec.ts';
import { CONTRADICTIONS } from './persistence-options.ts';
import { buildOptions, OPTIONS, RELATIONS, specOf } from './options.ts';
import { checkOption, formatOption } from './validate.ts';

export type OptionDefaults = Partial<Readonly<Record<OptionKey, string | number>>>;

export class MergedOptions {
  readonly problems: string[] = [];
  readonly #values = new Map<OptionKey, { readonly value: string | number; readonly origin: string }>();
  readonly #nameOf: (key: OptionKey) => string;
  readonly #defaults: OptionDefaults;

  /** `nameOf`: what the user calls an option, for messages. `defaults`: those that differ from the table's. */
  constructor(nameOf: (key: OptionKey) => string, defaults: OptionDefaults = {}) {
    this.#nameOf = nameOf;
    this.#defaults = defaults;
  }

  /** Takes a value that may be anything. `origin`: where it was given, for messages. */
  take(key: OptionKey, raw: unknown, origin: string): void {
    const checked = checkOption(specOf(key), raw);
    if (checked.ok) this.#values.set(key, { value: checked.value, origin });
    else this.problems.push(`${origin}: ${checked.problem}`);
  }

  /** Throws `InvalidOption`, one line of its message per problem; relations are looked at where each value is right by itself. */
  finish(): NodeOptions {
    if (this.problems.length === 0) this.#checkRelations();
    if (this.problems.length > 0) throw new ShoalError('InvalidOption', this.problems.join('\n'));
    return buildOptions((key) => this.#valueOf(key));
  }

  #valueOf(key: OptionKey): string | number {
    return this.#values.get(key)?.value ?? this.#defaults[key] ?? OPTIONS[key].default;
  }

  #checkRelations(): void {
    for (const { smaller, larger, factor = 1, room = 0, because } of RELATIONS) {
      if (Number(this.#valueOf(smaller)) * factor + room <= Number(this.#valueOf(larger))) continue;
      this.problems.push(`${because}; ${this.#describe(smaller)}, ${this.#describe(larger)}`);
    }
    for (const { options, holds, because } of CONTRADICTIONS) {
      if (!holds((key) => this.#valueOf(key))) continue;
      this.problems.push(`${because}; ${options.map((key) => this.#describe(key)).join(', ')}`);
    }
  }

  #describe(key: OptionKey): string {
    const name = this.#nameOf(key);
    const origin = this.#values.get(key)?.origin ?? 'default';
    const value = formatOption(specOf(key), this.#valueOf(key)) || 'empty';
    return origin === name ? `${name} is ${value}` : `${name} is ${value} (${origin})`;
  }
}
