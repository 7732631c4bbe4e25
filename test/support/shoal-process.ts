/** A real `bin/shoal`, as users and supervisors start it. Every wait ends: with the event, or with an error that shows the output. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export const REPOSITORY_ROOT: string = join(import.meta.dirname, '..', '..');

/** Generous: a machine under load starts slowly, and only a failing test waits this long. */
const WAIT_MS_MAX = 20_000;

export interface ShoalProcessOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** The program; `bin/shoal` by default. */
  readonly program?: string;
}

export interface ShoalExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class ShoalProcess implements AsyncDisposable {
  out = '';
  error = '';
  readonly #child: ChildProcess;
  readonly #exited: Promise<ShoalExit>;
  #onOutput: (() => void) | null = null;

  constructor(args: readonly string[], options: ShoalProcessOptions = {}) {
    // Settings of the person who runs the tests must not reach the node under test.
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('SHOAL_'));
    this.#child = spawn(options.program ?? join(REPOSITORY_ROOT, 'bin', 'shoal'), [...args], {
      env: { ...Object.fromEntries(inherited), ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.out += chunk.toString();
      this.#onOutput?.();
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.error += chunk.toString();
    });
    this.#exited = once(this.#child, 'close').then(([code, signal]) => ({ code, signal }));
  }

  /** The port of the ready line, as soon as the whole ready text is there. */
  async ready(): Promise<number> {
    await this.printed('  runtime ');
    const port = /^shoal \S+ ready on \S+:(\d+)\n/.exec(this.out)?.[1];
    if (port === undefined) throw new Error(`the first line is not the ready line:\n${this.out}`);
    return Number(port);
  }

  /** Resolves once stdout contains `text`; rejects where the process ends first. */
  async printed(text: string): Promise<void> {
    const seen = new Promise<void>((resolve) => {
      this.#onOutput = () => {
        if (this.out.includes(text)) resolve();
      };
      this.#onOutput();
    });
    const ended = this.#exited.then(({ code }) => {
      if (!this.out.includes(text))
        throw new Error(`shoal ended with ${code} before "${text}":\n${this.out}${this.error}`);
    });
    await this.#inTime(Promise.race([seen, ended]), `"${text}"`);
  }

  exit(): Promise<ShoalExit> {
    return this.#inTime(this.#exited, 'its end');
  }

  get processId(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error('shoal did not start');
    return pid;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  async #inTime<T>(promise: Promise<T>, what: string): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`shoal kept us waiting for ${what}:\n${this.out}${this.error}`));
      }, WAIT_MS_MAX);
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
