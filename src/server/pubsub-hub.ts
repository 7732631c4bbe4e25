/**
 * Channels, patterns and who listens: this thread's sessions by name, and how many sessions of each other thread. A thread tells the
 * others of each change before its session hears that it is subscribed, so a PUBLISH that comes after that, on any thread,
 * counts it. Names are bytes; as keys of maps they are binary strings (one character per
 * byte), so any bytes are a name. A message is encoded once for RESP2 and once for RESP3, and its bytes are then copied
 * to each subscriber's outbox.
 *
 * Order: subscribers of the channel in the order they came, then patterns in the order they were first used.
 */
import { binaryString, bytesOf } from '../base/bytes.ts';
import { globMatches } from '../base/glob.ts';
import { Gate } from './session.ts';
import type { Outbox } from './outbox.ts';
import type { ReplyWriter } from './reply-writer.ts';
import type { Session } from './session.ts';
import type { SubscriberCount } from './threads/mail.ts';
import type { Threads } from './threads/threads.ts';

interface Subscription {
  readonly name: Uint8Array;
  readonly isPattern: boolean;
  readonly subscribers: Set<Session>;
  /** Sessions of other threads, by the thread's number; null while there are none. */
  elsewhere: Map<number, number> | null;
}

export class PubSubHub {
  private readonly channels = new Map<string, Subscription>();
  private readonly patterns = new Map<string, Subscription>();
  private readonly outbox: Outbox;
  private readonly writer: ReplyWriter;
  private readonly threads: Threads;
  /** Scratch of `publish`: whether the thread with that number has receivers. */
  private readonly reached: boolean[] = [];

  constructor(outbox: Outbox, writer: ReplyWriter, threads: Threads) {
    this.outbox = outbox;
    this.writer = writer;
    this.threads = threads;
  }

  get channelCount(): number {
    return this.channels.size;
  }

  get patternCount(): number {
    return this.patterns.size;
  }

  /** Subscribes to a channel; `name` is copied. False: the session has as many subscriptions as it may. */
  subscribe(session: Session, name: Uint8Array): boolean {
    session.channels ??= new Set();
    return this.add(this.channels, session.channels, session, name, false);
  }

  /** As `subscribe`, to all channels that match `pattern`. */
  psubscribe(session: Session, pattern: Uint8Array): boolean {
    session.patterns ??= new Set();
    return this.add(this.patterns, session.patterns, session, pattern, true);
  }

  unsubscribe(session: Session, key: string): void {
    this.tell(remove(this.channels, session.channels, session, key));
    session.setGate(Gate.subscribed, session.subscriptionCount > 0);
  }

  punsubscribe(session: Session, key: string): void {
    this.tell(remove(this.patterns, session.patterns, session, key));
    session.setGate(Gate.subscribed, session.subscriptionCount > 0);
  }

  /** Forgets all that the session subscribed to, and does not answer it. */
  removeSession(session: Session): void {
    const changed: (Subscription | null)[] = [];
    for (const key of session.channels ?? []) changed.push(remove(this.channels, null, session, key));
    for (const key of session.patterns ?? []) changed.push(remove(this.patterns, null, session, key));
    this.tell(...changed);
    session.channels = null;
    session.patterns = null;
    session.subscriptionBytes = 0;
    session.setGate(Gate.subscribed, false);
  }

  /** Sends the message and returns how many times: once for each subscription, so twice to who has channel and pattern. */
  publish(bytes: Uint8Array, nameStart: number, nameLength: number, start: number, length: number): number {
    const { reached } = this;
    reached.length = 0;
    let receivers = 0;
    this.forEachMatch(bytes, nameStart, nameLength, (subscription) => {
      receivers += subscription.subscribers.size;
      this.send(subscription, bytes, nameStart, nameLength, bytes, start, length);
      for (const [thread, count] of subscription.elsewhere ?? []) {
        receivers += count;
        reached[thread] = true;
      }
    });
    for (let thread = 0; thread < reached.length; thread += 1) {
      if (reached[thread] !== true) continue;
      const channel = copyOf(bytes, nameStart, nameLength);
      const message = copyOf(bytes, start, length);
      this.threads.send(thread, { kind: 'message', channel, message }, nameLength + length);
    }
    return receivers;
  }

  /** Sends a message that another thread's session published to this thread's sessions. */
  deliverHere(channel: Uint8Array, message: Uint8Array): void {
    this.forEachMatch(channel, 0, channel.length, (subscription) =>
      this.send(subscription, channel, 0, channel.length, message, 0, message.length),
    );
  }

  /** Thread `from` told how many of its sessions listen to these names. */
  countElsewhere(from: number, changes: readonly SubscriberCount[]): void {
    for (const { isPattern, name, count } of changes) {
      const all = isPattern ? this.patterns : this.channels;
      const key = binaryString(name, 0, name.length);
      const subscription = all.get(key) ?? addSubscription(all, key, name, isPattern);
      subscription.elsewhere ??= new Map();
      if (count > 0) subscription.elsewhere.set(from, count);
      else subscription.elsewhere.delete(from);
      if (subscription.elsewhere.size === 0) subscription.elsewhere = null;
      dropIfUnused(all, key, subscription);
    }
  }

