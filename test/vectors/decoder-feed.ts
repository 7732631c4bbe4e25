/**
 * Feeds a decoder as a session does, with every unkindness that the contract allows: each chunk arrives in another
 * buffer, at another offset, and what lies behind the valid bytes is rubbish that looks like protocol.
 */

/** A decoder of some protocol, on one connection. */
export interface DecoderUnderTest<Frame> {
  /** Bytes taken, 0 for more, or below 0 for an error. */
  decode(bytes: Buffer, start: number, end: number): number;
  /** The frame that was decoded last, as something to compare. */
  frame(): Frame;
  /** What is to be answered after an error. */
  error(): string;
}

export interface Transcript<Frame> {
  readonly frames: Frame[];
  readonly then: 'end' | 'more' | { readonly error: string };
  /** Calls of `decode`. */
  readonly calls: number;
}

/** The frames of `input`, which arrives in chunks that end at `cuts` (ascending) and at its end. */
export function feedDecoder<Frame>(
  decoder: DecoderUnderTest<Frame>,
  input: Uint8Array,
  cuts: readonly number[],
  rubbish: Uint8Array,
): Transcript<Frame> {
  const frames: Frame[] = [];
  let frameStart = 0;
  let calls = 0;
  for (const cut of [...cuts, input.length]) {
    const margin = cut % 7;
    const buffer = Buffer.alloc(margin + cut - frameStart + rubbish.length);
    buffer.set(input.subarray(frameStart, cut), margin);
    buffer.set(rubbish, margin + cut - frameStart);
    const end = margin + cut - frameStart;
    let start = margin;
    for (;;) {
      const taken = decoder.decode(buffer, start, end);
      calls += 1;
      if (taken < 0) return { frames, then: { error: decoder.error() }, calls };
      if (taken === 0) break;
      if (start + taken > end) throw new Error(`took ${taken} bytes of ${end - start}`);
      frames.push(decoder.frame());
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
