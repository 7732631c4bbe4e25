/** The package's types in a user's project: each resolution, checked down into the declarations, with the compiler and at most the types of Node. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from '../support/child-process.ts';
import { newApplication, PACK_MS_MAX } from '../support/packed-package.ts';
import { REPOSITORY_ROOT } from '../support/shoal-process.ts';

const TEST_MS_MAX = 60_000;
const TSC = join(REPOSITORY_ROOT, 'node_modules', '.bin', 'tsc');

const SERVER = `
import { ShoalError, type ErrorCode } from 'shoal/errors';
import { ShoalNode, type ShoalNodeSettings } from 'shoal/server';

const settings: ShoalNodeSettings = { memory: '64mb', port: 0, limits: { idle: '5m', 'output-pause': 65536 } };
// @ts-expect-error: a name that is mistyped
export const mistyped: ShoalNodeSettings = { memry: '64mb' };
// @ts-expect-error: a choice that does not exist
export const unknownChoice: ShoalNodeSettings = { eviction: 'lru' };
// @ts-expect-error: a duration without its unit
export const noUnit: ShoalNodeSettings = { limits: { idle: 300 } };

export async function serve(use: (address: string) => Promise<void>): Promise<ErrorCode | undefined> {
  try {
    await using node = await ShoalNode.start(settings);
    await use(node.address);
    return undefined;
  } catch (error) {
    return error instanceof ShoalError ? error.code : undefined;
  }
}
`;
const CLIENT = `
import { ShoalClient } from 'shoal/client';

export async function use(address: string): Promise<boolean> {
  await using client = await ShoalClient.connect({ nodes: [address] });
  await client.set('key', 'value', { ttlMs: 1000 });
  // @ts-expect-error: what comes back has a type of its own, and is no any
  const wrong: Promise<symbol> = client.get('key');
  return wrong === undefined;
}
`;

let application: string;
beforeAll(async () => {
  application = await newApplication();
  writeFileSync(join(application, 'server.ts'), SERVER);
  for (const ending of ['ts', 'mts', 'cts']) writeFileSync(join(application, `both.${ending}`), SERVER + CLIENT);
}, PACK_MS_MAX);
afterAll(() => rmSync(application, { recursive: true, force: true }));

/** The compiler's complaints about a file in a project of these options. */
async function check(file: string, type: 'module' | 'commonjs', options: object): Promise<string> {
  writeFileSync(join(application, 'package.json'), JSON.stringify({ type }));
  const compilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    exactOptionalPropertyTypes: true,
    target: 'es2022',
    ...options,
  };
  writeFileSync(join(application, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }));
  return (await runChild(TSC, ['-p', application])).stdout;
}

const NODE16 = { module: 'node16', moduleResolution: 'node16' };
const NODENEXT = { module: 'nodenext', moduleResolution: 'nodenext' };
const BUNDLER = { module: 'esnext', moduleResolution: 'bundler' };

describe('the server, with nothing but the compiler', () => {
  test.each([
    ['node16', NODE16],
    ['bundler', BUNDLER],
  ])(
    'under %s',
    async (_, options) => {
      expect(await check('server.ts', 'module', { ...options, types: [] })).toBe('');
    },
    TEST_MS_MAX,
  );
});

describe('server and client, with the types of Node 20 and none of a browser', () => {
  beforeAll(() => {
    mkdirSync(join(application, 'node_modules/@types'), { recursive: true });
    for (const name of ['node', 'express-session']) {
      const types = join('node_modules/@types', name);
      symlinkSync(join(REPOSITORY_ROOT, types), join(application, types));
    }
  });
  const node = { lib: ['es2022'], types: ['node'] };

  test.each([
    ['node16', 'both.ts', 'module', NODE16],
    ['node16, a file of its own kind', 'both.mts', 'commonjs', NODE16],
    ['nodenext', 'both.ts', 'module', NODENEXT],
    ['nodenext, a module that requires', 'both.cts', 'module', NODENEXT],
    ['bundler', 'both.ts', 'module', BUNDLER],
    ['bundler, where the project is CommonJS', 'both.ts', 'commonjs', BUNDLER],
  ] as const)(
    'under %s',
    async (_, file, type, options) => {
      expect(await check(file, type, { ...options, ...node })).toBe('');
    },
    TEST_MS_MAX,
  );

  test.each([
    ['keyv', 'KeyvShoal'],
    ['express-session', 'ShoalStore'],
  ])(
    'shoal/%s has its class',
    async (name, exported) => {
      const file = `${name}.ts`;
      const text = `import { ${exported} } from 'shoal/${name}';\nexport const adapter: new (...args: never[]) => object = ${exported};\n`;
      writeFileSync(join(application, file), text);
      for (const options of [NODE16, BUNDLER]) expect(await check(file, 'module', { ...options, ...node })).toBe('');
    },
    TEST_MS_MAX,
  );
});
