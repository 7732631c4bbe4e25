import { describe, expect, test } from 'bun:test';
import { OWNED, SlotTable } from '../../cluster/slot-table.ts';
import { encodeTopology } from '../../topology/encoding.ts';
import { type ClusterNode, NO_NODE, Topology } from '../../topology/topology.ts';
import { SLOT_COUNT } from '../../topology/slots.ts';
import { copiedRanges, replicaHost, replicasOfNode } from './replica-lists.ts';
import { ThreadCluster } from './thread-cluster.ts';

const NODES: readonly ClusterNode[] = ['a', 'b', 'c'].map((letter, index) => ({
  id: letter.repeat(40),
  host: '10.0.0.1',
  port: 7600 + index,
  peerPort: 1,
  zone: '',
  weight: 1,
  state: 'active',
}));

/** Node 0 has the first 100 slots, of which node 1 copies the first 40 and node 2 the rest; node 1 has all others, without copies. */
function clusterOfThree(): ThreadCluster {
  const owners = Uint16Array.from({ length: SLOT_COUNT }, (_, slot) => (slot < 100 ? 0 : 1));
  const replicas = Uint16Array.from({ length: SLOT_COUNT }, (_, slot) => (slot < 40 ? 1 : slot < 100 ? 2 : NO_NODE));
  const topology = Topology.of({
    cluster: 'test',
    epoch: 1,
    nodes: NODES,
    owners,
    replicaCount: 1,
    replicas,
    moves: [],
  });
  const slots = SlotTable.create();
  const words = Int32Array.from(owners, (owner) => (owner === 0 ? OWNED : owner));
  slots.apply({ epoch: 1, selfIndex: 0, words });
  const cluster = new ThreadCluster(slots, 'test');
  cluster.takeNews({ nodeId: NODES[0]!.id, topology: encodeTopology(topology), trouble: null });
  return cluster;
}

test('ranges end where owner or replicas change', () => {
  const shown = copiedRanges(clusterOfThree()).map(({ first, last, owner, replicas }) => [
    first,
    last,
    owner.port,
    replicas.map(({ port }) => port),
  ]);
  expect(shown).toEqual([
    [0, 39, 7600, [7601]],
    [40, 99, 7600, [7602]],
    [100, SLOT_COUNT - 1, 7601, []],
  ]);
});

test('the replicas of a node are those of all of its slots, each once', () => {
  const cluster = clusterOfThree();
  expect(replicasOfNode(cluster, NODES[0]!.id).map(({ port }) => port)).toEqual([7601, 7602]);
  expect(replicasOfNode(cluster, NODES[1]!.id)).toEqual([]);
});

describe('another spelling of', () => {
  test.each([
    ['an IPv4 address', '10.0.0.1', '::ffff:10.0.0.1'],
    ['a name', 'cache-1.example', 'CACHE-1.EXAMPLE'],
    ['a name in capitals', 'CACHE', 'cache'],
    ['an IPv6 address', 'fe80::1', 'FE80::1'],
    ['an IPv6 address without letters', '2001:0:0:0:0:0:0:1', '2001:00:0:0:0:0:0:1'],
    ['the loopback', '::1', '::01'],
  ])('%s is another one', (_name, host, other) => {
    expect(replicaHost(host)).toBe(other);
  });
});
