import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ShoalError } from '../base/errors.ts';
import { loadOptions, type OptionSources } from './load.ts';
import { defaultOptions } from './options.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-config-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(text: string): string {
  const path = join(folder, 'shoal.json');
  writeFileSync(path, text);
  return path;
}

function flags(entries: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(entries));
}

/** The lines of the error's message, the temporary folder left out. */
function problems(sources: OptionSources): readonly string[] {
  try {
    loadOptions(sources);
  } catch (error) {
    if (!(error instanceof ShoalError)) throw error;
    expect(error.code).toBe('InvalidOption');
    return error.message.replaceAll(`${folder}/`, '').split('\n');
  }
  throw new Error('nothing was wrong');
}

describe('sources', () => {
  test('nothing given: the defaults', () => {
    expect(loadOptions({})).toEqual({ options: defaultOptions(), warnings: [] });
  });

  test('a flag overrides the environment, which overrides the file', () => {
    const { options } = loadOptions({
      configPath: file('{ "port": 1, "host": "::1", "memory": "8mb", "eviction": "noeviction" }'),
      environment: { SHOAL_PORT: '2', SHOAL_HOST: '0.0.0.0', SHOAL_MEMORY: '9mb' },
      flags: flags({ port: '3', host: 'localhost' }),
    });
    expect(options).toMatchObject({ port: 3, host: 'localhost', memoryBytes: 9 * 1024 ** 2, eviction: 'noeviction' });
  });

  test('limits stand at the top or in an object of their own', () => {
    const { options } = loadOptions({
      configPath: file('{ "limit-connections": 5, "limits": { "idle": "2m", "key": 100 } }'),
    });
    expect(options.limits).toEqual({
      ...defaultOptions().limits,
      connectionCountMax: 5,
      idleTimeoutMs: 120_000,
      keyBytesMax: 100,
    });
  });

  test('SHOAL_CONFIG names the file unless a flag does', () => {
    const environment = { SHOAL_CONFIG: file('{ "port": 1 }') };
    expect(loadOptions({ environment }).options.port).toBe(1);
    const other = join(folder, 'other.json');
    writeFileSync(other, '\uFEFF{ "port": 2 }');
    expect(loadOptions({ environment, configPath: other }).options.port).toBe(2);
  });

  test('an empty environment variable counts as absent', () => {
    expect(loadOptions({ environment: { SHOAL_PORT: '', SHOAL_CONFIG: '' } }).options.port).toBe(7600);
  });
});

describe('problems', () => {
  test('say where the value came from, what it was, and what is allowed; all at once', () => {
    expect(
      problems({
        configPath: file('{\n  "port": "x",\n  "limits": {\n    "key": 0\n  }\n}'),
        environment: { SHOAL_EVICTION: 'lru' },
        flags: flags({ 'limit-connections': '0' }),
      }),
    ).toEqual([
      'shoal.json:2: "port": "x" is not allowed; give a whole number from 0 to 65535',
      'shoal.json:4: "limits"."key": 0 is not allowed; give a size from 1 to 65535 (kb, mb, gb count in 1024s, k, m, g in 1000s)',
      'SHOAL_EVICTION: "lru" is not allowed; give one of s3fifo, noeviction',
      '--limit-connections: "0" is not allowed; give a whole number from 1 to 1000000',
    ]);
  });

  test.each([
    [{ flags: flags({ memroy: '1gb' }) }, '--memroy is not an option; did you mean --memory?'],
    [{ flags: flags({ shards: '3' }) }, '--shards is not an option'],
  ])('unknown flag', (sources, problem) => {
    expect(problems(sources)).toEqual([problem]);
  });

  test.each([
    ['{ "memroy": 1 }', 'shoal.json:1: "memroy" is not an option; did you mean memory?'],
    ['{\n"limits": { "limit-key": 1 } }', 'shoal.json:2: "limits"."limit-key" is not an option'],
    [
      '{ "limit-key": 1, "limits": { "key": 2 } }',
      'shoal.json:1: "limits"."key" is given twice, as "limit-key" and inside "limits"',
    ],
    ['{ "limits": 5 }', 'shoal.json:1: "limits": found 5 where a JSON object should be'],
    ['[1]', 'shoal.json:1: found [] where a JSON object should be'],
    ['{\n  "port": 1,\n}', 'shoal.json:3: found "}" where a name in double quotes should be'],
    ['port 7600\n', 'shoal.json:1: found "port" where a value should be'],
    ['{ "port": [7600] }', 'shoal.json:1: "port": [] is not allowed; give a whole number from 0 to 65535'],
  ])('file %p', (text, problem) => {
    expect(problems({ configPath: file(text) })).toEqual([problem]);
  });

  test('a file that is not there', () => {
    const [problem] = problems({ configPath: join(folder, 'absent.json') });
    expect(problem).toStartWith('the configuration file absent.json cannot be read: ENOENT');
  });

  test('limits that contradict each other, with the value that was not given', () => {
    expect(problems({ flags: flags({ 'limit-bulk': '200mb' }) })).toEqual([
      'a SET of the longest argument, with its key, must fit the input buffer; --limit-bulk is 200mb, --limit-input-buffer is 128mb (default)',
    ]);
    expect(problems({ environment: { SHOAL_SEGMENT: '1mb' }, flags: flags({ memory: '8mb' }) })).toEqual([
      'memory is at least 16 segments; --segment is 1mb (SHOAL_SEGMENT), --memory is 8mb',
    ]);
  });

  test('a password is never shown', () => {
    expect(problems({ configPath: file('{ "password": 12345 }') })).toEqual([
      'shoal.json:1: "password": the value is not allowed; give a text',
    ]);
  });
});

describe('warnings', () => {
  test('a mistyped environment variable', () => {
    const { warnings } = loadOptions({
      environment: { SHOAL_MEMROY: '1gb', SHOAL_SERVICE_HOST: 'x', SHOAL_RUNTIME: 'bun' },
    });
    expect(warnings).toEqual(['SHOAL_MEMROY is not an option; did you mean SHOAL_MEMORY?']);
  });

  test('the address that Kubernetes puts into SHOAL_PORT is no port', () => {
    const { options, warnings } = loadOptions({ environment: { SHOAL_PORT: 'tcp://10.0.0.7:7600' } });
    expect(options.port).toBe(7600);
    expect(warnings).toHaveLength(1);
  });
});
