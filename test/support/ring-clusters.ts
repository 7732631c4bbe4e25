/** Random clusters, and how far their rings are from what the ring promises: for its tests and its benchmark. */
import { Ring, type RingNode } from '../../src/topology/ring.ts';

/** `nodeCountMin` to `nodeCountMax` nodes, small clusters as often as large ones, of the weights 1 to `weightMax`. */
export function randomCluster(
  random: () => number,
  limits: { readonly nodeCountMin: number; readonly nodeCountMax: number; readonly weightMax: number },
): RingNode[] {
  const { nodeCountMin, nodeCountMax, weightMax } = limits;
  const count = Math.floor(nodeCountMin * ((nodeCountMax + 1) / nodeCountMin) ** random());
  const equal = random() < 0.3;
  return Array.from({ length: count }, (_, index) => ({
    id: `10.${Math.floor(random() * 256)}.${Math.floor(random() * 256)}.${index}:7600`,
    weight: equal ? 1 : 1 + Math.floor(random() * weightMax),
  }));
}

/** Of the node that is furthest from its part: by how much of that part, e.g. 0.05. */
export function worstDeviation(ring: Ring): number {
  const total = ring.nodes.reduce((sum, { weight }) => sum + weight, 0);
  const shares = ring.shares();
  return Math.max(...ring.nodes.map(({ weight }, index) => Math.abs((shares[index]! * total) / weight - 1)));
}

export interface Movement {
  /** Moved keys when the node came, or went, by its fair part of the keys. */
  readonly byFairPart: number;
  /** Moved keys that were not the node's before or after. */
  readonly needless: number;
}

/** What the last node of `nodes` moves where it comes to the rest, or goes from them. */
export function movementOfLast(nodes: readonly RingNode[]): Movement {
  const whole = Ring.of(nodes);
  const last = nodes.at(-1)!;
  const rest = whole.without(last.id);
  const moved = rest.movedShare(whole);
  const total = nodes.reduce((sum, { weight }) => sum + weight, 0);
  return {
    byFairPart: (moved * total) / last.weight,
    needless: Math.abs(moved - whole.shares().at(-1)!),
  };
}
