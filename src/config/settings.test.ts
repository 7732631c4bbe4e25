import { describe, expect, test } from 'bun:test';
import { ShoalError } from '../base/errors.ts';
import type { DurationSetting, LimitSettings, NodeSettings, SizeSetting } from './node-settings.ts';
import type { OptionKey } from './option-spec.ts';
import { defaultOptions, OPTION_KEYS, type OptionLiterals, specOf } from './options.ts';
import { readSettings } from './settings.ts';

/** The type that the option table asks for, to be compared with the one that people read. */
type SettingOf<K extends OptionKey> = OptionLiterals[K] extends { readonly choices: readonly (infer C)[] }
  ? C
  : {
      text: string;
      choice: never;
      count: number;
      size: SizeSetting;
      duration: DurationSetting;
    }[OptionLiterals[K]['kind']];
type LimitKey = Extract<OptionKey, `limits.${string}`>;
type TopSettings = {
  readonly [K in Exclude<OptionKey, LimitKey> as OptionLiterals[K]['flag']]?: SettingOf<K> | undefined;
};
type TableLimits = {
  readonly [K in LimitKey as OptionLiterals[K]['flag'] extends `limit-${infer Name}` ? Name : never]?:
    | SettingOf<K>
    | undefined;
};
/** Every member counts, the optional ones too. */
type Same<A, B> = [Required<A>, Required<B>] extends [Required<B>, Required<A>] ? true : false;
type Flat<T> = { [K in keyof T]: T[K] };
type GivenSettings = Flat<Omit<NodeSettings, 'limits' | 'nowMs' | 'log'>>;

const topIsSame: Same<GivenSettings, Flat<TopSettings>> = true;
const limitsAreSame: Same<Flat<LimitSettings>, Flat<TableLimits>> = true;

function problems(settings: unknown): readonly string[] {
  try {
    readSettings(settings as NodeSettings);
  } catch (error) {
    if (!(error instanceof ShoalError)) throw error;
    expect(error.code).toBe('InvalidOption');
    return error.message.split('\n');
  }
  throw new Error('nothing was wrong');
}

test('the type has the names and kinds of the option table; the compiler says so', () => {
  expect([topIsSame, limitsAreSame]).toEqual([true, true]);
});

describe('values', () => {
  test('nothing given: any port, little memory, no thread, and the defaults of the table', () => {
    const embedded = { ...defaultOptions(), port: 0, memoryBytes: 64 * 1024 ** 2, janitor: 'inline', threadCount: 1 };
    expect(readSettings({}).options).toEqual(embedded as never);
    expect(readSettings({ memory: undefined, limits: undefined, nowMs: undefined }).options).toEqual(embedded as never);
  });

  test('numbers and texts with units are read as in the file', () => {
    const { options } = readSettings({
      port: 7601,
      host: '::1',
      memory: '16mb',
      segment: 65_536,
      eviction: 'noeviction',
      password: 'secret',
      'debug-command': 'local',
      janitor: 'thread',
      limits: { idle: '5m', key: 100, value: '1mb', 'output-pause': '64kb', 'output-stall': 'never' },
    });
    expect(options).toMatchObject({
      port: 7601,
      host: '::1',
      memoryBytes: 16 * 1024 ** 2,
      segmentBytes: 65_536,
      eviction: 'noeviction',
      password: 'secret',
      debugCommand: 'local',
      janitor: 'thread',
    });
    expect(options.limits).toEqual({
      ...defaultOptions().limits,
      idleTimeoutMs: 300_000,
      keyBytesMax: 100,
      valueBytesMax: 1024 ** 2,
      outputPauseBytes: 65_536,
      outputStallTimeoutMs: 0,
    });
  });

  test('every option of the table can be given', () => {
    for (const key of OPTION_KEYS) {
      const { flag, default: value, kind } = specOf(key);
      const given = kind === 'duration' ? `${value}ms` : value;
      const settings = flag.startsWith('limit-') ? { limits: { [flag.slice(6)]: given } } : { [flag]: given };
      expect(() => readSettings(settings as NodeSettings)).not.toThrow();
    }
  });
});

describe('problems', () => {
  test('all are told at once, with what was meant', () => {
    expect(
      problems({ memry: '1gb', port: 70_000, eviction: 's3fif', limits: { idel: '5m', key: 0 }, nowms: Date.now }),
    ).toEqual([
      'memry is not an option; did you mean memory?',
      'port: 70000 is not allowed; give a whole number from 0 to 65535',
      'eviction: "s3fif" is not allowed; give one of s3fifo, noeviction; did you mean s3fifo?',
      'limits.idel is not an option; did you mean limits.idle?',
      expect.stringContaining('limits.key: 0 is not allowed; give a size from 1 to 65535') as never,
      'nowms is not an option; did you mean nowMs?',
    ]);
  });

  test('a bare number is no duration', () => {
    expect(problems({ limits: { idle: 300 } })[0]).toStartWith('limits.idle: 300 is not allowed; give a duration');
  });

  test('a relation between options names them as the settings do', () => {
    expect(problems({ memory: '4mb', segment: '1mb' })).toEqual([
      'memory is at least 16 segments; segment is 1mb, memory is 4mb',
    ]);
    expect(problems({ segment: '8mb' })).toEqual([
      'memory is at least 16 segments; segment is 8mb, memory is 64mb (default)',
    ]);
  });

  test.each([
    [10n, '10'],
    [Number.NaN, 'NaN'],
    [Object.create(null), '{}'],
    [Symbol('x'), 'Symbol(x)'],
    [() => 1, 'a function'],
    [null, 'null'],
  ])('%p is refused as any other value', (value, shown) => {
    expect(problems({ eviction: value })[0]).toStartWith(`eviction: ${shown} is not allowed`);
    expect(problems({ memory: value })[0]).toStartWith(`memory: ${shown} is not allowed`);
  });

  test('a password is never shown', () => {
    expect(problems({ password: 12_345 })).toEqual(['password: the value is not allowed; give a text']);
  });

  test.each([[null], ['8mb'], [[]], [() => ({})]])('%p is no settings', (settings) => {
    expect(problems(settings)).toEqual(['the settings of a node must be an object']);
  });

  test('limits are an object', () => {
    expect(problems({ limits: 'none' })).toEqual(['limits: give an object, such as { idle: "5m" }']);
  });

  test('what must be a function is one', () => {
    expect(problems({ nowMs: 5, log: 'stderr' })).toEqual(['nowMs: give a function', 'log: give a function']);
  });

  test('a clock of its own and a janitor that cannot follow it', () => {
    expect(problems({ nowMs: () => 0, janitor: 'thread' })).toEqual([
      'nowMs: a janitor in a thread of its own cannot follow this clock; use the inline one',
    ]);
  });
});
