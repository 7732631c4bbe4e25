/** What each kind of request makes of its reply. Those that need no decoder of values are here, once for all clients. */
import { ShoalError } from '../base/errors.ts';
import { INTEGER_BYTES, Status } from '../protocol/shoal/frame.ts';
import { unexpectedStatus } from './reply-errors.ts';
import type { ReplyFrame } from './reply-frame.ts';

/** Whether it was there: of a delete, an existence check, a touch. */
export function foundAnswer(reply: ReplyFrame): boolean {
  if (reply.status === Status.ok) return true;
  if (reply.status === Status.miss) return false;
  throw unexpectedStatus(reply);
}

/** Whether it was stored. */
export function storedAnswer(reply: ReplyFrame): boolean {
  switch (reply.status) {
    case Status.ok:
      return true;
    case Status.notStored:
    case Status.conflict:
    case Status.miss:
      return false;
    default:
      throw unexpectedStatus(reply);
  }
}

export function doneAnswer(reply: ReplyFrame): undefined {
  if (reply.status !== Status.ok) throw unexpectedStatus(reply);
}

/** The version that was stored, or why none was. */
export type CompareAndSetResult =
  | { readonly stored: true /** Of what was stored. */; readonly version: Version }
  | {
      readonly stored: false /** `changed`: it has another version; `missing`: there is no such key. */;
      readonly reason: 'changed' | 'missing';
    };

/** Names a value of an item: the same for equal values, another one, for all that can happen, for others. Compare and pass it only. */
export type Version = bigint & { readonly [VERSION]: true };
declare const VERSION: unique symbol;

export function compareAndSetAnswer(reply: ReplyFrame): CompareAndSetResult {
  switch (reply.status) {
    case Status.ok:
      return { stored: true, version: versionOf(reply) };
    case Status.conflict:
      return { stored: false, reason: 'changed' };
    case Status.miss:
      return { stored: false, reason: 'missing' };
    default:
      throw unexpectedStatus(reply);
  }
}

export function versionOf(reply: ReplyFrame): Version {
  const { version } = reply;
  if (version === null)
    throw new ShoalError('UnexpectedResponse', 'the node left out the version that it was asked for');
  return version as Version;
}

/** A counter's sum. */
export function sumAnswer(reply: ReplyFrame): number {
  const sum = bigSumAnswer(reply);
  const number = Number(sum);
  if (Number.isSafeInteger(number)) return number;
  throw new ShoalError(
    'Overflow',
    `the counter is now ${sum}, which a number cannot hold: ask for a bigint by adding a bigint`,
  );
}

export function bigSumAnswer(reply: ReplyFrame): bigint {
  if (reply.status !== Status.ok) throw unexpectedStatus(reply);
  if (reply.valueLength !== INTEGER_BYTES) throw new ShoalError('UnexpectedResponse', 'the node answered with no sum');
  return reply.bytes.readBigInt64LE(reply.valueStart);
}
