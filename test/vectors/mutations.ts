/** What can happen to the bytes of a frame: changed, added, lost, doubled, cut. Seeded, and the same for every protocol. */
import type { Random } from './random.ts';

/** `frame` with one to three changes. `tokens`: pieces that mean something in its protocol, to be put in anywhere. */
export function mutated(random: Random, frame: Buffer, tokens: readonly Buffer[]): Buffer {
  let bytes = frame;
  for (let count = 1 + random.below(3); count > 0; count -= 1) {
    const at = random.below(bytes.length);
    const head = bytes.subarray(0, at);
    switch (random.below(5)) {
      case 0:
        bytes = Buffer.concat([head, Buffer.of(random.below(256)), bytes.subarray(at + 1)]);
        break;
      case 1:
        bytes = Buffer.concat([head, random.pick(tokens), bytes.subarray(at)]);
        break;
      case 2:
        bytes = Buffer.concat([head, bytes.subarray(at + 1 + random.below(4))]);
        break;
      case 3:
        bytes = Buffer.concat([bytes, bytes.subarray(at)]);
        break;
      default:
        bytes = Buffer.concat([head, Buffer.of((bytes[at] ?? 0) ^ (1 << random.below(8))), bytes.subarray(at + 1)]);
    }
    if (bytes.length === 0) return frame;
  }
  return bytes;
}

/** The beginning of `frame`. */
export function truncated(random: Random, frame: Buffer): Buffer {
  return frame.subarray(0, 1 + random.below(frame.length - 1));
}

/** Up to five places at which the network may cut `length` bytes, ascending. */
export function randomCuts(random: Random, length: number): number[] {
  const cuts = Array.from({ length: random.below(6) }, () => random.below(length));
  return [...new Set(cuts)].filter((cut) => cut > 0).toSorted((left, right) => left - right);
}
