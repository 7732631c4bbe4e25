/** The packed package: what is in it, that each of its exports loads everywhere, and that its program serves. */
import { beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from '../support/child-process.ts';
import { PACK_MS_MAX, type PackedPackage, packedPackage } from '../support/packed-package.ts';
import { RawClient } from '../support/raw-client.ts';
import { REPOSITORY_ROOT, ShoalProcess } from '../support/shoal-process.ts';
import { importsOf } from '../support/source-files.ts';

const KIB = 1024;
/** Several times what is there; beyond it something slipped in. */
const TARBALL_BYTES_MAX: number = 1.5 * 2 ** 20;
const UNPACKED_BYTES_MAX = 5120 * KIB;
const TEST_MS_MAX = 60_000;

interface Manifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
}

const manifest = JSON.parse(readFileSync(join(REPOSITORY_ROOT, 'package.json'), 'utf8')) as Manifest;
/** Each export that is code, and a name that it must have. */
const EXPORTS = [
  ['shoal/client', 'ShoalClient'],
  ['shoal/server', 'ShoalNode'],
  ['shoal/errors', 'ShoalError'],
  ['shoal/keyv', 'KeyvShoal'],
  ['shoal/express-session', 'ShoalStore'],
] as const;
const RUNTIMES = [
  ['node', 'node'],
  ['bun', process.execPath],
] as const;

let packed: PackedPackage;
beforeAll(async () => {
  packed = await packedPackage();
}, PACK_MS_MAX);

/** Runs a program of one line as a file of the application; returns what it printed. */
async function evaluate(program: string, kind: 'module' | 'commonjs', code: string): Promise<string> {
  const type = program === 'node' ? [`--input-type=${kind}`] : [];
  const { stdout, stderr } = await runChild(program, [...type, '-e', code], { folder: packed.application });
  // Nothing is warned of either.
  expect(stderr).toBe('');
  return stdout;
}

