/**
 * What clients that track are sent, as bytes: pushes of RESP3, or, to a subscriber in RESP2 that others redirect to, a message of a channel that nobody publishes to.
 */
import { bytesOf } from '../../base/bytes.ts';
import type { Outbox } from '../outbox.ts';
import type { ReplyWriter } from '../reply-writer.ts';
import { Gate, type Session } from '../session.ts';

/** As in Redis; whoever redirects to a connection in RESP2 subscribes it to this. */
const CHANNEL = bytesOf('__redis__:invalidate');
const MESSAGE = bytesOf('message');
const INVALIDATE = bytesOf('invalidate');

/** Keys that changed, as bytes; null: all of them may have. */
export type ChangedKeys = readonly Uint8Array[] | null;

export class TrackingMessages {
  private readonly outbox: Outbox;
  private readonly writer: ReplyWriter;

  constructor(outbox: Outbox, writer: ReplyWriter) {
    this.outbox = outbox;
    this.writer = writer;
  }

  /** Tells `session` of `keys`. `isRedirected`: for another client, which may be in RESP2. Who speaks RESP2 and is not, or does not subscribe, cannot be told. */
  tell(session: Session, keys: ChangedKeys, isRedirected: boolean): void {
    const { writer } = this;
    writer.reset();
    writer.protocol = session.protocol;
    if (session.protocol === 3) {
      writer.push(2);
      writer.bulk(INVALIDATE, 0, INVALIDATE.length);
    } else if (isRedirected && (session.gates & Gate.subscribed) !== 0) {
      writer.array(3);
      writer.bulk(MESSAGE, 0, MESSAGE.length);
      writer.bulk(CHANNEL, 0, CHANNEL.length);
    } else return;
    if (keys === null) writer.nil();
    else {
      writer.array(keys.length);
      for (const key of keys) writer.bulk(key, 0, key.length);
    }
    this.send(session);
  }

  /** Tells `session` that the client `target`, which its messages were to go to, is gone. */
  tellBroken(session: Session, target: number): void {
    if (session.protocol === 2) return;
    const { writer } = this;
    writer.reset();
    writer.protocol = 3;
    writer.push(2);
    writer.bulkText('tracking-redir-broken');
    writer.integer(target);
    this.send(session);
  }

  private send(session: Session): void {
    const { writer } = this;
    this.outbox.deliver(session, writer.bytes, 0, writer.length);
    writer.reset();
  }
}
