/**
 * Joins what `shoal/server` loads into one file, dist/server/node.js: Node takes 70 ms to load a hundred small modules and 20 ms
 * for one large one, which is what each test file of a user pays. `npm run build` runs this after the compiler.
 *
 * Four modules stay outside: errors, because an error from `shoal/server` must be of the class that `shoal/errors` exports;
 * and what starts the janitor, the data threads and the disk thread, because it finds its worker's file beside its own.
 */
import { rename, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { build } from 'bun';

const DIST = join(import.meta.dirname, '..', 'dist');
const ENTRY = join(DIST, 'server', 'node.js');
const OUTSIDE = new Set([
  join(DIST, 'base', 'errors.js'),
  join(DIST, 'store', 'janitor-thread.js'),
  join(DIST, 'server', 'threads', 'threaded-node.js'),
  join(DIST, 'server', 'persistence', 'disk-thread.js'),
]);

const { outputs } = await build({
  entrypoints: [ENTRY],
  target: 'node',
  format: 'esm',
  outdir: join(DIST, 'bundle'),
  external: ['valibot'],
  plugins: [
    {
      name: 'outside',
      setup(builder) {
        builder.onResolve({ filter: /^\.{1,2}\// }, ({ path, importer }) => {
          const file = join(importer, '..', path);
          if (!OUTSIDE.has(file)) return undefined;
          const specifier = relative(join(ENTRY, '..'), file);
          return { path: specifier.startsWith('.') ? specifier : `./${specifier}`, external: true };
        });
      },
    },
  ],
});
const [bundle] = outputs;
if (bundle === undefined || outputs.length !== 1) throw new Error(`one bundle was expected, not ${outputs.length}`);
await rename(bundle.path, ENTRY);
await rm(join(DIST, 'bundle'), { recursive: true });
