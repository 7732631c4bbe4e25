/** The Shoal protocol for the fuzzer: every whole frame, however senseless, has one reply with its id. */
import { ShoalDecoder, type ShoalDecoderLimits } from '../../src/protocol/shoal/decoder.ts';
import {
  AT_FLAGS,
  AT_KEY_LENGTH,
  AT_REQUEST_ID,
  AT_STATUS,
  AT_VALUE_LENGTH,
  Flag,
  HEADER_BYTES,
  REPLY_MAGIC,
} from '../../src/protocol/shoal/frame.ts';
import { Operation } from '../../src/protocol/shoal/operation.ts';
import { callWords, decodeReplies, encodeFrame, encodeHello } from '../support/shoal-frames.ts';
import type { Expectation, FuzzProtocol } from './fuzz-protocols.ts';
import type { Random } from './random.ts';
import { shoalInput } from './shoal-mutations.ts';

/** What a reply may have. */
const REPLY_FLAGS: number = Flag.ttl | Flag.version | Flag.ack;

export class FuzzShoal implements FuzzProtocol {
  readonly name = 'shoal';
  readonly opening: Buffer = encodeHello({}, OPENING_ID);
  readonly probe: Buffer = Buffer.concat([
    encodeFrame({ opcode: 'ping', requestId: 1, value: PONG }),
    encodeFrame({ opcode: 'call', requestId: 2, value: callWords(['INFO', 'memory']) }),
  ]);
  private readonly limits: ShoalDecoderLimits;
  private readonly operation = new Operation();

  /** The limits are the node's: the decoder here must judge as the node's does. */
  constructor(limits: ShoalDecoderLimits) {
    this.limits = limits;
  }

  input(random: Random): Buffer {
    return shoalInput(random);
  }

  expect(input: Buffer): Expectation {
    const decoder = new ShoalDecoder(this.limits);
    const requestIds: number[] = [];
    let start = 0;
    for (;;) {
      const taken = decoder.decode(input, start, input.length, this.operation);
      if (taken === 0) return { whole: start === input.length, error: null, requestIds };
      if (taken < 0) {
        requestIds.push(decoder.requestId);
        const error = errorFrame(decoder.status, decoder.requestId, decoder.error);
        return { whole: false, error, requestIds };
      }
      requestIds.push(this.operation.requestId);
      start += taken;
    }
  }

  problem(received: Buffer, { requestIds, error }: Expectation, cut: boolean): string | null {
    const ids = [OPENING_ID, ...requestIds];
    let at = 0;
    let count = 0;
    while (at < received.length) {
      if (received[at] !== REPLY_MAGIC) return `was answered with no reply at byte ${at}`;
      if (received.length - at < HEADER_BYTES) return cut ? null : 'was answered with a cut header';
      const end = at + frameBytes(received, at);
      if (end > received.length) return cut ? null : 'was answered with a cut reply';
      const id = received.readUInt32LE(at + AT_REQUEST_ID);
      if (id !== ids[count]) return `reply ${count} is for ${id}, not ${ids[count]}`;
      const isOdd = (received[at + AT_FLAGS]! & ~REPLY_FLAGS) !== 0 || received.readUInt16LE(at + AT_KEY_LENGTH) !== 0;
      if (isOdd) return 'was answered oddly';
      count += 1;
      at = end;
    }
    if (count === ids.length || cut) return null;
    return `was answered with ${count} replies in place of ${ids.length}${error === null ? '' : ', an error among them'}`;
  }

  hasError(received: Buffer, error: Buffer): boolean {
    return received.subarray(-error.length).equals(error);
  }

  memoryOf(received: Buffer): number | null {
    const [hello, pong, memory] = decodeReplies(received);
    if (hello?.status !== 'ok' || pong?.value.toString() !== PONG || memory?.status !== 'ok') return null;
    return Number(/used_memory_rss:(\d+)/.exec(memory.value.toString())?.[1] ?? 0);
  }
}

function frameBytes(bytes: Buffer, at: number): number {
  return HEADER_BYTES + bytes.readUInt16LE(at + AT_KEY_LENGTH + 2) + bytes.readUInt32LE(at + AT_VALUE_LENGTH);
}

function errorFrame(status: number, requestId: number, text: string): Buffer {
  const value = Buffer.from(text);
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = REPLY_MAGIC;
  header[1] = 1;
  header[AT_STATUS] = status;
  header.writeUInt32LE(requestId, AT_REQUEST_ID);
  header.writeUInt32LE(value.length, AT_VALUE_LENGTH);
  return Buffer.concat([header, value]);
}

const OPENING_ID = 0xffff_fff0;
const PONG = 'pong';