describe('what is in it', () => {
  test('the build, the launcher and the papers, and nothing else', () => {
    const paths = packed.files.map(({ path }) => path);
    const expected =
      /^(dist\/.+(\.js|\.d\.ts)|bin\/(shoal|find-bun\.sh)|docs\/[A-Z]+\.md|README\.md|LICENSE|package\.json)$/;
    expect(paths.filter((path) => !expected.test(path) || /\.test\.|test\//.test(path))).toEqual([]);
    for (const path of ['LICENSE', 'README.md', 'bin/shoal', 'bin/find-bun.sh', 'dist/cli/main.js']) {
      expect(paths).toContain(path);
    }
    expect(statSync(join(packed.application, 'node_modules/shoal/bin/shoal')).mode & 0o111).toBe(0o111);
  });

  test('little', () => {
    expect(packed.tarballBytes).toBeLessThan(TARBALL_BYTES_MAX);
    expect(packed.files.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(UNPACKED_BYTES_MAX);
  });

  test('each export has its code and its types', () => {
    const paths = new Set(packed.files.map(({ path }) => `./${path}`));
    const named = EXPORTS.map(([name]) => name.replace('shoal/', './'));
    expect(Object.keys(manifest.exports).toSorted()).toEqual([...named, './package.json'].toSorted());
    for (const name of named) {
      const target = manifest.exports[name];
      if (typeof target !== 'object') throw new Error(`${name} has no types`);
      expect(paths).toContain(target.types);
      expect(paths).toContain(target.default);
    }
  });

  test('one dependency, which the client does not load', () => {
    expect(Object.keys(manifest.dependencies)).toEqual(['valibot']);
    const visited = new Set<string>();
    const packages = new Set<string>();
    const visit = (file: string): void => {
      if (visited.has(file)) return;
      visited.add(file);
      for (const { specifier } of importsOf(readFileSync(file, 'utf8'))) {
        if (specifier.startsWith('.')) visit(join(file, '..', specifier));
        else if (!specifier.startsWith('node:')) packages.add(specifier);
      }
    };
    visit(join(packed.application, 'node_modules/shoal/dist/client/entry.js'));
    expect(visited.size).toBeGreaterThan(1);
    expect([...packages]).toEqual([]);
  });

  test('the server in one file, which loads fast', () => {
    const text = readFileSync(join(packed.application, 'node_modules/shoal/dist/server/node.js'), 'utf8');
    const own = importsOf(text).flatMap(({ specifier }) => (specifier.startsWith('.') ? [specifier] : []));
    expect(new Set(own)).toEqual(
      new Set([
        '../base/errors.js',
        '../store/janitor-thread.js',
        './persistence/disk-thread.js',
        './threads/threaded-node.js',
      ]),
    );
  });
});

describe.each(RUNTIMES)('on %s', (runtime, program) => {
  test.each(EXPORTS)('%s is imported and required, the same both times', async (name, exported) => {
    const code = `console.log(typeof m.${exported}, 'default' in m, Object.keys(m).sort().join())`;
    const imported = await evaluate(program, 'module', `import * as m from '${name}'; ${code}`);
    expect(imported).toStartWith('function false ');
    expect(await evaluate(program, 'commonjs', `const m = require('${name}'); ${code}`)).toBe(imported);
  });

  test('its version can be asked for', async () => {
    const code = "console.log(require('shoal/package.json').version)";
    expect(await evaluate(program, 'commonjs', code)).toBe(`${manifest.version}\n`);
  });

  test('what is not exported cannot be loaded', async () => {
    const code =
      "import('shoal/dist/server/node.js').then(() => console.log('loaded'), (error) => console.log(error.code))";
    expect(await evaluate(program, 'module', code)).not.toContain('loaded');
  });

  test('an error of the server is of the class that is exported', async () => {
    const code = `
      import { ShoalNode } from 'shoal/server';
      import { ShoalError } from 'shoal/errors';
      ShoalNode.start({ port: -1 }).catch((error) => console.log(error instanceof ShoalError, error.code));`;
    expect(await evaluate(program, 'module', code)).toBe('true InvalidOption\n');
  });

  if (runtime === 'bun') {
    test('a node with threads of its own starts, answers, and lets the process end', async () => {
      const code = `
      import { ShoalNode } from 'shoal/server';
      import { ShoalClient } from 'shoal/client';
      const node = await ShoalNode.start({ threads: 2 });
      const cache = await ShoalClient.connect({ nodes: [node.address] });
      await cache.set('k', 'v');
      console.log(await cache.get('k'));
      await cache.close();
      await node.stop();`;
      expect(await evaluate(program, 'module', code)).toBe('v\n');
    });
  }

  test.each(['inline', 'thread'])(
    'a node with its janitor %s starts, answers, and lets the process end',
    async (janitor) => {
      const code = `
      import { once } from 'node:events';
      import { connect } from 'node:net';
      import { ShoalNode } from 'shoal/server';
      const node = await ShoalNode.start({ memory: '4mb', janitor: '${janitor}' });
      const socket = connect(node.port, node.host);
      socket.write('INFO server\\r\\n');
      const [reply] = await once(socket, 'data');
      console.log(/shoal_version:(.*)\\r/.exec(reply)[1]);
      await node.stop();`;
      expect(await evaluate(program, 'module', code)).toBe(`${manifest.version}\n`);
    },
  );

  test('a node keeps its data, and has it again', async () => {
    const code = `
      import { ShoalNode } from 'shoal/server';
      import { ShoalClient } from 'shoal/client';
      import { mkdtempSync, rmSync } from 'node:fs';
      const folder = mkdtempSync('data-');
      for (const what of ['store', 'find']) {
        const node = await ShoalNode.start({ memory: '8mb', 'data-dir': folder, fsync: 'always' });
        const cache = await ShoalClient.connect({ nodes: [node.address] });
        if (what === 'store') await cache.set('k', 'v');
        else console.log(await cache.get('k'));
        await cache.close();
        await node.stop();
      }
      rmSync(folder, { recursive: true });`;
    expect(await evaluate(program, 'module', code)).toBe('v\n');
  });

  test(
    'the program serves',
    async () => {
      // The application has no Bun beside the package; SHOAL_RUNTIME=bun is what the checkout's tests cover.
      if (runtime === 'bun') return;
      const shoal = join(packed.application, 'node_modules', '.bin', 'shoal');
      await using served = new ShoalProcess(['serve', '--port', '0', '--memory', '4mb'], { program: shoal });
      const client = await RawClient.connect(await served.ready());
      expect(served.out).toContain(`shoal ${manifest.version} ready on `);
      expect(served.out).toMatch(/runtime +node/);
      expect(await client.exchange([['SET', 'k', 'v', 'PX', '20'], ['PING']])).toEqual(['+OK\r\n', '+PONG\r\n']);
      // Cleared by the janitor's thread, without being asked for.
      while ((await client.exchange([['DBSIZE']]))[0] !== ':0\r\n');
      client.close();
      served.kill('SIGTERM');
      expect(await served.exit()).toEqual({ code: 0, signal: null });
      expect(served.error).toBe('');
    },
    TEST_MS_MAX,
  );
});
