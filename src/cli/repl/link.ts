/**
 * One connection of the line editor to a server, in RESP3 where the server speaks it. Not the Shoal protocol, because there a session is what people
 * look at: transactions, subscriptions, MONITOR, a database and a user that change; and so the editor works with any server of RESP.
 *
 * Replies come in the order of the commands. What comes beside them (messages, invalidations, the lines of MONITOR) goes to `onPush`.
 */
import { Socket } from 'node:net';
import { ShoalError } from '../../base/errors.ts';
import { encodeWords } from './encode-words.ts';
import { elementsOf, type ReplyNode, ReplyReader, textOf } from './reply.ts';

export interface LinkOptions {
  readonly host: string;
  readonly port: number;
  readonly credentials: LinkCredentials;
  readonly database: number;
  /** From the attempt to the server's greeting. */
  readonly connectTimeoutMs: number;
}

export interface LinkCredentials {
  /** Empty: the default one. */
  readonly user: string;
  /** Empty: none is given. */
  readonly password: string;
}

export interface LinkEvents {
  readonly onPush: (reply: ReplyNode) => void;
  /** Once, where the connection ends by itself after it was greeted. */
  readonly onLost: () => void;
}

/** A connection as the session uses it. */
export interface Link {
  readonly protocol: 2 | 3;
  /** The server wants a password before anything else. */
  readonly needsPassword: boolean;
  /** Channels and patterns that the server last said are subscribed to. */
  readonly subscriptionCount: number;
  /** Sends a command. Rejects with `ConnectionLost`, `Timeout` or `UnexpectedResponse`; the connection is closed then. */
  request(words: readonly Uint8Array[], options?: { readonly timeoutMs: number }): Promise<ReplyNode>;
  /** Changes to RESP3 if the server has it. */
  upgrade(): Promise<void>;
  /** The same, once the server has set the connection back to how it began: RESP2, nobody's, without subscriptions. */
  startOver(): Promise<void>;
  /** Ends it; what is waited for fails with `ConnectionLost`. */
  close(): void;
}

export type OpenLink = (options: LinkOptions, events: LinkEvents) => Promise<Link>;

/** Connects and greets. Rejects with `ConnectFailed`, `Unauthenticated` or `UnexpectedResponse`. */
export const openTcpLink: OpenLink = async (options, events) => {
  const link = new TcpLink(options, events);
  try {
    await link.greet(options);
    return link;
  } catch (error) {
    link.close();
    throw error;
  }
};

/** Someone who waits for what a command answers. */
interface Waiter {
  /** Of SUBSCRIBE and its kin, which are answered by pushes: their kind, in small letters; else null. */
  readonly pushKind: string | null;
  /** Pushes that are still to come. */
  pushCount: number;
  readonly resolve: (reply: ReplyNode) => void;
  readonly reject: (error: ShoalError) => void;
}

class TcpLink implements Link {
  protocol: 2 | 3 = 2;
  needsPassword = false;
  subscriptionCount = 0;
  private readonly node: string;
  private readonly socket = new Socket();
  private readonly reader = new ReplyReader();
  private readonly events: LinkEvents;
  private waiters: Waiter[] = [];
  private greeted = false;
  private failure: ShoalError | null = null;

