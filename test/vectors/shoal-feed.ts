/** A Shoal decoder fed in whatever pieces; a frame comes out as one line of text, to compare. */
import { ShoalDecoder, type ShoalDecoderLimits } from '../../src/protocol/shoal/decoder.ts';
import { Flag } from '../../src/protocol/shoal/frame.ts';
import { Operation } from '../../src/protocol/shoal/operation.ts';
import { feedDecoder, type Transcript } from './decoder-feed.ts';

/** The requests of `input`, which arrives in chunks that end at `cuts` (ascending) and at its end. */
export function feedShoal(
  input: Uint8Array,
  cuts: readonly number[],
  limits: ShoalDecoderLimits,
  greeted = true,
): Transcript<string> {
  const decoder = new ShoalDecoder(limits);
  decoder.greeted = greeted;
  const operation = new Operation();
  const underTest = {
    decode: (bytes: Buffer, start: number, end: number) => decoder.decode(bytes, start, end, operation),
    frame: () => describeOperation(operation),
    error: () => `${decoder.status} ${decoder.requestId} ${decoder.error}`,
  };
  return feedDecoder(underTest, input, cuts, RUBBISH);
}

/** All that a decoder read, in one line. */
export function describeOperation(operation: Operation): string {
  const { version, opcode, flags, requestId, epoch, fieldsBytes, ttlMs, versionLow, versionHigh } = operation;
  const { ackWaitMs, ackReplicaCount } = operation;
  const itemVersion = (flags & Flag.version) === 0 || fieldsBytes < 8 ? '' : `${versionLow},${versionHigh}`;
  const words = Array.from({ length: operation.count }, (_, index) =>
    Buffer.from(operation.copy(index)).toString('hex'),
  );
  return [
    version,
    opcode,
    flags,
    requestId,
    epoch,
    fieldsBytes,
    ttlMs,
    itemVersion,
    ackWaitMs,
    ackReplicaCount,
    ...words,
  ].join(' ');
}

const RUBBISH = Buffer.from('a5010300ffffffff00000000ffffffffffffffff', 'hex');
