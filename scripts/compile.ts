/**
 * `npm run compile [-- FILE]`: the command line with its runtime as one executable, dist-bin/shoal by default. It needs nothing
 * else on the machine that it runs on, which is of the same system and processor as this one.
 */
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { build } from 'bun';
import { packageVersion } from '../src/base/version.ts';

const ROOT = join(import.meta.dirname, '..');
const outfile = resolve(process.argv[2] ?? join(ROOT, 'dist-bin', 'shoal'));

await mkdir(dirname(outfile), { recursive: true });
await build({
  // A worker is part of an executable only where it is named as an entry.
  entrypoints: [
    join(ROOT, 'src/cli/main.ts'),
    join(ROOT, 'src/store/janitor-worker.ts'),
    join(ROOT, 'src/server/threads/data-thread-worker.ts'),
    join(ROOT, 'src/server/persistence/disk-worker.ts'),
  ],
  // Without their folders: inside an executable every module lies in one, and who starts a worker looks for it beside itself.
  naming: { entry: '[name].[ext]' },
  define: { SHOAL_VERSION: JSON.stringify(packageVersion()) },
  // What lies in the folder where a server happens to be started is not its configuration.
  compile: { outfile, autoloadDotenv: false, autoloadBunfig: false },
});
console.log(outfile);
