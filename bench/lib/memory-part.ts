/** The part "memory" of the suite: bench/memory.ts as it is, in a process of its own, and what its JSON says. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PROJECT_ROOT } from './servers.ts';

export interface MemoryFigures {
  readonly server: string;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly items: number;
  readonly bytesPerItem: number;
  readonly overheadBytesPerItem: number;
}

/** Runs it on the named servers, with its output on ours: millions of items, some minutes. Throws where it has no result. */
export async function measureMemory(servers: readonly string[]): Promise<readonly MemoryFigures[]> {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-bench-'));
  try {
    const file = join(folder, 'memory.json');
    const script = resolve(PROJECT_ROOT, 'bench/memory.ts');
    const args = ['--servers', servers.join(','), '--json', file];
    const child = Bun.spawn([process.execPath, script, ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
    const code = await child.exited;
    // 1 with a result: it was above its own bounds, which its table says.
    const text = readTextOrNull(file);
    if (text === null) throw new Error(`bench/memory.ts ended with ${code} and no result`);
    return (JSON.parse(text) as { results: readonly MemoryFigures[] }).results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readTextOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
