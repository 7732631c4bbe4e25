/**
 * A client on a node's own side of a cut: writes the same keys again and again over one connection of that host, and counts what the node did and what
 * it refused because it may not serve.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { REPOSITORY_ROOT } from './shoal-process.ts';

/** Some of so many keys are the node's own, whatever slots it has: of a third of all slots, in all but one of 10^21 cases. */
const KEY_COUNT = 120;
const KEYS_AT_ONCE = 12;
const WRITE_AGAIN_MS = 25;
const LOOK_AGAIN_MS = 10;

export class LocalWriter implements AsyncDisposable {
  /** Writes that were done, and when the last one was, on the clock of `performance.now()`. */
  doneCount = 0;
  lastDoneMs = Number.NEGATIVE_INFINITY;
  /** Writes that the node refused because it may not serve. */
  refusedCount = 0;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #timer: NodeJS.Timeout;
  #round = 0;

  /** `prefix`: the words before a command that runs it on the node's host. */
  constructor(prefix: readonly string[], address: string) {
    const [program, ...words] = [...prefix, join(REPOSITORY_ROOT, 'bin', 'shoal')];
    const child = spawn(program, [...words, 'repl', '--node', address], { stdio: 'pipe' });
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once('close', () => resolve()));
    child.stdin.on('error', () => undefined);
    child.stdout.on('data', (chunk: Buffer) => {
      const done = chunk.toString().match(/^OK$/gm)?.length ?? 0;
      this.doneCount += done;
      if (done > 0) this.lastDoneMs = performance.now();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.refusedCount += chunk.toString().match(/CLUSTERDOWN/g)?.length ?? 0;
    });
    // Who has asked about the cluster is told of another's keys, and not served them.
    child.stdin.write('CLUSTER SLOTS\n');
    this.#timer = setInterval(() => {
      this.#round += 1;
      for (let number = 0; number < KEYS_AT_ONCE; number += 1) {
        const key = (this.#round * KEYS_AT_ONCE + number) % KEY_COUNT;
        child.stdin.write(`SET local:${key} ${this.#round}\n`);
      }
    }, WRITE_AGAIN_MS);
  }

  /** Resolves once it `isSo`; rejects where it does not come to that in `waitMs`. */
  async until(isSo: (writer: LocalWriter) => boolean, waitMs: number): Promise<void> {
    for (const untilMs = performance.now() + waitMs; !isSo(this); ) {
      if (performance.now() > untilMs) throw new Error(`${this.doneCount} done, ${this.refusedCount} refused`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
