/**
 * The consistent-hash ring: which of some weighted nodes each key belongs to. All who know the same nodes agree, in whatever order they
 * list them; docs/adr/0008-client-ring.md is its specification.
 *
 * Each node's part of the hashes is in proportion to its weight, to within 5%. A node that comes takes keys from the others and nothing else
 * moves; a node that goes gives its keys to them and nothing else moves; so that at most 1.05 times its fair part moves. A ring never
 * changes: `with` and `without` make another.
 *
 * A lookup reads a table of the hash's top bits and then a few arcs. Guarded by bench/ring.ts.
 */
import { ShoalError } from '../base/errors.ts';
import { placementHash } from './hash-tag.ts';
import { arcsOf, type RingArcs } from './ring-arcs.ts';
import { bucketShift, pointsOf } from './ring-points.ts';

export interface RingNode {
  /** What places the node: text that is not empty and no other node's. */
  readonly id: string;
  /** A whole number from 1 to WEIGHT_MAX. */
  readonly weight: number;
}

export const WEIGHT_MAX = 100; /** Each node takes about 150 KB, and a millisecond when a ring is made. */
export const NODE_COUNT_MAX = 1024;

export class Ring {
  /** In the order in which they were given. */
  readonly nodes: readonly RingNode[];
  private readonly ends: Uint32Array;
  private readonly owners: Uint16Array;
  /** For each value of a hash's top bits, the first arc that reaches into it. */
  private readonly firstArcs: Uint32Array;
  private readonly shift: number;

  private constructor(nodes: readonly RingNode[]) {
    this.nodes = nodes;
    const { ends, owners } = drawArcs(nodes);
    this.ends = ends;
    this.owners = owners;
    this.shift = Math.min(31, bucketShift(ends.length) + TABLE_SHIFT);
    this.firstArcs = firstArcs(ends, this.shift);
  }

  /** The ring of `nodes`; none is allowed. Throws `InvalidOption`, which says what is wrong with them. */
  static of(nodes: readonly RingNode[]): Ring {
    if (nodes.length > NODE_COUNT_MAX) throw invalid(`${nodes.length} nodes are more than ${NODE_COUNT_MAX}`);
    const ids = new Set<string>();
    for (const { id, weight } of nodes) {
      checkNode(id, weight);
      if (ids.has(id)) throw invalid(`the node ${JSON.stringify(id)} is there twice`);
      ids.add(id);
    }
    return new Ring(nodes.map(({ id, weight }) => ({ id, weight })));
  }

  /** With one more node, at the end. Throws `InvalidOption`. */
  with(node: RingNode): Ring {
    return Ring.of([...this.nodes, node]);
  }

  /** Without the node `id`; the same ring where it has none of that id. */
  without(id: string): Ring {
    const rest = this.nodes.filter((node) => node.id !== id);
    return rest.length === this.nodes.length ? this : new Ring(rest);
  }

  /**
   * The node of the key of `length` bytes from `start`, as an index into `nodes`; where part of the key is in braces, that part decides. Throws
   * `NoAvailableNodes` where there are no nodes.
   */
  ownerOf(bytes: Uint8Array, start: number, length: number): number {
    return this.ownerOfHash(placementHash(bytes, start, length));
  }

  /** The node of a hash from 0 to 2^32 - 1. */
  ownerOfHash(hash: number): number {
    if (this.nodes.length === 0) throw new ShoalError('NoAvailableNodes', 'the ring has no nodes');
    const { ends } = this;
    let arc = this.firstArcs[hash >>> this.shift]!;
    while (ends[arc]! < hash) arc += 1;
    return this.owners[arc]!;
  }

  /** Each node's part of the hashes, in the order of `nodes`: exact, and 1 in sum. */
  shares(): Float64Array {
    const shares = new Float64Array(this.nodes.length);
    let previous = -1;
    for (let arc = 0; arc < this.ends.length; arc += 1) {
      shares[this.owners[arc]!]! += (this.ends[arc]! - previous) / HASH_COUNT;
      previous = this.ends[arc]!;
    }
    return shares;
  }

  /** The part of the hashes, from 0 to 1, whose node has another id in `other`: exact. */
  movedShare(other: Ring): number {
    if (this.nodes.length === 0 || other.nodes.length === 0) return this.nodes.length === other.nodes.length ? 0 : 1;
    const sameNode = this.nodes.map(({ id }) => other.nodes.findIndex((node) => node.id === id));
    let moved = 0;
    let previous = -1;
    for (let here = 0, there = 0; previous < HASH_COUNT - 1; ) {
      const end = Math.min(this.ends[here]!, other.ends[there]!);
      if (sameNode[this.owners[here]!] !== other.owners[there]) moved += end - previous;
      if (this.ends[here] === end) here += 1;
      if (other.ends[there] === end) there += 1;
      previous = end;
    }
    return moved / HASH_COUNT;
  }
}

function drawArcs(nodes: readonly RingNode[]): RingArcs {
  if (nodes.length === 0) return NO_ARCS;
  if (nodes.length === 1) return ONE_ARC;
  const ranked = nodes
    .map(({ id, weight }, index) => ({ id, idBytes: Buffer.from(id, 'utf8'), weight, index }))
    .toSorted((left, right) => Buffer.compare(left.idBytes, right.idBytes));
  const placed = ranked
    .map(({ id, weight, index }, rank) => ({ id, weight, index, rank }))
    .toSorted((left, right) => left.weight - right.weight || left.rank - right.rank);
  return arcsOf(pointsOf(placed.map(({ id }) => id)), placed);
}

function firstArcs(ends: Uint32Array, shift: number): Uint32Array {
  const table = new Uint32Array(2 ** (32 - shift));
  if (ends.length === 0) return table;
  let arc = 0;
  for (let bucket = 0; bucket < table.length; bucket += 1) {
    while (ends[arc]! >>> shift < bucket) arc += 1;
    table[bucket] = arc;
  }
  return table;
}

function checkNode(id: unknown, weight: unknown): void {
  if (typeof id !== 'string' || id === '') throw invalid('a node has no id');
  // Ids are compared and hashed as UTF-8, in which lone surrogates are all the same.
  if (LONE_SURROGATE.test(id)) throw invalid(`the id ${JSON.stringify(id)} is not well-formed text`);
  if (typeof weight === 'number' && Number.isInteger(weight) && weight >= 1 && weight <= WEIGHT_MAX) return;
  throw invalid(`the weight ${String(weight)} of ${id} is not a whole number from 1 to ${WEIGHT_MAX}`);
}

function invalid(problem: string): ShoalError {
  return new ShoalError('InvalidOption', `nodes: ${problem}`);
}

/**
 * The table has an entry for four to eight arcs: going through these, which lie side by side, takes less time than reading a
 * larger table, of which less is in the processor's cache.
 */
const TABLE_SHIFT = 3;
const LONE_SURROGATE = /\p{Surrogate}/u;
const HASH_COUNT = 2 ** 32;
const NO_ARCS: RingArcs = { ends: new Uint32Array(0), owners: new Uint16Array(0) };
const ONE_ARC: RingArcs = { ends: Uint32Array.of(HASH_COUNT - 1), owners: Uint16Array.of(0) };