  constructor({ host, port, connectTimeoutMs }: LinkOptions, events: LinkEvents) {
    this.node = `${host}:${port}`;
    this.events = events;
    const { socket } = this;
    const timer = setTimeout(() => {
      if (!this.greeted)
        this.end(this.error('ConnectFailed', `no greeting from ${this.node} within ${connectTimeoutMs} ms`));
    }, connectTimeoutMs);
    let cause: Error | null = null;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on('error', (error) => {
      cause ??= error;
    });
    socket.on('data', (chunk: Buffer) => this.take(chunk));
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      clearTimeout(timer);
      const text = this.greeted ? `the connection to ${this.node} was lost` : `cannot connect to ${this.node}`;
      const lost = this.error(this.greeted ? 'ConnectionLost' : 'ConnectFailed', text, cause);
      const byItself = this.failure === null;
      this.failAll(this.failure ?? lost);
      if (byItself && this.greeted) this.events.onLost();
    });
    socket.connect({ host, port });
  }

  async greet({ credentials: { user, password }, database }: LinkOptions): Promise<void> {
    const auth = password === '' ? [] : ['AUTH', user || DEFAULT_USER, password];
    const hello = await this.ask('HELLO', '3', ...auth);
    if (hello.kind !== 'error') {
      this.protocol = 3;
    } else if (hello.text.startsWith('NOAUTH')) {
      this.needsPassword = true;
    } else if (hello.text.startsWith('WRONGPASS')) {
      throw this.error('Unauthenticated', hello.text);
    } else if (password !== '') {
      // A server from before HELLO.
      const reply = await this.ask('AUTH', ...(user === '' ? [password] : [user, password]));
      if (reply.kind === 'error') throw this.error('Unauthenticated', reply.text);
    }
    if (database !== 0 && !this.needsPassword) {
      const reply = await this.ask('SELECT', String(database));
      if (reply.kind === 'error') throw this.error('ServerError', `database ${database}: ${reply.text}`);
    }
    this.greeted = true;
  }

  async upgrade(): Promise<void> {
    this.needsPassword = false;
    if (this.protocol === 2 && (await this.ask('HELLO', '3')).kind !== 'error') this.protocol = 3;
  }

  startOver(): Promise<void> {
    this.protocol = 2;
    this.subscriptionCount = 0;
    return this.upgrade();
  }

  async request(words: readonly Uint8Array[], options?: { readonly timeoutMs: number }): Promise<ReplyNode> {
    if (this.failure !== null) throw this.failure;
    const name = Buffer.from(words[0] ?? [])
      .toString('latin1')
      .toLowerCase();
    const isSubscription = SUBSCRIPTIONS.has(name);
    const pushKind = isSubscription ? name : null;
    const reply = new Promise<ReplyNode>((resolve, reject) => {
      this.waiters.push({ pushKind, pushCount: Math.max(1, words.length - 1), resolve, reject });
    });
    this.socket.write(encodeWords(words));
    if (options === undefined) return reply;
    const timer = setTimeout(() => {
      this.end(
        this.error('Timeout', `no answer from ${this.node} within ${options.timeoutMs} ms; it may have been executed`),
      );
    }, options.timeoutMs);
    try {
      return await reply;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.end(this.error('ConnectionLost', `the connection to ${this.node} was closed`));
  }

  private ask(...words: readonly string[]): Promise<ReplyNode> {
    return this.request(words.map((word) => Buffer.from(word)));
  }

  private take(chunk: Buffer): void {
    if (this.failure !== null) return;
    try {
      this.reader.push(chunk);
      for (let reply = this.reader.next(); reply !== null; reply = this.reader.next()) this.deliver(reply);
    } catch (error) {
      if (!(error instanceof ShoalError)) throw error;
      this.end(this.error(this.greeted ? 'UnexpectedResponse' : 'ConnectFailed', `${this.node}: ${error.message}`));
    }
  }

  private deliver(reply: ReplyNode): void {
    // Here, where replies are still in their order.
    this.subscriptionCount = subscriptionsLeft(reply) ?? this.subscriptionCount;
    const [waiter] = this.waiters;
    if (waiter === undefined) {
      this.events.onPush(reply);
      return;
    }
    if (reply.kind === 'push' || (waiter.pushKind !== null && reply.kind === 'list')) {
      const kind = textOf(elementsOf(reply)[0]);
      const awaited = waiter.pushKind !== null && kind === waiter.pushKind;
      if (awaited) waiter.pushCount -= 1;
      if (!awaited || waiter.pushCount > 0) {
        this.events.onPush(reply);
        return;
      }
    }
    this.waiters.shift();
    waiter.resolve(reply);
  }

  private end(error: ShoalError): void {
    if (this.failure !== null) return;
    this.failAll(error);
    this.socket.destroy();
  }

  private failAll(error: ShoalError): void {
    this.failure ??= error;
    const { waiters } = this;
    this.waiters = [];
    for (const waiter of waiters) waiter.reject(this.failure);
  }

  private error(
    code: 'ConnectFailed' | 'ConnectionLost' | 'Timeout' | 'Unauthenticated' | 'UnexpectedResponse' | 'ServerError',
    message: string,
    cause: Error | null = null,
  ): ShoalError {
    return new ShoalError(code, message, cause === null ? { node: this.node } : { node: this.node, cause });
  }
}

/** What a confirmation of a subscription says that is subscribed to now; null of anything else. */
function subscriptionsLeft(reply: ReplyNode): number | null {
  const [kind, , count] = elementsOf(reply);
  return count?.kind === 'integer' && (textOf(kind) ?? '').endsWith('subscribe') ? Number(count.text) : null;
}

const DEFAULT_USER = 'default';
const KEEP_ALIVE_MS = 30_000;
/** Commands that are answered by a push for each of their words. */
const SUBSCRIPTIONS: ReadonlySet<string> = new Set([
  'subscribe',
  'unsubscribe',
  'psubscribe',
  'punsubscribe',
  'ssubscribe',
  'sunsubscribe',
]);
