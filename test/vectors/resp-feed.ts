/**
 * Feeds a decoder as a session does, with every unkindness that the contract allows: each chunk arrives in another
 * buffer, at another offset, and what lies behind the valid bytes is rubbish that looks like protocol.
 */
import { Command } from '../../src/protocol/command.ts';
import { RespDecoder, type RespDecoderLimits } from '../../src/protocol/resp/decoder.ts';

export interface Transcript {
  /** Arguments of each frame, as latin1. */
  readonly frames: string[][];
  readonly then: 'end' | 'more' | { readonly error: string };
  /** Calls of `decode`. */
  readonly calls: number;
}

export interface FeedOptions {
  readonly limits: RespDecoderLimits;
  readonly authenticated: boolean;
}

/** The frames of `input`, which arrives in chunks that end at `cuts` (ascending) and at its end. */
export function feed(input: Uint8Array, cuts: readonly number[], options: FeedOptions): Transcript {
  const decoder = new RespDecoder(options.limits);
  decoder.authenticated = options.authenticated;
  const command = new Command();
  const frames: string[][] = [];
  let frameStart = 0;
  let calls = 0;
  for (const cut of [...cuts, input.length]) {
    const margin = cut % 7;
    const buffer = Buffer.alloc(margin + cut - frameStart + RUBBISH.length);
    buffer.set(input.subarray(frameStart, cut), margin);
    buffer.set(RUBBISH, margin + cut - frameStart);
    const end = margin + cut - frameStart;
    let start = margin;
    for (;;) {
      const taken = decoder.decode(buffer, start, end, command);
      calls += 1;
      if (taken < 0) return { frames, then: { error: decoder.error }, calls };
      if (taken === 0) break;
      if (start + taken > end) throw new Error(`took ${taken} bytes of ${end - start}`);
      frames.push(argumentsOf(command));
      start += taken;
      frameStart += taken;
    }
  }
  return { frames, then: frameStart === input.length ? 'end' : 'more', calls };
}

/** Cuts after every byte. */
export function everyByte(length: number): number[] {
  return Array.from({ length: Math.max(0, length - 1) }, (_, index) => index + 1);
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