  /** Names of channels that have a subscriber; with a pattern, those that match it. */
  channelNames(pattern: Uint8Array | null): Uint8Array[] {
    const names: Uint8Array[] = [];
    for (const { name } of this.channels.values()) {
      if (pattern === null || globMatches(pattern, 0, pattern.length, name, 0, name.length)) names.push(name);
    }
    return names;
  }

  subscriberCount(key: string): number {
    const channel = this.channels.get(key);
    if (channel === undefined) return 0;
    let count = channel.subscribers.size;
    for (const elsewhere of channel.elsewhere?.values() ?? []) count += elsewhere;
    return count;
  }

  /** The channel of that name, then the patterns that match it. */
  private forEachMatch(
    bytes: Uint8Array,
    nameStart: number,
    nameLength: number,
    act: (subscription: Subscription) => void,
  ): void {
    if (this.channels.size > 0) {
      const channel = this.channels.get(binaryString(bytes, nameStart, nameLength));
      if (channel !== undefined) act(channel);
    }
    for (const pattern of this.patterns.values()) {
      if (globMatches(pattern.name, 0, pattern.name.length, bytes, nameStart, nameLength)) act(pattern);
    }
  }

  private add(
    all: Map<string, Subscription>,
    own: Set<string>,
    session: Session,
    name: Uint8Array,
    isPattern: boolean,
  ): boolean {
    const key = binaryString(name, 0, name.length);
    if (own.has(key)) return true;
    const bytes = name.length + SUBSCRIPTION_BYTES;
    if (session.subscriptionBytes + bytes > SUBSCRIPTION_BYTES_MAX) return false;
    session.subscriptionBytes += bytes;
    const subscription = all.get(key) ?? addSubscription(all, key, Uint8Array.from(name), isPattern);
    subscription.subscribers.add(session);
    own.add(key);
    session.setGate(Gate.subscribed, true);
    this.tell(subscription);
    return true;
  }

  /** Tells the other threads how many sessions of this one listen now. */
  private tell(...changed: readonly (Subscription | null)[]): void {
    if (this.threads.count === 1) return;
    const changes: SubscriberCount[] = [];
    for (const subscription of changed) {
      if (subscription === null) continue;
      const { isPattern, name, subscribers } = subscription;
      changes.push({ isPattern, name, count: subscribers.size });
    }
    if (changes.length > 0) this.threads.sendToOthers({ kind: 'subscribers', from: this.threads.own, changes });
  }

  private send(
    subscription: Subscription,
    nameBytes: Uint8Array,
    nameStart: number,
    nameLength: number,
    bytes: Uint8Array,
    start: number,
    length: number,
  ): void {
    const { writer } = this;
    let encoded = 0;
    for (const session of subscription.subscribers) {
      if (encoded !== session.protocol) {
        encoded = session.protocol;
        writer.reset();
        writer.protocol = session.protocol;
        if (subscription.isPattern) {
          writer.push(4);
          writer.bulk(PATTERN_MESSAGE, 0, PATTERN_MESSAGE.length);
          writer.bulk(subscription.name, 0, subscription.name.length);
        } else {
          writer.push(3);
          writer.bulk(MESSAGE, 0, MESSAGE.length);
        }
        writer.bulk(nameBytes, nameStart, nameLength);
        writer.bulk(bytes, start, length);
      }
      this.outbox.deliver(session, writer.bytes, 0, writer.length);
    }
    writer.reset();
  }
}

/** What one connection's subscriptions may take, about: some ten thousands of ordinary names. */
export const SUBSCRIPTION_BYTES_MAX = 16 * 1024 * 1024;
/** What a subscription takes beside its name, about. */
const SUBSCRIPTION_BYTES = 256;
const MESSAGE = bytesOf('message');
const PATTERN_MESSAGE = bytesOf('pmessage');

function addSubscription(
  all: Map<string, Subscription>,
  key: string,
  name: Uint8Array,
  isPattern: boolean,
): Subscription {
  const subscription: Subscription = { name, isPattern, subscribers: new Set(), elsewhere: null };
  all.set(key, subscription);
  return subscription;
}

/** Returns the subscription that the session left, or null where it had none. */
function remove(
  all: Map<string, Subscription>,
  own: Set<string> | null,
  session: Session,
  key: string,
): Subscription | null {
  if (own !== null && own.delete(key)) session.subscriptionBytes -= key.length + SUBSCRIPTION_BYTES;
  const subscription = all.get(key);
  if (subscription === undefined || !subscription.subscribers.delete(session)) return null;
  dropIfUnused(all, key, subscription);
  return subscription;
}

function dropIfUnused(all: Map<string, Subscription>, key: string, subscription: Subscription): void {
  if (subscription.subscribers.size === 0 && subscription.elsewhere === null) all.delete(key);
}

function copyOf(bytes: Uint8Array, start: number, length: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, start + length));
}
