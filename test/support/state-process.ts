/** Starts `state-store-process.ts` and reads what it says. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { ProcessOptions } from './state-store-process.ts';

export interface StateLine {
  readonly kind: string;
  readonly number?: number;
  readonly bytes?: number;
  readonly leader?: string | null;
  readonly reason?: string;
  readonly text?: string | null;
}

export class StateProcess implements AsyncDisposable {
  readonly lines: StateLine[] = [];
  private readonly child: ChildProcess;
  private readonly ended: Promise<void>;
  private isEnded = false;
  private errors = '';
  private taken = 0;
  private wake: (() => void) | null = null;

  constructor(spec: string, address: string, options: ProcessOptions = {}) {
    const script = join(import.meta.dir, 'state-store-process.ts');
    this.child = spawn(process.execPath, [script, spec, address, JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    process.once('exit', this.killWithUs);
    let rest = '';
    this.child.stdout?.on('data', (bytes: Buffer) => {
      const parts = (rest + bytes.toString('utf8')).split('\n');
      rest = parts.pop() ?? '';
      for (const part of parts) this.lines.push(JSON.parse(part) as StateLine);
      this.wake?.();
    });
    this.child.stderr?.on('data', (bytes: Buffer) => {
      this.errors += bytes.toString('utf8');
    });
    this.ended = new Promise((resolve) => {
      this.child.once('close', () => {
        this.isEnded = true;
        this.wake?.();
        resolve();
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** The next line of this kind that no call has returned yet. */
  async next(kind: string, isWanted: (line: StateLine) => boolean = () => true): Promise<StateLine> {
    for (;;) {
      while (this.taken < this.lines.length) {
        const line = this.lines[this.taken];
        this.taken += 1;
        if (line?.kind === kind && isWanted(line)) return line;
      }
      if (this.isEnded) throw new Error(`the process ended before it said ${kind}:\n${this.errors}`);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /** The last line of this kind. */
  last(kind: string): StateLine | undefined {
    return this.lines.findLast((line) => line.kind === kind);
  }

  /** Resolves once it has ended and all that it said is here. */
  async end(signal: NodeJS.Signals): Promise<void> {
    process.removeListener('exit', this.killWithUs);
    this.child.kill(signal);
    await this.ended;
  }

  pause(): void {
    this.child.kill('SIGSTOP');
  }

  resume(): void {
    this.child.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
  }

  private readonly killWithUs = (): void => {
    this.child.kill('SIGKILL');
  };
}
