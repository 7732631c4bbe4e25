/**
 * Sessions of express-session in Shoal, with the options and the layout of connect-redis.
 *
 *     app.use(session({ store: new ShoalStore({ client }), secret, resave: false, saveUninitialized: false }));
 *
 * A session lives as long as its cookie, or `ttl` seconds where the cookie ends with the browser. Each method takes a callback, as
 * express-session calls it, or returns a promise. Callbacks run outside of any promise, so what one throws reaches the application as it
 * would from any other store, and never a second callback.
 */
/* oxlint-disable typescript/no-misused-promises -- The types of express-session say void; it does not look at what a method returns. */
import { type SessionData, Store } from 'express-session';
import { ShoalError } from '../base/errors.ts';
import { type AnyShoalClient, type KeyScan, keyText, removeKeys, scanKeys } from './key-scan.ts';

/** How sessions become text; `JSON` fits. */
export interface SessionSerializer {
  stringify(session: SessionData): string | Promise<string>;
  parse(text: string): SessionData | Promise<SessionData>;
}

export interface ShoalStoreOptions {
  /** Stays the caller's: close it when the application ends. Its codec must take and give text, as `typed` and `string` do. */
  readonly client: AnyShoalClient;
  /** What the keys of sessions begin with; `sess:` by default. */
  readonly prefix?: string;
  /**
   * Seconds, for sessions whose cookie does not say when it ends; 86400 by default. A function decides for all sessions; 0 or less
   * removes the session.
   */
  readonly ttl?: number | ((session: SessionData) => number);
  /** Whether requests that do not change their session leave its time to live as it is. False by default. */
  readonly disableTouch?: boolean;
  /** Whether sessions stay until they are destroyed or evicted. False by default. */
  readonly disableTTL?: boolean;
  /** `JSON` by default. */
  readonly serializer?: SessionSerializer;
  /** Keys that a node looks at in one step of `all`, `length`, `ids` and `clear`, about; 1 to 10000, 100 by default. */
  readonly scanCount?: number;
}

/** As express-session calls back: an error, or null and the value. */
export type SessionCallback<T> = (error: unknown, value?: T) => void;

/** A session as `all` gives it. */
export type StoredSession = SessionData & { readonly id: string };

export class ShoalStore extends Store {
  readonly client: AnyShoalClient;
  readonly prefix: string;
  readonly ttl: number | ((session: SessionData) => number);
  readonly disableTouch: boolean;
  readonly disableTTL: boolean;
  readonly serializer: SessionSerializer;
  readonly scanCount: number;

  /** Throws `InvalidOption`. */
  constructor(options: ShoalStoreOptions) {
    super();
    checkOptions(options);
    this.client = options.client;
    this.prefix = options.prefix ?? 'sess:';
    this.ttl = options.ttl ?? DAY_S;
    this.disableTouch = options.disableTouch ?? false;
    this.disableTTL = options.disableTTL ?? false;
    this.serializer = options.serializer ?? JSON;
    this.scanCount = options.scanCount ?? SCAN_COUNT_DEFAULT;
  }

  /** The session, or null. */
  override async get(id: string, callback?: SessionCallback<SessionData | null>): Promise<SessionData | null> {
    return answer<SessionData | null>(callback, null, async () => {
      const text = await this.client.get<string>(this.prefix + id);
      return text === undefined ? null : this.serializer.parse(text);
    });
  }

  /** Stores the session, or removes it where its time is over. */
  override async set(id: string, session: SessionData, callback?: SessionCallback<void>): Promise<void> {
    return answer(callback, undefined, async () => {
      const key = this.prefix + id;
      const ttlMs = this.disableTTL ? null : this.ttlMsOf(session);
      if (ttlMs !== null && ttlMs <= 0) await this.client.delete(key);
      else await this.client.set(key, await this.serializer.stringify(session), ttlMs === null ? {} : { ttlMs });
    });
  }

  /** Gives a session that did not change its full time to live again. */
  override async touch(id: string, session: SessionData, callback?: SessionCallback<void>): Promise<void> {
    return answer(callback, undefined, async () => {
      if (this.disableTouch || this.disableTTL) return;
      const key = this.prefix + id;
      const ttlMs = this.ttlMsOf(session);
      if (ttlMs <= 0) await this.client.delete(key);
      else await this.client.touch(key, ttlMs);
    });
  }

