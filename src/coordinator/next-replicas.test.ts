/** The replicas of one slot in the next topology. Many slots are planned alike, and none may be for what is known of another. */
import { expect, test } from 'bun:test';
import { heartbeatOf } from '../../test/support/heartbeat.ts';
import { emptyLineage } from '../topology/slot-lineage.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import { type ClusterNode, NO_NODE, Topology } from '../topology/topology.ts';
import { Membership } from './membership.ts';
import { planNextReplicas } from './next-replicas.ts';
import { SlotBook } from './slot-book.ts';

const CLUSTER = 'test';
const EPOCH = 5;
const REPLICAS = 2;
const COLUMNS = REPLICAS + 1;
const OWNER = 0;
const STAYING = 1;
const DRAINING = 2;
const COMING = 3;
const ALL_SLOTS = [0, SLOT_COUNT - 1];

/** A cluster in which one node owns all slots and two others copy them, of which one drains, and a fourth has none. */
function openTopology(): Topology {
  const nodes = ['a', 'b', 'c', 'd'].map((digit, index): ClusterNode => {
    const { id, host, port, peerPort } = heartbeatOf({
      cluster: CLUSTER,
      digit,
      epoch: EPOCH,
      port: 7600 + index * 10,
    }).node;
    return { id, host, port, peerPort, zone: '', weight: 1, state: index === DRAINING ? 'draining' : 'active' };
  });
  const replicas = new Uint16Array(SLOT_COUNT * COLUMNS).fill(NO_NODE);
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) replicas.set([STAYING, DRAINING], slot * COLUMNS);
  const lineage = emptyLineage();
  lineage.since.fill(1);
  const owners = new Uint16Array(SLOT_COUNT).fill(OWNER);
  return Topology.of({
    cluster: CLUSTER,
    epoch: EPOCH,
    nodes,
    owners,
    replicaCount: COLUMNS,
    replicas,
    lineage,
    moves: [],
  });
}

/** All nodes have spoken; those in `wholeOf` have whole copies of these ranges of slots. */
function membershipOf(topology: Topology, wholeOf: Readonly<Record<number, readonly number[]>>): Membership {
  const membership = new Membership(2000);
  membership.elected(topology, 0);
  for (const [index, { id, port }] of topology.nodes.entries()) {
    const slots = wholeOf[index] ?? [];
    const source = topology.nodes[OWNER]!.id;
    const copies = slots.length === 0 ? [] : [{ source, through: 0, kept: false, slots }];
    const replication = { epoch: EPOCH, copies, vacant: [], streams: [] };
    membership.hear({ ...heartbeatOf({ cluster: CLUSTER, digit: id[0]!, epoch: EPOCH, port }), replication }, 1);
  }
  return membership;
}

test('a copy is given up where another node is known to be whole, and in no slot beside', () => {
  const topology = openTopology();
  const half = SLOT_COUNT / 2;
  const membership = membershipOf(topology, {
    [STAYING]: ALL_SLOTS,
    [DRAINING]: ALL_SLOTS,
    [COMING]: [0, half - 1],
  });
  const book = new SlotBook(topology, topology.nodes, COLUMNS);
  planNextReplicas(topology, book, {
    replicas: REPLICAS,
    membership,
    failedOver: new Set(),
    isLeaving: () => false,
  });
  const indexesOf = (slot: number): number[] => book.columnsOf(slot).map(({ index }) => index);
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    const expected = slot < half ? [STAYING, COMING] : [STAYING, DRAINING, COMING];
    if (indexesOf(slot).join() !== expected.join()) expect([slot, indexesOf(slot)]).toEqual([slot, expected]);
  }
  expect(indexesOf(half)).toEqual([STAYING, DRAINING, COMING]);
});
