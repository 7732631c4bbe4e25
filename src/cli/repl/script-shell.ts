/**
 * The line editor without a terminal: a script of commands, a line each, one after the other. Replies go to stdout, what failed to stderr with the
 * number of its line; a failed line does not stop the script.
 */
import { ShoalError } from '../../base/errors.ts';
import { rawReply, renderReply, safeText } from './render.ts';
import type { ReplyNode } from './reply.ts';
import type { ReplSession, SessionEvents } from './session.ts';

export interface ScriptOptions {
  readonly input: AsyncIterable<Uint8Array | string>;
  readonly style: 'formatted' | 'raw';
  readonly writeOut: (bytes: Uint8Array) => Promise<void>;
  readonly writeError: (text: string) => void;
}

/** Bytes of messages that may wait for whoever reads stdout; beyond them the script ends, because the server will not wait for us. */
export const UNREAD_BYTES_MAX: number = 64 * 1024 * 1024;
/** A longer line is refused and ends the script: it is no command that a node would take. */
export const SCRIPT_LINE_BYTES_MAX: number = 512 * 1024 * 1024;

export class ScriptShell implements SessionEvents {
  private readonly options: ScriptOptions;
  private readonly session: ReplSession;
  private failureCount = 0;
  private lineNumber = 0;
  private unreadBytes = 0;
  private left = false;
  private onLeave: (() => void) | null = null;

  constructor(options: ScriptOptions, sessionFor: (events: SessionEvents) => ReplSession) {
    this.options = options;
    this.session = sessionFor(this);
  }

  /**
   * Resolves to how many lines failed, once the script is done; where it subscribed or monitors, once the connection ends or `close` is
   * called. Rejects where it cannot connect at first.
   */
  async run(): Promise<number> {
    await this.session.connect();
    let monitoring = false;
    for await (const line of linesOf(this.options.input)) {
      this.lineNumber += 1;
      if (this.left) break;
      if (isComment(line)) continue;
      const outcome = await this.session.run(line);
      if (outcome.kind === 'reply' || outcome.kind === 'monitor') await this.print(outcome.reply);
      else if (outcome.kind === 'text') await this.options.writeOut(Buffer.from(outcome.text));
      else if (outcome.kind === 'problem') this.fail(outcome.text);
      if (outcome.kind === 'exit') return this.failureCount;
      if (outcome.kind === 'monitor') {
        monitoring = true;
        break;
      }
    }
    if ((monitoring || this.session.isListening) && !this.left) {
      await new Promise<void>((resolve) => {
        this.onLeave = resolve;
      });
    }
    return this.failureCount;
  }

  /** Ends it: after the line that runs, or at once where it only listens. */
  close(): void {
    this.left = true;
    this.session.close();
    this.onLeave?.();
  }

  onPush(reply: ReplyNode): void {
    if (this.unreadBytes > UNREAD_BYTES_MAX) {
      this.fail(`more than ${UNREAD_BYTES_MAX} bytes of messages wait for whoever reads stdout`);
      this.close();
      return;
    }
    void this.print(reply);
  }

  onLost(text: string): void {
    if (this.onLeave === null) return;
    this.fail(text);
    this.onLeave();
  }

  private async print(reply: ReplyNode): Promise<void> {
    if (reply.kind === 'error') {
      this.fail(safeText(reply.text));
      return;
    }
    const bytes = this.options.style === 'raw' ? rawReply(reply) : Buffer.from(renderReply(reply));
    this.unreadBytes += bytes.length;
    await this.options.writeOut(bytes);
    this.unreadBytes -= bytes.length;
  }

  private fail(text: string): void {
    // What ends because we end it is no failure.
    if (this.left) return;
    this.failureCount += 1;
    this.options.writeError(`shoal: line ${this.lineNumber}: ${text}\n`);
  }
}

/** The lines of a stream of bytes, without their ends. */
export async function* linesOf(input: AsyncIterable<Uint8Array | string>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const piece of input) {
    const chunk = typeof piece === 'string' ? Buffer.from(piece) : piece;
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      parts.push(chunk.subarray(start, end));
      yield Buffer.concat(parts);
      parts = [];
      length = 0;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    parts.push(chunk.subarray(start));
    length += chunk.length - start;
    if (length > SCRIPT_LINE_BYTES_MAX) {
      throw new ShoalError('TooLarge', `a line of the script is longer than ${SCRIPT_LINE_BYTES_MAX} bytes`);
    }
  }
  if (length > 0) yield Buffer.concat(parts);
}

/** A line that begins with # is for people. */
function isComment(line: Uint8Array): boolean {
  return line[0] === HASH;
}

const NEWLINE = 0x0a;
const HASH = 0x23;
