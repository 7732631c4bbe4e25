/**
 * Where the nodes of a ring have their points, and the points of all in order. A node's points follow from its id alone.
 *
 * Point n of a node, from 0 to POINTS_PER_NODE - 1, is `mix32(a + n * b)` modulo 2^32, where a is the MurmurHash3 of the id's UTF-8 with seed 0, and b that
 * with seed STEP_SEED, made odd: so no two points of a node are one.
 */
import { mix32, murmur3 } from './murmur3.ts';

/**
 * A node's share varies from ring to ring by about 1 / sqrt(POINTS_PER_NODE) of itself, 0.8%: 5% is then more than six times
 * that, which one node in billions is off by.
 */
export const POINTS_PER_NODE = 16_384;
export const STEP_SEED = 0x9e3779b9;

/** Points in ascending order; of those at one position, the one of the lower place comes first. */
export interface RingPoints {
  readonly positions: Uint32Array;
  /** Whose they are: places in the list of ids. */
  readonly places: Uint16Array;
}

/** The points of nodes with these ids, which are at most as many as 16 bits can tell apart. */
export function pointsOf(ids: readonly string[]): RingPoints {
  const count = ids.length * POINTS_PER_NODE;
  const unsorted = new Uint32Array(count);
  for (let place = 0; place < ids.length; place += 1) {
    placePoints(ids[place]!, unsorted.subarray(place * POINTS_PER_NODE, (place + 1) * POINTS_PER_NODE));
  }
  return sortPoints(unsorted);
}

function placePoints(id: string, target: Uint32Array): void {
  const bytes = Buffer.from(id, 'utf8');
  const step = murmur3(bytes, 0, bytes.length, STEP_SEED) | 1;
  let value = murmur3(bytes, 0, bytes.length, 0);
  for (let index = 0; index < target.length; index += 1) {
    target[index] = mix32(value);
    value = (value + step) | 0;
  }
}

/** Spread over the circle evenly, they are nearly in order once each is in the bucket of its top bits; the rest are a few steps by insertion. */
function sortPoints(unsorted: Uint32Array): RingPoints {
  const { length } = unsorted;
  const shift = bucketShift(length);
  const ends = bucketStarts(unsorted, shift);
  const positions = new Uint32Array(length);
  const places = new Uint16Array(length);
  // From the back, so that `ends` becomes the buckets' starts, and with strictly greater, so that equal positions keep their order.
  for (let index = length - 1; index >= 0; index -= 1) {
    const target = --ends[unsorted[index]! >>> shift]!;
    positions[target] = unsorted[index]!;
    places[target] = (index / POINTS_PER_NODE) | 0;
  }
  for (let index = 1; index < length; index += 1) {
    const position = positions[index]!;
    let at = index;
    if (positions[at - 1]! <= position) continue;
    const place = places[index]!;
    do {
      positions[at] = positions[at - 1]!;
      places[at] = places[at - 1]!;
      at -= 1;
    } while (at > 0 && positions[at - 1]! > position);
    positions[at] = position;
    places[at] = place;
  }
  return { positions, places };
}

/** How far to shift a position to get its bucket, where `count` positions get as many buckets or up to twice as many. */
export function bucketShift(count: number): number {
  return Math.min(31, Math.clz32(Math.max(0, count - 1)));
}

/** For each bucket, and one more, how many of `positions` are in the buckets up to it. */
function bucketStarts(positions: Uint32Array, shift: number): Uint32Array {
  const counts = new Uint32Array(2 ** (32 - shift));
  for (let index = 0; index < positions.length; index += 1) counts[positions[index]! >>> shift]! += 1;
  let sum = 0;
  for (let bucket = 0; bucket < counts.length; bucket += 1) {
    sum += counts[bucket]!;
    counts[bucket] = sum;
  }
  return counts;
}
