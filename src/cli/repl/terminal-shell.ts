/**
 * The line editor on a terminal: `node:readline` around a session. Lines are run one after the other, also where many are pasted at once;
 * what comes by itself is printed above the line that is being written.
 */
import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { Backoff } from '../../client/backoff.ts';
import { ShoalError } from '../../base/errors.ts';
import { complete, hintFor } from './completion.ts';
import { HintLine } from './hint-line.ts';
import { HISTORY_LINES_MAX, type HistoryFile } from './history.ts';
import { rawReply, renderReply, safeText } from './render.ts';
import type { ReplyNode } from './reply.ts';
import type { Outcome, ReplSession, SessionEvents } from './session.ts';

export interface ShellOptions {
  readonly input: Readable;
  readonly output: Writable & { readonly columns?: number };
  readonly colors: boolean;
  /** `raw`: replies as bare texts. */
  readonly style: 'formatted' | 'raw';
  readonly history: HistoryFile;
  readonly nowMs: () => number;
  readonly random01: () => number;
}

/** Lines that may wait while one runs; what is pasted beyond them is dropped with a word. */
export const WAITING_LINES_MAX = 10_000;
/** A command that takes as long says so. */
const SLOW_MS = 500;
const COLUMNS_DEFAULT = 80;

export class TerminalShell implements SessionEvents {
  private readonly options: ShellOptions;
  private readonly session: ReplSession;
  private readonly editor: Interface;
  private readonly hint: HintLine;
  private readonly backoff: Backoff;
  private readonly waiting: string[] = [];
  private running = false;
  /** MONITOR runs: there is nothing to write a line for. */
  private monitoring = false;
  /** That the server cannot be reached was said already. */
  private failureTold = false;
  private reconnect: NodeJS.Timeout | null = null;
  private finish: (() => void) | null = null;
  private closed = false;

  /** `sessionFor` makes the session whose events are this shell's. */
  constructor(options: ShellOptions, sessionFor: (events: SessionEvents) => ReplSession) {
    this.options = options;
    this.session = sessionFor(this);
    this.backoff = new Backoff(RECONNECT, options.random01);
    this.editor = createInterface({
      input: options.input,
      output: options.output,
      terminal: true,
      history: options.history.load(),
      historySize: HISTORY_LINES_MAX,
      removeHistoryDuplicates: true,
      completer: (line: string) => {
        const { candidates, word } = complete(line, this.session.docs);
        return [candidates.map((name) => `${name} `), word];
      },
    });
    const screen = {
      get columns() {
        return options.output.columns || COLUMNS_DEFAULT;
      },
      write: (text: string) => void options.output.write(text),
    };
    this.hint = new HintLine(this.editor, screen, (line) => hintFor(line, this.session.docs));
    options.input.prependListener('keypress', () => this.hint.erase());
    options.input.on('keypress', () => this.drawHint());
    this.editor.on('line', (line) => this.take(line));
    this.editor.on('SIGINT', () => this.interrupt());
    // Back from Ctrl-Z: `node:readline` has paused the input.
    this.editor.on('SIGCONT', () => this.resume());
    this.editor.on('close', () => this.end());
  }

  /** Resolves once the user leaves. Rejects where it cannot connect at first. */
  async run(): Promise<void> {
    try {
      await this.session.connect();
    } catch (error) {
      this.editor.close();
      throw error;
    }
    const left = new Promise<void>((resolve) => {
      this.finish = resolve;
    });
    if (this.closed) return;
    if (this.session.needsPassword)
      this.note('the server asks for a password: AUTH password, or start with SHOAL_PASSWORD');
    if (this.options.history.problem !== null) this.note(this.options.history.problem);
    this.showPrompt();
    void this.session.loadDocs();
    await left;
  }

  /** Leaves, as Ctrl-D does. */
  close(): void {
    this.editor.close();
  }

  onPush(reply: ReplyNode): void {
    this.printAbove(this.textOf(reply));
  }

  onLost(text: string): void {
    this.monitoring = false;
    this.printAbove(this.red(`${text}; connecting again`));
    this.reconnectAfter(0);
  }

  private take(line: string): void {
    if (this.waiting.length >= WAITING_LINES_MAX) {
      this.printAbove(this.red(`more than ${WAITING_LINES_MAX} lines wait: this one was dropped`));
      return;
    }
    this.waiting.push(line);
    if (!this.running) void this.runWaiting();
  }

  private async runWaiting(): Promise<void> {
    this.running = true;
    for (let line = this.waiting.shift(); line !== undefined && !this.closed; line = this.waiting.shift()) {
      this.remember(line);
      const startMs = this.options.nowMs();
      const outcome = await this.session.run(Buffer.from(line));
      if (this.closed) return;
      this.show(outcome, this.options.nowMs() - startMs);
      void this.session.loadDocs();
    }
    this.running = false;
    if (!this.closed && !this.monitoring) this.showPrompt();
  }

