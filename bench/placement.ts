/**
 * What the planner of slots does and costs: how even shares are, how many slots move when a node joins, leaves or gets another weight, against the least that can, and the
 * time and bytes that it takes. All but the times follow from the seed alone.
 *
 *     bun bench/placement.ts [--clusters 5] [--seed 1] [--json PATH]
 */
import { parseArgs } from 'node:util';
import { seededRandom } from '../src/base/random.ts';
import { decodeTopology, encodeTopology } from '../src/topology/encoding.ts';
import { planOwners, planReplicas } from '../src/topology/planner.ts';
import { slotRanges } from '../src/topology/slot-ranges.ts';
import { type ClusterNode, nextTopology, Topology } from '../src/topology/topology.ts';
import {
  below,
  leastTransfers,
  plannedTopology,
  randomNode,
  withTransfers,
  worstShare,
} from '../test/support/slot-clusters.ts';
import { printTable, rounded, writeJson } from './lib/report.ts';
import { median } from './lib/statistics.ts';

const { values: flags } = parseArgs({
  options: {
    clusters: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});
const clusterCount = Number(flags.clusters);
const random = seededRandom(Number(flags.seed));

const NODE_COUNTS = [10, 100, 1000];
const ZONE_COUNT = 3;
/** Of each time the median of so many, after as many to warm up. */
const ROUNDS = 5;
const CHANGE_COUNT = 100;

function newNode(): ClusterNode {
  return randomNode(random, { weight: 1 + below(random, 16), zone: `zone-${below(random, ZONE_COUNT)}` });
}

function medianMs(task: () => void): number {
  const samples: number[] = [];
  for (let round = 0; round < 2 * ROUNDS; round += 1) {
    const startMs = performance.now();
    task();
    if (round >= ROUNDS) samples.push(performance.now() - startMs);
  }
  return median(samples);
}

interface Outcome {
  readonly moved: number;
  readonly least: number;
  /** Against what would move if each node had its exact part before and after. */
  readonly byFairShare: number;
  readonly worstShare: number;
  readonly planMs: number;
}

const STORIES: Readonly<Record<string, (nodes: readonly ClusterNode[]) => readonly ClusterNode[]>> = {
  join: (nodes) => [...nodes, newNode()],
  leave: (nodes) => nodes.filter((_, index) => index !== 3),
  drain: (nodes) => nodes.map((node, index) => (index === 5 ? { ...node, state: 'draining' } : node)),
  'double weight': (nodes) => nodes.map((node, index) => (index === 7 ? { ...node, weight: node.weight * 2 } : node)),
};

function fairMovement(before: readonly ClusterNode[], after: readonly ClusterNode[]): number {
  const active = after.filter(({ state }) => state === 'active');
  const oldSum = before.reduce((sum, { weight }) => sum + weight, 0);
  const newSum = active.reduce((sum, { weight }) => sum + weight, 0);
  const old = new Map(before.map(({ id, weight }) => [id, (weight * 16_384) / oldSum]));
  return active.reduce((sum, { id, weight }) => sum + Math.max(0, (weight * 16_384) / newSum - (old.get(id) ?? 0)), 0);
}

function tell(before: Topology, nodes: readonly ClusterNode[]): Outcome {
  const changed = nextTopology(before, { nodes });
  const transfers = planOwners(changed);
  const after = withTransfers(changed, transfers);
  const active = nextTopology(after, { nodes: nodes.filter(({ state }) => state === 'active') });
  return {
    moved: transfers.length,
    least: leastTransfers(changed),
    byFairShare: transfers.length / fairMovement(before.nodes, nodes),
    worstShare: worstShare(active),
    planMs: medianMs(() => planOwners(changed)),
  };
}

function rangeCount(topology: Topology): number {
  return topology.nodes.reduce((sum, { id }) => sum + slotRanges(topology.slotsOf(id)).length, 0);
}

/** The highest of all clusters for shares, the median for the rest. */
function overall(outcomes: readonly Outcome[]): Outcome {
  const middle = (of: (outcome: Outcome) => number): number => median(outcomes.map(of));
  return {
    moved: middle(({ moved }) => moved),
    least: middle(({ least }) => least),
    byFairShare: middle(({ byFairShare }) => byFairShare),
    worstShare: Math.max(...outcomes.map((outcome) => outcome.worstShare)),
    planMs: middle(({ planMs }) => planMs),
  };
}

/** What is left of long ranges when nodes have come and gone `CHANGE_COUNT` times. */
function aged(topology: Topology): Topology {
  let after = topology;
  for (let change = 0; change < CHANGE_COUNT; change += 1) {
    const { nodes } = after;
    const gone = below(random, nodes.length);
    const now = change % 2 === 0 ? [...nodes, newNode()] : nodes.filter((_, index) => index !== gone);
    const changed = nextTopology(after, { nodes: now });
    after = withTransfers(changed, planOwners(changed));
  }
  return after;
}

console.log(process.versions.bun === undefined ? `node ${process.versions.node}` : `bun ${process.versions.bun}`);
console.log(`${clusterCount} clusters of each size, weights 1 to 16, ${ZONE_COUNT} zones, seed ${flags.seed}\n`);

const changes: (string | number)[][] = [
  ['nodes', 'change', 'moved', 'least', 'of fair', 'most for its part', 'plan ms'],
];
const sizes: (string | number)[][] = [
  [
    'nodes',
    'all at once ms',
    'nothing to do µs',
    '1 replica ms',
    'nothing to do ms',
    'ranges',
    `after ${CHANGE_COUNT} changes`,
    'encoded bytes',
    'with replica',
    'encode ms',
    'decode ms',
  ],
];
const json: unknown[] = [];
for (const nodeCount of NODE_COUNTS) {
  const clusters = Array.from({ length: clusterCount }, () => Array.from({ length: nodeCount }, newNode));
  const topologies = clusters.map((nodes) => plannedTopology(nodes));
  for (const [story, change] of Object.entries(STORIES)) {
    const outcome = overall(topologies.map((topology) => tell(topology, change(topology.nodes))));
    json.push({ nodeCount, story, ...outcome });
    changes.push([
      nodeCount,
      story,
      outcome.moved,
      outcome.least,
      rounded(outcome.byFairShare, 3),
      rounded(outcome.worstShare, 3),
      rounded(outcome.planMs, 2),
    ]);
  }
  const topology = topologies[0]!;
  const empty = nextTopology(Topology.empty('bench'), { nodes: clusters[0]! });
  const unreplicated = nextTopology(topology, { replicaCount: 1 });
  const replicated = nextTopology(unreplicated, { replicas: planReplicas(unreplicated) });
  const plain = encodeTopology(topology);
  const figures = {
    allMs: medianMs(() => planOwners(empty)),
    nothingUs: 1000 * medianMs(() => planOwners(topology)),
    replicasMs: medianMs(() => planReplicas(unreplicated)),
    noReplicasMs: medianMs(() => planReplicas(replicated)),
    ranges: rangeCount(topology),
    agedRanges: rangeCount(aged(topology)),
    bytes: plain.length,
    replicatedBytes: encodeTopology(replicated).length,
    encodeMs: medianMs(() => encodeTopology(topology)),
    decodeMs: medianMs(() => void decodeTopology(plain)),
  };
  json.push({ nodeCount, ...figures });
  sizes.push([nodeCount, ...Object.values(figures).map((figure) => rounded(figure, 2))]);
}
printTable(changes);
printTable(sizes);
writeJson(flags.json, json);
