/**
 * Lines on their way to stdout, as fast as its reader takes them: written at once and waited for, since what is read from a folder may be longer than
 * memory, and whoever reads it cannot be asked to wait otherwise.
 */
import { writeSync } from 'node:fs';
import { codeOf } from '../../io/system-error.ts';
import type { OutputStream } from '../streams.ts';

/** The reader of the lines has seen enough, as `head` has. */
export class NobodyReads extends Error {}

const FLUSH_BYTES = 64 * 1024;
/** Between two attempts at a pipe that is full. */
const RETRY_MS = 1;
const SLEEPER = new Int32Array(new SharedArrayBuffer(4));

export class LineOutput {
  private readonly output: OutputStream & { readonly fd?: number };
  private lines: string[] = [];
  private length = 0;

  constructor(output: OutputStream) {
    this.output = output;
  }

  /** Throws NobodyReads. */
  write(line: string): void {
    this.lines.push(line, '\n');
    this.length += line.length;
    if (this.length >= FLUSH_BYTES) this.flush();
  }

  /** Throws NobodyReads. */
  flush(): void {
    const bytes = Buffer.from(this.lines.join(''), 'utf8');
    this.lines = [];
    this.length = 0;
    const { fd } = this.output;
    if (fd === undefined) this.output.write(bytes);
    else writeWhole(fd, bytes);
  }
}

function writeWhole(fd: number, bytes: Buffer): void {
  for (let start = 0; start < bytes.length; ) {
    try {
      start += writeSync(fd, bytes, start);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EPIPE') throw new NobodyReads();
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(SLEEPER, 0, 0, RETRY_MS);
    }
  }
}
