/** Commands to RESP bytes, and back through the decoder in whatever pieces. */
import { Command } from '../../src/protocol/command.ts';
import { RespDecoder, type RespDecoderLimits } from '../../src/protocol/resp/decoder.ts';
import { feedDecoder, type Transcript } from './decoder-feed.ts';

export interface FeedOptions {
  readonly limits: RespDecoderLimits;
  readonly authenticated: boolean;
}

/** The frames of `input`, each as its arguments in latin1; it arrives in chunks that end at `cuts` (ascending) and at its end. */
export function feed(input: Uint8Array, cuts: readonly number[], options: FeedOptions): Transcript<string[]> {
  const decoder = new RespDecoder(options.limits);
  decoder.authenticated = options.authenticated;
  const command = new Command();
  const underTest = {
    decode: (bytes: Buffer, start: number, end: number) => decoder.decode(bytes, start, end, command),
    frame: () => argumentsOf(command),
    error: () => decoder.error,
  };
  return feedDecoder(underTest, input, cuts, RUBBISH);
}

/** A command as clients send it. */
export function encodeRequest(words: readonly (string | Uint8Array)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = typeof word === 'string' ? Buffer.from(word, 'latin1') : Buffer.from(word);
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, CRLF);
  }
  return Buffer.concat(parts);
}

function argumentsOf(command: Command): string[] {
  const words: string[] = [];
  for (let index = 0; index < command.count; index += 1) {
    words.push(Buffer.from(command.copy(index)).toString('latin1'));
  }
  return words;
}

const CRLF = Buffer.from('\r\n');
const RUBBISH = Buffer.from('\r\n1\r\n$1\r\n');
