/** What requests that read a value make of their replies, with the client's decoder. */
import { Status } from '../protocol/shoal/frame.ts';
import { type Version, versionOf } from './answers.ts';
import { unexpectedStatus } from './reply-errors.ts';
import type { ReplyFrame } from './reply-frame.ts';
import type { Answer } from './request.ts';
import type { ValueDecoder } from './values/decoder.ts';

/** A value with what the node knows of it. */
export interface Entry<V> {
  readonly value: V;
  readonly version: Version;
  /** What is left of its time to live, in ms; null: it does not expire. */
  readonly ttlMs: number | null;
}

export class ValueAnswers<V> {
  private readonly decoder: ValueDecoder<V>;

  constructor(decoder: ValueDecoder<V>) {
    this.decoder = decoder;
  }

  readonly value: Answer = (reply) => {
    return isFound(reply) ? this.decoder.decode(reply.bytes, reply.valueStart, reply.valueEnd) : undefined;
  };

  readonly bytes: Answer = (reply) => {
    return isFound(reply) ? this.decoder.payloadOf(reply.bytes, reply.valueStart, reply.valueEnd) : undefined;
  };

  readonly entry: Answer = (reply) => {
    if (!isFound(reply)) return undefined;
    return { value: this.value(reply), version: versionOf(reply), ttlMs: reply.ttlMs };
  };
}

function isFound(reply: ReplyFrame): boolean {
  if (reply.status === Status.ok) return true;
  if (reply.status === Status.miss) return false;
  throw unexpectedStatus(reply);
}
