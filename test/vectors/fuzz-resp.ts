/** RESP for the fuzzer. Replies are not counted: pushes and CLIENT REPLY make their number a matter of the commands. */
import { Command } from '../../src/protocol/command.ts';
import { RespDecoder, type RespDecoderLimits } from '../../src/protocol/resp/decoder.ts';
import { REQUEST_MAGIC } from '../../src/protocol/shoal/frame.ts';
import type { Expectation, FuzzProtocol } from './fuzz-protocols.ts';
import type { Random } from './random.ts';
import { encodeRequest } from './resp-feed.ts';
import { fuzzInput } from './resp-mutations.ts';

export class FuzzResp implements FuzzProtocol {
  readonly name = 'resp';
  readonly opening: Buffer = Buffer.alloc(0);
  readonly probe: Buffer = Buffer.concat([encodeRequest(['PING']), encodeRequest(['INFO', 'memory'])]);
  private readonly limits: RespDecoderLimits;
  private readonly longLines: 'sent' | 'left out';
  private readonly command = new Command();

  /**
   * The limits are the node's: the decoder here must judge as the node's does. `longLines`: whether lines about as long as the limit
   * are among the inputs; Redis's verdict on those depends on how the network cuts them.
   */
  constructor(limits: RespDecoderLimits, longLines: 'sent' | 'left out') {
    this.limits = limits;
    this.longLines = longLines;
  }

  input(random: Random): Buffer {
    for (;;) {
      const input = fuzzInput(random);
      // As the first byte of a connection it would choose the other protocol.
      if (input[0] === REQUEST_MAGIC) continue;
      if (this.longLines === 'sent' || input.length <= LONG_INPUT_BYTES) return input;
    }
  }

  expect(input: Buffer): Expectation {
    const decoder = new RespDecoder(this.limits);
    let start = 0;
    for (;;) {
      const taken = decoder.decode(input, start, input.length, this.command);
      if (taken <= 0) break;
      start += taken;
    }
    const error = decoder.error === '' ? null : errorLine(decoder.error);
    return { whole: start === input.length, error, requestIds: [] };
  }

  problem(received: Buffer, { error }: Expectation): string | null {
    if (error !== null) return null;
    const end = received.toString('latin1', Math.max(0, received.length - TAIL_BYTES));
    return PROTOCOL_ERROR_END.test(end) ? 'is no protocol error, but was answered as one' : null;
  }

  hasError(received: Buffer, error: Buffer): boolean {
    return received.subarray(-error.length).equals(error);
  }

  memoryOf(received: Buffer): number | null {
    const text = received.toString('latin1');
    return text.startsWith('+PONG\r\n') ? Number(/used_memory_rss:(\d+)/.exec(text)?.[1] ?? 0) : null;
  }
}

/** The error's line on the wire: characters are bytes, and U+DC00 + byte stands for one above 0x7f. */
function errorLine(error: string): Buffer {
  return Buffer.from(`-${error}\r\n`.split('').map((character) => character.charCodeAt(0) & 0xff));
}

const LONG_INPUT_BYTES = 60_000;
const TAIL_BYTES = 4096;
const PROTOCOL_ERROR_END = /-ERR Protocol error: [^\r]*\r\n$/;
