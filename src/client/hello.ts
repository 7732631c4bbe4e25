/** The greeting that opens a connection: who we are, and what the node says of itself. Its shape is the same in every version. */
import { ShoalError } from '../base/errors.ts';
import {
  HELLO_REPLY_EPOCH_BYTES,
  HELLO_REPLY_AT_KEY_BYTES_MAX,
  HELLO_REPLY_AT_VALUE_BYTES_MAX,
  HELLO_REPLY_AT_VERSION,
  HELLO_REPLY_FIXED_BYTES,
  KEY_LENGTH_MAX,
  Status,
  VERSION_MAX,
  VERSION_MIN,
} from '../protocol/shoal/frame.ts';
import type { ItemLimits } from './request-writer.ts';
import type { ReplyFrame } from './reply-frame.ts';

/** What a node says of itself when it lets us in. */
export interface Greeting extends ItemLimits {
  readonly protocolVersion: number;
  /** New for each start of the node. */
  readonly nodeId: string;
  readonly softwareVersion: string;
  /** Of the topology that it has, 0 for none; null: it is in no cluster. */
  readonly epoch: number | null;
  /** Bits of `Feature`: what it knows beyond the first nodes of its version. */
  readonly features: number;
}

/** Reads the node's answer. Throws `UnexpectedResponse` where it is not one. */
export function decodeGreeting(reply: ReplyFrame): Greeting {
  const { bytes, valueStart, valueEnd } = reply;
  if (reply.status !== Status.ok || reply.valueLength < HELLO_REPLY_FIXED_BYTES) throw malformed();
  const idStart = valueStart + HELLO_REPLY_FIXED_BYTES + 1;
  const idEnd = idStart + (bytes[idStart - 1] ?? 0);
  const versionStart = idEnd + 1;
  if (versionStart > valueEnd) throw malformed();
  const versionEnd = versionStart + bytes[versionStart - 1]!;
  if (versionEnd > valueEnd) throw malformed();
  const protocolVersion = bytes[valueStart + HELLO_REPLY_AT_VERSION]!;
  if (protocolVersion < VERSION_MIN || protocolVersion > VERSION_MAX) throw malformed();
  const hasEpoch = versionEnd + HELLO_REPLY_EPOCH_BYTES <= valueEnd;
  const featuresAt = hasEpoch ? versionEnd + HELLO_REPLY_EPOCH_BYTES : versionEnd;
  return {
    protocolVersion,
    // A header has no room for more, whatever the node says.
    keyBytesMax: Math.min(KEY_LENGTH_MAX, bytes.readUInt32LE(valueStart + HELLO_REPLY_AT_KEY_BYTES_MAX)),
    valueBytesMax: bytes.readUInt32LE(valueStart + HELLO_REPLY_AT_VALUE_BYTES_MAX),
    nodeId: bytes.toString('utf8', idStart, idEnd),
    softwareVersion: bytes.toString('utf8', versionStart, versionEnd),
    epoch: hasEpoch ? bytes.readUInt32LE(versionEnd) : null,
    features: featuresAt < valueEnd ? bytes[featuresAt]! : 0,
  };
}

function malformed(): ShoalError {
  return new ShoalError('UnexpectedResponse', 'the node answered the greeting with something else');
}
