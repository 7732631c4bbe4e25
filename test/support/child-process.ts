/** Runs a program to its end, or until it printed what a test waits for, and never longer than a deadline. */
import { spawn } from 'node:child_process';

/** Only a failing test waits this long. */
const DEADLINE_MS = 15_000;

export interface ChildOptions {
  /** Written to the program's stdin, which is then closed. Absent: stdin is closed at once. */
  readonly input?: string | Uint8Array;
  /** The program is stopped as soon as its stdout contains a match. For programs that end only by a signal. */
  readonly until?: RegExp;
  readonly environment?: Readonly<Record<string, string>>;
  /** Where it runs; the folder of the tests' own process by default. */
  readonly folder?: string;
  /** For programs that take longer than others. */
  readonly deadlineMs?: number;
  /** Called at each piece of output with all stdout so far. */
  readonly onOutput?: (stdout: string) => void;
}

export interface ChildResult {
  /** null where the program was stopped because `until` matched. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function runChild(program: string, args: readonly string[], options: ChildOptions = {}): Promise<ChildResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, ...options.environment },
      stdio: 'pipe',
      cwd: options.folder,
    });
    const killWithUs = (): void => {
      child.kill('SIGKILL');
    };
    process.once('exit', killWithUs);
    let stdout = '';
    let stderr = '';
    let late = false;
    const deadline = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, options.deadlineMs ?? DEADLINE_MS);
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString('latin1');
      options.onOutput?.(stdout);
      if (options.until?.test(stdout) === true) child.kill('SIGKILL');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString('latin1');
    });
    // A program that ends without reading its input breaks the pipe; its exit code says what was wrong.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(deadline);
      process.removeListener('exit', killWithUs);
      if (late) reject(new Error(`${program} ${args.join(' ')} did not end in time:\n${stdout}${stderr}`));
      else resolve({ code, stdout, stderr });
    });
  });
}
