/**
 * The ring on which slots meet nodes. Slots stand around it in their order, evenly; each node has points on it, in proportion to its weight, that follow from its id alone.
 * A slot walks clockwise and takes the first node that has room. So slots that follow one another mostly get the same node, and ranges are long.
 *
 *     0 ──── slot 1 ──── slot 2 ── ● B ── slot 3 ── ● A ── … ── 2^32
 *               └───────────┴───────┘        └───────┘
 *
 * Point n of a node is `mix32(a + n * b)`, with a and b from the MurmurHash3 of its id, b odd. Shares do not depend on where points are, because the planner says how much
 * room a node has; so a few points are enough, unlike on the client's ring.
 */
import { mix32, murmur3 } from './murmur3.ts';
import { SLOT_COUNT } from './slots.ts';

/** A node on the ring. */
export interface SlotRingNode {
  readonly id: string;
  readonly weight: number;
  /** What the ring calls it. */
  readonly index: number;
}

export class SlotRing {
  /** Of each point, clockwise from position 0, and its node's index. */
  readonly positions: Uint32Array;
  readonly owners: Uint16Array;
  /** The first point that is not before a slot, for each slot; the number of points where there is none. */
  private readonly firsts: Uint32Array;

  private constructor({ positions, owners, firsts }: SortedPoints) {
    this.positions = positions;
    this.owners = owners;
    this.firsts = firsts;
  }

  /** One node at least, and `pointsPerWeight` points for each unit of weight. */
  static of(nodes: readonly SlotRingNode[], pointsPerWeight: number): SlotRing {
    const pointCount = nodes.reduce((sum, { weight }) => sum + weight * pointsPerWeight, 0);
    const unsorted = new Uint32Array(pointCount);
    const unsortedOwners = new Uint16Array(pointCount);
    let at = 0;
    for (const { id, weight, index } of nodes) {
      const bytes = Buffer.from(id, 'utf8');
      const step = murmur3(bytes, 0, bytes.length, STEP_SEED) | 1;
      let value = murmur3(bytes, 0, bytes.length, 0);
      for (const end = at + weight * pointsPerWeight; at < end; at += 1) {
        unsorted[at] = mix32(value);
        unsortedOwners[at] = index;
        value = (value + step) | 0;
      }
    }
    return new SlotRing(sorted(unsorted, unsortedOwners));
  }

  /** The point at which the walk of `slot` begins. */
  firstPoint(slot: number): number {
    const point = this.firsts[slot]!;
    return point === this.positions.length ? 0 : point;
  }

  /** How far each slot has to its first point: 0 to 2^32 - 1, where two slots have SLOT_STEP between them. */
  distances(): Float64Array {
    const distances = new Float64Array(SLOT_COUNT);
    let next = this.positions[0]! + CIRCLE;
    for (let slot = SLOT_COUNT - 1; slot >= 0; slot -= 1) {
      const point = this.firsts[slot]!;
      if (point < this.positions.length) next = this.positions[point]!;
      distances[slot] = next - slot * SLOT_STEP;
    }
    return distances;
  }
}

interface SortedPoints {
  readonly positions: Uint32Array;
  readonly owners: Uint16Array;
  readonly firsts: Uint32Array;
}

/** By the slot before each point, and then, as few are between two slots, by insertion. Of points at one position, that of the node that was given first is first. */
function sorted(unsorted: Uint32Array, unsortedOwners: Uint16Array): SortedPoints {
  const pointCount = unsorted.length;
  const positions = new Uint32Array(pointCount);
  const owners = new Uint16Array(pointCount);
  const starts = new Uint32Array(SLOT_COUNT + 1);
  for (let at = 0; at < pointCount; at += 1) starts[slotBefore(unsorted[at]!) + 1]! += 1;
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) starts[slot + 1]! += starts[slot]!;
  const ends = starts.slice();
  for (let at = 0; at < pointCount; at += 1) {
    const position = unsorted[at]!;
    const slot = slotBefore(position);
    let place = ends[slot]!;
    ends[slot] = place + 1;
    for (const first = starts[slot]!; place > first && positions[place - 1]! > position; place -= 1) {
      positions[place] = positions[place - 1]!;
      owners[place] = owners[place - 1]!;
    }
    positions[place] = position;
    owners[place] = unsortedOwners[at]!;
  }
  return { positions, owners, firsts: starts };
}

function slotBefore(position: number): number {
  return position >>> SLOT_SHIFT;
}

const CIRCLE = 2 ** 32;
const SLOT_SHIFT = 18;
export const SLOT_STEP: number = 2 ** SLOT_SHIFT;
const STEP_SEED = 0x9e3779b9;