  override async destroy(id: string, callback?: SessionCallback<void>): Promise<void> {
    return answer(callback, undefined, async () => {
      await this.client.delete(this.prefix + id);
    });
  }

  /** Removes all sessions of this prefix from all nodes. */
  override async clear(callback?: SessionCallback<void>): Promise<void> {
    return answer(callback, undefined, () => removeKeys(this.scan()));
  }

  /** How many sessions there are. Reads the names of all keys of the nodes, as `ids` and `all` do. */
  override async length(callback?: SessionCallback<number>): Promise<number> {
    return answer(callback, 0, async () => (await this.sessionIds()).length);
  }

  async ids(callback?: SessionCallback<string[]>): Promise<string[]> {
    return answer<string[]>(callback, [], () => this.sessionIds());
  }

  /** All sessions. */
  override async all(callback?: SessionCallback<StoredSession[]>): Promise<StoredSession[]> {
    return answer<StoredSession[]>(callback, [], async () => {
      const sessions = new Map<string, StoredSession>();
      for await (const keys of scanKeys(this.scan())) {
        const texts = await this.client.getMany<string>(keys);
        for (const [index, key] of keys.entries()) {
          const text = texts[index];
          const id = keyText(key).slice(this.prefix.length);
          if (text !== undefined) sessions.set(id, { ...(await this.serializer.parse(text)), id });
        }
      }
      return [...sessions.values()];
    });
  }

  /** A node may name a key twice while its table grows. */
  private async sessionIds(): Promise<string[]> {
    const ids = new Set<string>();
    for await (const keys of scanKeys(this.scan())) {
      for (const key of keys) ids.add(keyText(key).slice(this.prefix.length));
    }
    return [...ids];
  }

  private scan(): KeyScan {
    return { client: this.client, prefix: this.prefix, batchKeyCount: this.scanCount };
  }

  private ttlMsOf(session: SessionData): number {
    if (typeof this.ttl === 'function') return Math.ceil(this.ttl(session) * 1000);
    const expires = session.cookie?.expires;
    if (expires === undefined || expires === null) return Math.ceil(this.ttl * 1000);
    // A cookie that was read back as text has its date as text.
    return new Date(expires).getTime() - Date.now();
  }
}

/** What `work` gives, to the callback where there is one; the promise then never rejects. */
async function answer<T>(callback: SessionCallback<T> | undefined, fallback: T, work: () => Promise<T>): Promise<T> {
  if (callback === undefined) return work();
  try {
    const value = await work();
    process.nextTick(callback, null, value);
    return value;
  } catch (error) {
    process.nextTick(callback, error);
    return fallback;
  }
}

function checkOptions(options: ShoalStoreOptions): void {
  if (typeof options?.client?.getMany !== 'function') {
    throw invalid('client: give a client, e.g. new ShoalStore({ client: await ShoalClient.connect({ nodes }) })');
  }
  const { prefix, ttl, serializer, scanCount } = options;
  if (prefix !== undefined && typeof prefix !== 'string') throw invalid('prefix: it must be text');
  if (ttl !== undefined && typeof ttl !== 'function' && !(typeof ttl === 'number' && ttl > 0 && ttl <= TTL_S_MAX)) {
    throw invalid(`ttl: ${String(ttl)} is neither seconds, above 0 and at most ${TTL_S_MAX}, nor a function`);
  }
  if (
    serializer !== undefined &&
    !(typeof serializer?.parse === 'function' && typeof serializer.stringify === 'function')
  ) {
    throw invalid('serializer: it has the functions stringify and parse, as JSON has');
  }
  if (scanCount === undefined) return;
  if (!Number.isInteger(scanCount) || scanCount < 1 || scanCount > SCAN_COUNT_MAX) {
    throw invalid(`scanCount: ${String(scanCount)} is not a whole number from 1 to ${SCAN_COUNT_MAX}`);
  }
}

function invalid(message: string): ShoalError {
  return new ShoalError('InvalidOption', message);
}

const DAY_S = 86_400;
/** A hundred years. */
const TTL_S_MAX = 36_525 * DAY_S;
const SCAN_COUNT_DEFAULT = 100;
const SCAN_COUNT_MAX = 10_000;
