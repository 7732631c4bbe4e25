/**
 * Builds dist/, which is what `bin/shoal` runs on Node, from the sources under test. Once in a test run, however many
 * files ask for it.
 */
import { REPOSITORY_ROOT } from './shoal-process.ts';
import { runChild } from './child-process.ts';

let built: Promise<void> | null = null;

export function buildForNode(): Promise<void> {
  built ??= build();
  return built;
}

async function build(): Promise<void> {
  const { code, stdout, stderr } = await runChild('npm', ['--prefix', REPOSITORY_ROOT, 'run', '--silent', 'build']);
  if (code !== 0) throw new Error(`npm run build ended with ${String(code)}:\n${stdout}${stderr}`);
}
