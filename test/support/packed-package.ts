/**
 * The package as users get it: packed by npm from a copy of the sources, and unpacked into an application's node_modules
 * with what it depends on beside it. No registry is asked, and the checkout's own dist/ is left alone. Packed once in a
 * test run, however many files ask for it; the folder is removed when the process ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChild } from './child-process.ts';
import { REPOSITORY_ROOT } from './shoal-process.ts';

/** The compiler, the bundler and npm, on a busy machine. */
export const PACK_MS_MAX = 120_000;

export interface PackedFile {
  /** From the package's root. */
  readonly path: string;
  readonly size: number;
}

export interface PackedPackage {
  readonly tarball: string;
  readonly tarballBytes: number;
  readonly files: readonly PackedFile[];
  /** A folder whose node_modules holds the package, its dependencies, and the peers of its adapters. */
  readonly application: string;
}

let packed: Promise<PackedPackage> | null = null;
/** Held, because its pipe must stay open. */
let remover: ChildProcess | null = null;

export function packedPackage(): Promise<PackedPackage> {
  packed ??= pack();
  return packed;
}

/** An application of its own, for tests that add files; the caller removes the folder. */
export async function newApplication(): Promise<string> {
  const { application } = await packedPackage();
  const folder = mkdtempSync(join(tmpdir(), 'shoal-application-'));
  cpSync(application, folder, { recursive: true, verbatimSymlinks: true });
  return folder;
}

/** What a checkout holds that the build and npm read. */
const SOURCES = [
  'bin',
  'docs',
  'scripts',
  'src',
  'LICENSE',
  'README.md',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
];

async function pack(): Promise<PackedPackage> {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-package-'));
  removeAtEnd(folder);
  const checkout = join(folder, 'checkout');
  for (const name of SOURCES) cpSync(join(REPOSITORY_ROOT, name), join(checkout, name), { recursive: true });
  symlinkSync(join(REPOSITORY_ROOT, 'node_modules'), join(checkout, 'node_modules'));

  const output = await run('npm', ['pack', '--json', '--loglevel=error', '--pack-destination', folder], checkout);
  // What the scripts of the package print comes first.
  const [report] = JSON.parse(output.slice(output.search(/^\[$/m))) as readonly {
    readonly filename: string;
    readonly size: number;
    readonly files: readonly PackedFile[];
  }[];
  if (report === undefined) throw new Error(`npm pack reported nothing:\n${output}`);

  const tarball = join(folder, report.filename);
  const application = join(folder, 'application');
  const modules = join(application, 'node_modules');
  mkdirSync(join(modules, 'shoal'), { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', join(modules, 'shoal'), '--strip-components=1'], folder);
  const manifest = JSON.parse(readFileSync(join(modules, 'shoal', 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
    readonly peerDependencies: Readonly<Record<string, string>>;
  };
  for (const name of Object.keys(manifest.dependencies)) {
    cpSync(join(REPOSITORY_ROOT, 'node_modules', name), join(modules, name), { recursive: true });
  }
  // An application that uses an adapter has its peer; linked, so that it finds its own dependencies.
  for (const name of Object.keys(manifest.peerDependencies))
    symlinkSync(join(REPOSITORY_ROOT, 'node_modules', name), join(modules, name));
  mkdirSync(join(modules, '.bin'));
  symlinkSync('../shoal/bin/shoal', join(modules, '.bin', 'shoal'));
  return { tarball, tarballBytes: report.size, files: report.files, application };
}

/** `bun test` ends without an event, but the pipe to a child closes with it: the child then removes the folder. */
function removeAtEnd(folder: string): void {
  remover = spawn('/bin/sh', ['-c', 'cat; exec rm -rf -- "$1"', 'sh', folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  remover.unref();
}

async function run(program: string, args: readonly string[], folder: string): Promise<string> {
  const { code, stdout, stderr } = await runChild(program, args, { folder, deadlineMs: PACK_MS_MAX });
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${String(code)}:\n${stdout}${stderr}`);
  return stdout;
}
