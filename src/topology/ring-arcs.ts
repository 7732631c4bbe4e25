/**
 * From points to arcs: which node each hash belongs to. A hash belongs to the node whose next point, clockwise, is nearest where
 * distances are divided by the nodes' weights; of two that are equally near, to the one with the lower rank. This is the linear method of
 * Schindelhauer and Schomaker (Weighted distributed hash tables, SPAA 2005); docs/adr/0008-client-ring.md says why.
 *
 *     scaled
 *     distance        A, weight 1      B, weight 3
 *        │  ╲               ╲ ╲            ╱ each point draws a line that falls to 0 at it; a node's lines are parallel, and the
 *        │    ╲   ╲           ╲  ╲           heavier the node the flatter. The lowest line owns what is below it.
 *        └──────╲──────╲────────╲────╲──►  hash
 *     owner  A A A B B B B A A A A B B B
 *
 * The points are visited from the highest down. To the left of the point that is visited, the lowest of the lines that were met is a concave chain of segments, which
 * a stack holds, the nearest on top. A new line starts at 0 and so below the chain, and meets it once: it takes the place of the segments up to
 * there. So each point costs a step or two.
 */
import type { RingPoints } from './ring-points.ts';

const CIRCLE = 2 ** 32;

/** Of a node at a place of the points' list. */
export interface PlacedNode {
  readonly weight: number;
  /** Decides where two nodes are equally near: the lower one wins. */
  readonly rank: number;
  /** What the arcs call the node. */
  readonly index: number;
}

export interface RingArcs {
  /** The last hash of each arc, ascending; the last one is the highest hash. */
  readonly ends: Uint32Array;
  /** The node of each arc, by its index. */
  readonly owners: Uint16Array;
}

/**
 * The arcs of `points`, of which each node has one at least. `nodes` by place, ordered by weight and then by rank: so of points at one position that of the heavier node is met
 * first, and of equally heavy ones that of the higher rank.
 */
export function arcsOf(points: RingPoints, nodes: readonly PlacedNode[]): RingArcs {
  const { positions, places } = points;
  if (nodes[0]!.weight === nodes.at(-1)!.weight) return arcsOfEqual(points, nodes);
  const chain = new Chain(nodes, 2 * positions.length + nodes.length);
  for (const [place, position] of firstPoints(points, nodes.length)) chain.meet(position + CIRCLE, place);
  chain.drawFrom(CIRCLE - 1);
  for (let index = positions.length - 1; index >= 0; index -= 1) {
    chain.drawDownTo(positions[index]! + 1);
    chain.meet(positions[index]!, places[index]!);
  }
  chain.drawDownTo(0);
  return chain.arcs();
}

/** Where all weights are the same, each hash belongs to its next point: what the chain would find, at a third of its cost. */
function arcsOfEqual({ positions, places }: RingPoints, nodes: readonly PlacedNode[]): RingArcs {
  const ends = new Uint32Array(positions.length + 1);
  const owners = new Uint16Array(positions.length + 1);
  const indices = Uint16Array.from(nodes, ({ index }) => index);
  let last = -1;
  for (let point = 0; point < positions.length; point += 1) {
    const position = positions[point]!;
    // Of points at one position, the first has the lowest rank.
    if (last >= 0 && ends[last] === position) continue;
    const owner = indices[places[point]!]!;
    if (last < 0 || owners[last] !== owner) {
      last += 1;
      owners[last] = owner;
    }
    ends[last] = position;
  }
  // What lies above the highest point belongs to the lowest one.
  if (owners[last] !== owners[0] && ends[last]! < CIRCLE - 1) {
    last += 1;
    owners[last] = owners[0]!;
  }
  if (owners[last] === owners[0]) ends[last] = CIRCLE - 1;
  return { ends: ends.slice(0, last + 1), owners: owners.slice(0, last + 1) };
}

/** The lowest point of each node, in descending order: the lines that reach across the circle's end. */
function firstPoints({ positions, places }: RingPoints, nodeCount: number): readonly (readonly [number, number])[] {
  const found: (readonly [number, number])[] = [];
  const seen = new Uint8Array(nodeCount);
  for (let index = 0; index < positions.length && found.length < nodeCount; index += 1) {
    const place = places[index]!;
    if (seen[place] === 1) continue;
    seen[place] = 1;
    found.push([place, positions[index]!]);
  }
  return found.toReversed();
}

class Chain {
  private readonly nodes: readonly PlacedNode[];
  /** The segments, the nearest last: each the line of a point, and the highest hash at which it is no longer the lowest. */
  private readonly linePositions: Float64Array;
  private readonly linePlaces: Uint16Array;
  private readonly lineLimits: Float64Array;
  private depth = 0;
  /** What is drawn, the highest arc first. */
  private readonly ends: Uint32Array;
  private readonly owners: Uint16Array;
  private arcCount = 0;
  /** The highest hash that is not drawn yet. */
  private undrawn = 0;

  constructor(nodes: readonly PlacedNode[], segmentCountMax: number) {
    this.nodes = nodes;
    // Segments on the stack get heavier towards its bottom, strictly: there are no more than nodes.
    this.linePositions = new Float64Array(nodes.length + 1);
    this.linePlaces = new Uint16Array(nodes.length + 1);
    this.lineLimits = new Float64Array(nodes.length + 1);
    this.ends = new Uint32Array(segmentCountMax);
    this.owners = new Uint16Array(segmentCountMax);
  }

  /** Puts the line of a point, which is no higher than those before it, on the chain. */
  meet(position: number, place: number): void {
    const { weight, rank } = this.nodes[place]!;
    let limit = Number.NEGATIVE_INFINITY;
    while (this.depth > 0) {
      const top = this.depth - 1;
      const other = this.nodes[this.linePlaces[top]!]!;
      if (other.weight > weight) {
        // The other is as near or nearer at and below `meeting`; exactly as near at it, if that is whole.
        const numerator = position * other.weight - this.linePositions[top]! * weight;
        const denominator = other.weight - weight;
        const meeting = Math.floor(numerator / denominator);
        const isTie = meeting * denominator === numerator;
        limit = isTie && rank < other.rank ? meeting - 1 : meeting;
        if (limit > this.lineLimits[top]!) break;
        limit = Number.NEGATIVE_INFINITY;
      }
      this.depth -= 1;
    }
    if (limit >= position) return;
    this.linePositions[this.depth] = position;
    this.linePlaces[this.depth] = place;
    this.lineLimits[this.depth] = limit;
    this.depth += 1;
  }

  /** Begins to draw at the hash `highest`, and forgets the segments above it. */
  drawFrom(highest: number): void {
    while (this.lineLimits[this.depth - 1]! >= highest) this.depth -= 1;
    this.undrawn = highest;
  }

  /** Draws what is not drawn yet, down to the hash `lowest`. */
  drawDownTo(lowest: number): void {
    while (this.undrawn >= lowest) {
      const top = this.depth - 1;
      this.draw(this.nodes[this.linePlaces[top]!]!.index);
      const limit = this.lineLimits[top]!;
      if (limit >= lowest - 1) this.depth -= 1;
      this.undrawn = Math.max(limit, lowest - 1);
    }
  }

  arcs(): RingArcs {
    return {
      ends: this.ends.subarray(0, this.arcCount).toReversed(),
      owners: this.owners.subarray(0, this.arcCount).toReversed(),
    };
  }

  private draw(owner: number): void {
    if (this.arcCount > 0 && this.owners[this.arcCount - 1] === owner) return;
    this.ends[this.arcCount] = this.undrawn;
    this.owners[this.arcCount] = owner;
    this.arcCount += 1;
  }
}
