/**
 * Channels, patterns and who listens. Names are bytes; as keys of maps they are binary strings (one character per
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

interface Subscription {
  readonly name: Uint8Array;
  readonly subscribers: Set<Session>;
}

export class PubSubHub {
  private readonly channels = new Map<string, Subscription>();
  private readonly patterns = new Map<string, Subscription>();
  private readonly outbox: Outbox;
  private readonly writer: ReplyWriter;

  constructor(outbox: Outbox, writer: ReplyWriter) {
    this.outbox = outbox;
    this.writer = writer;
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
    return add(this.channels, session.channels, session, name);
  }

  /** As `subscribe`, to all channels that match `pattern`. */
  psubscribe(session: Session, pattern: Uint8Array): boolean {
    session.patterns ??= new Set();
    return add(this.patterns, session.patterns, session, pattern);
  }

  unsubscribe(session: Session, key: string): void {
    remove(this.channels, session.channels, session, key);
    session.setGate(Gate.subscribed, session.subscriptionCount > 0);
  }

  punsubscribe(session: Session, key: string): void {
    remove(this.patterns, session.patterns, session, key);
    session.setGate(Gate.subscribed, session.subscriptionCount > 0);
  }

  /** Forgets all that the session subscribed to, and tells nobody. */
  removeSession(session: Session): void {
    if (session.channels !== null) for (const key of session.channels) remove(this.channels, null, session, key);
    if (session.patterns !== null) for (const key of session.patterns) remove(this.patterns, null, session, key);
    session.channels = null;
    session.patterns = null;
    session.subscriptionBytes = 0;
    session.setGate(Gate.subscribed, false);
  }

  /** Sends the message and returns how many times: once for each subscription, so twice to who has channel and pattern. */
  publish(bytes: Uint8Array, nameStart: number, nameLength: number, start: number, length: number): number {
    let receivers = 0;
    if (this.channels.size > 0) {
      const channel = this.channels.get(binaryString(bytes, nameStart, nameLength));
      if (channel !== undefined) {
        receivers += channel.subscribers.size;
        this.send(channel, null, bytes, nameStart, nameLength, start, length);
      }
    }
    for (const pattern of this.patterns.values()) {
      if (!globMatches(pattern.name, 0, pattern.name.length, bytes, nameStart, nameLength)) continue;
      receivers += pattern.subscribers.size;
      this.send(pattern, pattern.name, bytes, nameStart, nameLength, start, length);
    }
    return receivers;
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
    return this.channels.get(key)?.subscribers.size ?? 0;
  }

  private send(
    subscription: Subscription,
    pattern: Uint8Array | null,
    bytes: Uint8Array,
    nameStart: number,
    nameLength: number,
    start: number,
    length: number,
  ): void {
    let encoded = 0;
    for (const session of subscription.subscribers) {
      if (encoded !== session.protocol) {
        this.encode(session.protocol, pattern, bytes, nameStart, nameLength, start, length);
        encoded = session.protocol;
      }
      this.outbox.deliver(session, this.writer.bytes, 0, this.writer.length);
    }
    this.writer.reset();
  }

  private encode(
    protocol: 2 | 3,
    pattern: Uint8Array | null,
    bytes: Uint8Array,
    nameStart: number,
    nameLength: number,
    start: number,
    length: number,
  ): void {
    const { writer } = this;
    writer.reset();
    writer.protocol = protocol;
    if (pattern === null) {
      writer.push(3);
      writer.bulk(MESSAGE, 0, MESSAGE.length);
    } else {
      writer.push(4);
      writer.bulk(PATTERN_MESSAGE, 0, PATTERN_MESSAGE.length);
      writer.bulk(pattern, 0, pattern.length);
    }
    writer.bulk(bytes, nameStart, nameLength);
    writer.bulk(bytes, start, length);
  }
}

/** What one connection's subscriptions may take, about: some ten thousands of ordinary names. */
export const SUBSCRIPTION_BYTES_MAX = 16 * 1024 * 1024;
/** What a subscription takes beside its name, about. */
const SUBSCRIPTION_BYTES = 256;
const MESSAGE = bytesOf('message');
const PATTERN_MESSAGE = bytesOf('pmessage');

function add(all: Map<string, Subscription>, own: Set<string>, session: Session, name: Uint8Array): boolean {
  const key = binaryString(name, 0, name.length);
  if (own.has(key)) return true;
  const bytes = name.length + SUBSCRIPTION_BYTES;
  if (session.subscriptionBytes + bytes > SUBSCRIPTION_BYTES_MAX) return false;
  session.subscriptionBytes += bytes;
  let subscription = all.get(key);
  if (subscription === undefined) {
    subscription = { name: Uint8Array.from(name), subscribers: new Set() };
    all.set(key, subscription);
  }
  subscription.subscribers.add(session);
  own.add(key);
  session.setGate(Gate.subscribed, true);
  return true;
}

function remove(all: Map<string, Subscription>, own: Set<string> | null, session: Session, key: string): void {
  if (own !== null && own.delete(key)) session.subscriptionBytes -= key.length + SUBSCRIPTION_BYTES;
  const subscription = all.get(key);
  if (subscription === undefined) return;
  subscription.subscribers.delete(session);
  if (subscription.subscribers.size === 0) all.delete(key);
}
