/** What a node's error reply means to the caller: one table from the statuses of the protocol to the codes of errors. */
import { type ErrorCode, ShoalError } from '../base/errors.ts';
import { Status } from '../protocol/shoal/frame.ts';
import type { ReplyFrame } from './reply-frame.ts';

const CODES: Readonly<Record<number, ErrorCode>> = {
  [Status.badRequest]: 'ServerError',
  [Status.unknownOpcode]: 'ServerError',
  [Status.unsupportedVersion]: 'ConnectFailed',
  [Status.unauthenticated]: 'Unauthenticated',
  [Status.keyTooLong]: 'TooLarge',
  [Status.valueTooLong]: 'TooLarge',
  [Status.outOfMemory]: 'OutOfMemory',
  [Status.notAnInteger]: 'NotAnInteger',
  [Status.overflow]: 'Overflow',
  [Status.refused]: 'ServerError',
  [Status.moved]: 'ServerError',
  [Status.tryAgain]: 'NoAvailableNodes',
  [Status.clusterDown]: 'NoAvailableNodes',
  [Status.notReplicated]: 'NotReplicated',
};

/** Whether the node did nothing because the slot is not its own, or not for now: the request may be sent again, whatever it is. */
export function isNotServed(status: number): boolean {
  return status === Status.moved || status === Status.tryAgain || status === Status.clusterDown;
}

/** The error of a reply whose `isError` is true. Its message is the node's text. */
export function errorOfReply(reply: ReplyFrame, node: string): ShoalError {
  const code = CODES[reply.status];
  if (code === undefined) {
    return new ShoalError(
      'UnexpectedResponse',
      `${node} answered with the unknown status ${reply.status}: ${reply.errorText}`,
      { node },
    );
  }
  const { replicaCount } = reply;
  return new ShoalError(code, reply.errorText, replicaCount === null ? { node } : { node, replicaCount });
}

/** The answer has a status that this request cannot have. */
export function unexpectedStatus(reply: ReplyFrame): ShoalError {
  return new ShoalError(
    'UnexpectedResponse',
    `the node answered with status ${reply.status}, which this request does not have`,
  );
}
