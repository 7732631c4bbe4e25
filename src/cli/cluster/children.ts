/** Processes of `shoal` that another one starts: what they print goes on with their name before it, and none outlives its parent's stop. */
import { type ChildProcess, spawn } from 'node:child_process';
import { ShoalError } from '../../base/errors.ts';

/** How long a child may take to stop in order before it is ended at once. */
const STOP_MS_MAX = 15_000;

export interface ChildEnd {
  readonly name: string;
  /** `exit code 1` or `signal SIGKILL`, for people. */
  readonly how: string;
  /** What it exited with; null where a signal ended it, or it never ran. */
  readonly code: number | null;
}

/** Starts `shoal args…`; the program is the one that runs now. */
export class ShoalChild {
  readonly name: string;
  /** Resolves when the process is gone. Never rejects. */
  readonly ended: Promise<ChildEnd>;
  private readonly child: ChildProcess;
  private readonly onLine: (line: string) => void;
  private readonly lines: string[] = [];
  private partial = '';
  private readonly waiting = new Set<() => void>();
  private over: ChildEnd | null = null;

  /** `onLine`: gets each line that the child writes, to whichever of its two outputs. */
  constructor(name: string, args: readonly string[], environment: NodeJS.ProcessEnv, onLine: (line: string) => void) {
    this.name = name;
    this.onLine = onLine;
    const child = spawn(process.execPath, [process.argv[1]!, ...args], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    child.stdout.on('data', (chunk: Buffer) => this.take(chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => this.take(chunk.toString()));
    this.ended = new Promise((resolve) => {
      const end = (how: string, code: number | null): void => {
        this.over ??= { name, how, code };
        this.wake();
        resolve(this.over);
      };
      child.once('error', (error) => end(error.message, null));
      child.once('close', (code, signal) => end(signal === null ? `exit code ${code}` : `signal ${signal}`, code));
    });
  }

  /** The first line that fits. Rejects with a ShoalError, which shows what was printed, where the child ends before. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (let seen = 0; ; ) {
      for (; seen < this.lines.length; seen += 1) {
        const match = pattern.exec(this.lines[seen]!);
        if (match !== null) return match;
      }
      if (this.over !== null) {
        throw new ShoalError(
          'ListenFailed',
          `${this.name} did not start (${this.over.how}):\n${this.lines.join('\n')}`.trimEnd(),
        );
      }
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }

  /** Ends it in order, and at once where it takes too long. Resolves when it is gone. */
  async stop(): Promise<void> {
    if (this.over !== null) return;
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS_MAX);
    await this.ended;
    clearTimeout(timer);
  }

  private take(text: string): void {
    const lines = (this.partial + text).split('\n');
    this.partial = lines.pop()!;
    for (const line of lines) {
      if (this.lines.length < LINES_KEPT_MAX) this.lines.push(line);
      this.onLine(line);
    }
    this.wake();
  }

  private wake(): void {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }
}

/** Lines of a child that are kept, the first ones: what it says while it starts. */
const LINES_KEPT_MAX = 1000;
