/** Values as they are stored, made and damaged, for the tests of what reads them. */
import { ValueEncoder, type ValueOptions } from '../../src/client/values/encoder.ts';

/** What a client of these options stores for `value`. */
export async function storedBytes(value: unknown, options: ValueOptions<unknown> = {}): Promise<Buffer> {
  const { prefix, text, bytes } = await new ValueEncoder(options).encode(value);
  return Buffer.concat([prefix ?? new Uint8Array(0), bytes ?? Buffer.from(text!, 'utf8')]);
}

/** A copy of `bytes` in which one to three things are wrong: a byte, a bit, or the end is missing. */
export function damaged(random: () => number, bytes: Buffer): Buffer {
  const below = (limit: number): number => Math.floor(random() * limit);
  let copy = Buffer.from(bytes);
  for (let left = 1 + below(3); left > 0 && copy.length > 0; left -= 1) {
    const kind = below(5);
    const at = below(copy.length);
    if (kind === 0) copy = copy.subarray(0, at);
    else if (kind < 3) copy[at] = below(256);
    else copy[at] = copy[at]! ^ (1 << below(8));
  }
  return copy;
}
