/**
 * A session of the line editor: takes a line, says what came of it. It knows where the connection stands (database, transaction, user)
 * and connects again where it was lost. No terminal here; the connection comes from outside.
 */
import { ShoalError } from '../../base/errors.ts';
import { explained } from '../explain-error.ts';
import { suggestion } from '../../config/nearest.ts';
import { type CommandDocs, NO_DOCS, readCommandDocs } from './command-docs.ts';
import { commandHelp, overview } from './help-text.ts';
import type { Link, LinkCredentials, LinkOptions, OpenLink } from './link.ts';
import type { ReplyNode } from './reply.ts';
import { splitLine } from './words.ts';

export interface SessionEvents {
  /** Something came that nobody asked for: a message, a line of MONITOR. */
  readonly onPush: (reply: ReplyNode) => void;
  /** The connection was lost while nothing was asked. */
  readonly onLost: (text: string) => void;
}

export type Outcome =
  /** An empty line. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'reply'; readonly reply: ReplyNode }
  /** The same, and from now on lines come by themselves until the connection is closed. */
  | { readonly kind: 'monitor'; readonly reply: ReplyNode }
  /** It could not be sent, or nothing came back. */
  | { readonly kind: 'problem'; readonly text: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'clear' }
  | { readonly kind: 'exit' };

export type SessionOptions = LinkOptions & {
  /** How long a command may take; null: as long as it takes. */
  readonly commandTimeoutMs: number | null;
};

export class ReplSession {
  docs: CommandDocs = NO_DOCS;
  private readonly options: SessionOptions;
  private readonly open: OpenLink;
  private readonly events: SessionEvents;
  private link: Link | null = null;
  private connecting: Promise<Link> | null = null;
  private credentials: LinkCredentials;
  private database: number;
  private inTransaction = false;
  private inFlightCount = 0;
  private loadingDocs: Promise<void> | null = null;

  constructor(options: SessionOptions, open: OpenLink, events: SessionEvents) {
    this.options = options;
    this.open = open;
    this.events = events;
    this.credentials = options.credentials;
    this.database = options.database;
  }

  /** `127.0.0.1:7600[1](TX)> `; `not connected> ` where there is no connection. */
  get prompt(): string {
    if (this.link === null) return 'not connected> ';
    const host = this.options.host.includes(':') ? `[${this.options.host}]` : this.options.host;
    const database = this.database === 0 ? '' : `[${this.database}]`;
    return `${host}:${this.options.port}${database}${this.inTransaction ? '(TX)' : ''}> `;
  }

  get isConnected(): boolean {
    return this.link !== null;
  }

  get needsPassword(): boolean {
    return this.link?.needsPassword === true;
  }

  /** Whether messages come by themselves. */
  get isListening(): boolean {
    return this.link !== null && this.link.subscriptionCount > 0;
  }

  /** Connects if there is no connection. Rejects with a ShoalError that says what to do. */
  async connect(): Promise<void> {
    try {
      await this.linked();
    } catch (error) {
      throw explained(error);
    }
  }

  /**
   * Asks for the docs of all commands, once, and not where the question would become part of something. A server without them costs completion,
   * nothing else.
   */
  loadDocs(): Promise<void> {
    const { link } = this;
    if (this.docs.size > 0 || link === null || link.needsPassword || this.inTransaction) return Promise.resolve();
    this.loadingDocs ??= this.askForDocs(link);
    return this.loadingDocs;
  }

  /** Runs a line; never rejects for what a server or a user does. */
  async run(line: Uint8Array): Promise<Outcome> {
    const { words, problem } = splitLine(line);
    if (words === null) return { kind: 'problem', text: problem };
    const texts = words.map((word) => Buffer.from(word).toString());
    const [first, ...rest] = texts;
    switch (first?.toUpperCase()) {
      case undefined:
        return { kind: 'nothing' };
      case 'EXIT':
      case 'QUIT':
        return { kind: 'exit' };
      case 'CLEAR':
        return { kind: 'clear' };
      case 'HELP':
      case '?':
        await this.loadDocs();
        return { kind: 'text', text: this.help(rest) };
      default:
        return this.send(words, texts);
    }
  }