  private show(outcome: Outcome, tookMs: number): void {
    switch (outcome.kind) {
      case 'nothing':
        return;
      case 'exit':
        this.editor.close();
        return;
      case 'clear':
        cursorTo(this.options.output, 0, 0);
        clearScreenDown(this.options.output);
        return;
      case 'text':
        this.write(outcome.text);
        return;
      case 'problem':
        this.write(this.red(safeText(outcome.text)));
        // What could not be asked now may be asked soon.
        if (!this.session.isConnected) {
          this.failureTold = true;
          this.reconnectAfter(this.backoff.nextMs());
        }
        return;
      case 'monitor':
        this.monitoring = true;
        this.write(this.textOf(outcome.reply));
        this.note('Ctrl-C ends it');
        return;
      case 'reply':
        this.write(this.textOf(outcome.reply));
        if (tookMs >= SLOW_MS) this.write(`(${(tookMs / 1000).toFixed(2)}s)\n`);
    }
  }

  /** Ctrl-C: gives up the line, or the command that runs. */
  private interrupt(): void {
    this.hint.erase();
    this.write('^C\n');
    if (this.running || this.monitoring) {
      this.monitoring = false;
      this.waiting.length = 0;
      const wasRunning = this.running;
      this.session
        .interrupt()
        .catch((error: unknown) => this.printAbove(this.red((error as Error).message)))
        .finally(() => {
          if (!wasRunning && !this.closed) this.showPrompt();
        });
      return;
    }
    if (this.editor.line === '') this.note('exit or Ctrl-D leaves');
    // The editor's own keys: to the end, then cut to the start.
    this.editor.write(null as unknown as string, { ctrl: true, name: 'e' });
    this.editor.write(null as unknown as string, { ctrl: true, name: 'u' });
    this.showPrompt();
  }

  private resume(): void {
    if (this.running || this.monitoring) this.editor.resume();
    else this.editor.prompt(true);
  }

  /** Secret lines are forgotten by the editor too. */
  private remember(line: string): void {
    if (this.options.history.add(line)) return;
    const { history } = this.editor as unknown as { readonly history?: string[] };
    if (history !== undefined && history[0] === line) history.shift();
  }

  private reconnectAfter(delayMs: number): void {
    if (this.reconnect !== null || this.closed) return;
    this.reconnect = setTimeout(() => {
      if (this.closed) return;
      if (this.session.isConnected) {
        this.reconnect = null;
        return;
      }
      this.session
        .connect()
        .then(
          () => {
            this.backoff.reset();
            this.failureTold = false;
            this.printAbove('connected again\n');
          },
          (error: unknown) => {
            if (!(error instanceof ShoalError)) throw error;
            // The first failure is told, the others only fill the screen.
            if (!this.failureTold) this.printAbove(this.red(error.message));
            this.failureTold = true;
            this.reconnect = null;
            this.reconnectAfter(this.backoff.nextMs());
          },
        )
        .finally(() => {
          if (this.session.isConnected) this.reconnect = null;
        });
    }, delayMs);
  }

  private showPrompt(): void {
    this.editor.setPrompt(this.session.prompt);
    this.editor.prompt();
  }

  private drawHint(): void {
    if (this.options.colors) this.hint.drawSoon(() => !this.running && !this.monitoring && !this.closed);
  }

  /** Prints above the line that is being written, which stays as it is. */
  private printAbove(text: string): void {
    if (this.closed) return;
    if (this.running || this.monitoring) {
      this.write(text);
      return;
    }
    this.hint.erase();
    const { output } = this.options;
    cursorTo(output, 0);
    const { rows } = this.editor.getCursorPos();
    if (rows > 0) moveCursor(output, 0, -rows);
    clearScreenDown(output);
    this.write(text);
    this.editor.setPrompt(this.session.prompt);
    this.editor.prompt(true);
    this.drawHint();
  }

  private textOf(reply: ReplyNode): string {
    if (this.options.style === 'raw') return safeText(Buffer.from(rawReply(reply)).toString());
    const text = renderReply(reply);
    return reply.kind === 'error' ? this.red(text.trimEnd()) : text;
  }

  private note(text: string): void {
    this.write(`(${text})\n`);
  }

  private red(text: string): string {
    return this.options.colors ? `\u001b[31m${text}\u001b[39m\n` : `${text}\n`;
  }

  private write(text: string): void {
    this.options.output.write(text);
  }

  private end(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.reconnect !== null) clearTimeout(this.reconnect);
    this.session.close();
    // The shell's prompt belongs on a line of its own, not behind ours.
    if (!this.running && this.finish !== null) this.write('\n');
    this.finish?.();
  }
}

const RECONNECT = { firstMs: 200, longestMs: 5000 };
