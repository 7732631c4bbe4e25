/**
 * On a virtual machine that hands free memory back to its host, whoever takes it next waits for the host: two seconds and more for a gigabyte of large pages, in one run and not in the next. So
 * before a measurement that begins with a new process, the memory that it will take is taken and freed by another one, in large pages and in small ones.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { adviseHugePages } from '../../src/io/huge-pages.ts';

/** Has `bytes` of free memory of each kind backed by the host, for the next second or two. */
export function backMemory(bytes: number): void {
  const { status, stderr } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), String(bytes)], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`memory could not be touched: ${stderr}`);
}

if (import.meta.main) {
  const bytes = Number(process.argv[2]);
  const [small, large] = [new SharedArrayBuffer(bytes), new SharedArrayBuffer(bytes)];
  adviseHugePages([large]);
  for (const memory of [small, large]) new Uint8Array(memory).fill(1);
}