  /** Gives up on what is waited for, or on MONITOR: the only way is another connection. */
  async interrupt(): Promise<void> {
    this.drop();
    await this.connect();
  }

  close(): void {
    this.drop();
  }

  private async send(words: readonly Uint8Array[], texts: readonly string[]): Promise<Outcome> {
    let link: Link | null = null;
    this.inFlightCount += 1;
    try {
      link = await this.linked();
      const { commandTimeoutMs } = this.options;
      const reply = await link.request(words, commandTimeoutMs === null ? undefined : { timeoutMs: commandTimeoutMs });
      await this.note(link, texts, reply);
      const isMonitor = reply.kind === 'status' && texts[0]?.toUpperCase() === 'MONITOR' && !this.inTransaction;
      return { kind: isMonitor ? 'monitor' : 'reply', reply };
    } catch (error) {
      if (!(error instanceof ShoalError)) throw error;
      if (link !== null && link === this.link) this.forget();
      return { kind: 'problem', text: (explained(error) as ShoalError).message };
    } finally {
      this.inFlightCount -= 1;
    }
  }

  /** What a command that succeeded means for the prompt, and for a connection that takes this one's place. */
  private async note(link: Link, texts: readonly string[], reply: ReplyNode): Promise<void> {
    const [name = '', first = '', second] = texts;
    const command = name.toUpperCase();
    if (command === 'EXEC' || command === 'DISCARD') this.inTransaction = false;
    if (reply.kind === 'error') return;
    if (reply.kind === 'status' && reply.text === 'QUEUED') return;
    switch (command) {
      case 'MULTI':
        this.inTransaction = true;
        break;
      case 'SELECT':
        this.database = Number(first);
        break;
      case 'AUTH':
        this.credentials = second === undefined ? { user: '', password: first } : { user: first, password: second };
        await link.upgrade();
        break;
      case 'RESET':
        this.inTransaction = false;
        this.database = 0;
        await link.startOver();
        break;
      default:
    }
  }

  private async askForDocs(link: Link): Promise<void> {
    try {
      this.docs = readCommandDocs(await link.request(wordsOf('COMMAND', 'DOCS')));
    } catch (error) {
      if (!(error instanceof ShoalError)) throw error;
      // It was the connection: the next one is asked again.
      this.loadingDocs = null;
    }
  }

  private linked(): Promise<Link> {
    if (this.link !== null) return Promise.resolve(this.link);
    this.connecting ??= this.relink();
    return this.connecting;
  }

  private async relink(): Promise<Link> {
    let opened: Link | null = null;
    try {
      const options = { ...this.options, credentials: this.credentials, database: this.database };
      opened = await this.open(options, {
        onPush: (reply) => this.events.onPush(reply),
        onLost: () => {
          if (this.link === opened && opened !== null) this.lost();
        },
      });
      this.link = opened;
      return opened;
    } finally {
      this.connecting = null;
    }
  }

  private lost(): void {
    const extra = this.inTransaction
      ? '; the transaction is gone'
      : this.isListening
        ? '; the subscriptions are gone'
        : '';
    this.forget();
    // What a command that was waited for ends with says the same.
    if (this.inFlightCount > 0) return;
    this.events.onLost(`the connection to ${this.options.host}:${this.options.port} was lost${extra}`);
  }

  /** Nothing of a connection survives it but who we are and the database. */
  private forget(): void {
    this.link = null;
    this.inTransaction = false;
  }

  private drop(): void {
    const { link } = this;
    this.forget();
    link?.close();
  }

  private help(words: readonly string[]): string {
    const [name, sub] = words.map((word) => word.toUpperCase());
    if (name === undefined) return overview(this.docs.size);
    const command = this.docs.get(name);
    if (command === undefined) {
      return this.docs.size === 0
        ? 'the server gave no docs of its commands\n'
        : `${name} is not a command of this server${suggestion(name, [...this.docs.keys()])}\n`;
    }
    const subcommand = command.subcommands.find((candidate) => candidate.name === sub);
    return subcommand === undefined ? commandHelp(command, '') : commandHelp(subcommand, `${name} `);
  }
}

export function wordsOf(...words: readonly string[]): readonly Uint8Array[] {
  return words.map((word) => Buffer.from(word));
}
