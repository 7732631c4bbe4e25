/**
 * What the ring costs and how well it shares: time of a lookup, time to make a ring, and the worst of many random clusters; and beside it what
 * it costs to find a key by its slot, as in a cluster. Only ratios within one run mean anything; the worst deviations follow from the seed alone.
 *
 *     bun bench/ring.ts [--clusters 200] [--seed 1] [--rounds 5]
 */
import { parseArgs } from 'node:util';
import { seededRandom } from '../src/base/random.ts';
import { SlotRoutes } from '../src/client/slot-routes.ts';
import { mix32 } from '../src/topology/murmur3.ts';
import { Ring, type RingNode } from '../src/topology/ring.ts';
import { SLOT_COUNT } from '../src/topology/slots.ts';
import { Topology } from '../src/topology/topology.ts';
import { movementOfLast, randomCluster, worstDeviation } from '../test/support/ring-clusters.ts';

const { values: flags } = parseArgs({
  options: {
    clusters: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
  },
});
const clusterCount = Number(flags.clusters);
const roundCount = Number(flags.rounds);

const KEY_BYTES = 32;
const KEY_COUNT = 65_536;

function clusterOf(weights: readonly number[]): RingNode[] {
  return weights.map((weight, index) => ({ id: `10.0.0.${index}:7600`, weight }));
}

const CLUSTERS: Readonly<Record<string, RingNode[]>> = {
  '2 equal nodes': clusterOf([1, 1]),
  '10 equal nodes': clusterOf(Array.from({ length: 10 }, () => 1)),
  '10 nodes, weights 1 to 100': clusterOf(Array.from({ length: 10 }, (_, index) => 1 + index * 11)),
  '50 equal nodes': clusterOf(Array.from({ length: 50 }, () => 1)),
  '50 nodes, weights 1 to 16': clusterOf(Array.from({ length: 50 }, (_, index) => 1 + ((index * 7) % 16))),
};

/** A cluster whose slots are dealt out one by one. */
function routesOf(nodes: readonly RingNode[]): SlotRoutes {
  const parts = nodes.map(({ weight }, index) => ({
    id: index.toString(16).padStart(40, '0'),
    host: `10.0.0.${index}`,
    port: 7600,
    peerPort: 17_600,
    zone: '',
    weight,
    state: 'active' as const,
  }));
  const owners = Uint16Array.from({ length: SLOT_COUNT }, (_, slot) => slot % nodes.length);
  const none = new Uint16Array(0);
  return new SlotRoutes(
    Topology.of({ cluster: 'bench', epoch: 1, nodes: parts, owners, replicaCount: 0, replicas: none, moves: [] }),
  );
}

/** The median time of `task` in ns, after one run to warm up. */
function medianNs(task: () => void): number {
  const samples: number[] = [];
  for (let round = 0; round <= roundCount; round += 1) {
    const start = process.hrtime.bigint();
    task();
    if (round > 0) samples.push(Number(process.hrtime.bigint() - start));
  }
  return samples.toSorted((left, right) => left - right)[roundCount >> 1]!;
}

const keys = Buffer.alloc(KEY_COUNT * KEY_BYTES, 'k');
for (let key = 0; key < KEY_COUNT; key += 1) keys.write(String(key).padStart(12, '0'), key * KEY_BYTES + 20);
let found = 0;

console.log(process.versions.bun === undefined ? `node ${process.versions.node}` : `bun ${process.versions.bun}`);
console.log(`${''.padEnd(28)} lookup, 32-byte key    by its slot    hash alone     make a ring    furthest share`);
for (const [name, nodes] of Object.entries(CLUSTERS)) {
  const buildNs = medianNs(() => Ring.of(nodes));
  const ring = Ring.of(nodes);
  const lookupNs = medianNs(() => {
    for (let key = 0; key < KEY_COUNT; key += 1) found += ring.ownerOf(keys, key * KEY_BYTES, KEY_BYTES);
  });
  const routes = routesOf(nodes);
  const slotNs = medianNs(() => {
    for (let key = 0; key < KEY_COUNT; key += 1) found += routes.ownerOf(keys, key * KEY_BYTES, KEY_BYTES);
  });
  const hashNs = medianNs(() => {
    for (let key = 0; key < KEY_COUNT; key += 1) found += ring.ownerOfHash(mix32(key));
  });
  const columns = [
    `${(lookupNs / KEY_COUNT).toFixed(0)} ns`.padStart(19),
    `${(slotNs / KEY_COUNT).toFixed(0)} ns`.padStart(14),
    `${(hashNs / KEY_COUNT).toFixed(0)} ns`.padStart(13),
    `${(buildNs / 1e6).toFixed(1)} ms`.padStart(15),
    `${(worstDeviation(ring) * 100).toFixed(2)}%`.padStart(17),
  ];
  console.log(`${name.padEnd(28)}${columns.join('')}`);
}

const random = seededRandom(Number(flags.seed));
let nodeCount = 0;
let deviation = 0;
let movement = 0;
let needless = 0;
for (let cluster = 0; cluster < clusterCount; cluster += 1) {
  const nodes = randomCluster(random, { nodeCountMin: 2, nodeCountMax: 50, weightMax: 16 });
  nodeCount += nodes.length;
  deviation = Math.max(deviation, worstDeviation(Ring.of(nodes)));
  const last = movementOfLast(nodes);
  movement = Math.max(movement, last.byFairPart);
  needless = Math.max(needless, last.needless);
}
console.log(
  `\n${clusterCount} random clusters of 2 to 50 nodes, weights 1 to 16, ${nodeCount} nodes in all:\n` +
    `  the share furthest from its weight  ${(deviation * 100).toFixed(2)}%\n` +
    `  most that a node moved              ${movement.toFixed(3)} of its fair part, ${needless} of all keys needlessly`,
);
if (!Number.isFinite(found)) throw new Error('no lookup was done');
