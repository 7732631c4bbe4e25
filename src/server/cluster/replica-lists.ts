/**
 * Which nodes copy which slots, as clients of a Redis Cluster are told. There a node owns slots or is a replica of one that does, and clients go by that: they have one
 * connection for each address, and send READONLY only over those to replicas. Here most nodes are both. So a replica is listed under another spelling of its address: it leads to the same
 * place, and clients take it for a node of its own.
 */
import { isIPv4 } from 'node:net';
import { type ClusterNode, NO_NODE } from '../../topology/topology.ts';
import { SLOT_COUNT } from '../../topology/slots.ts';
import type { ThreadCluster } from './thread-cluster.ts';

/** Slots that follow one another, have one owner, and are copied by the same nodes; both ends belong to it. */
export interface CopiedRange {
  readonly first: number;
  readonly last: number;
  readonly owner: ClusterNode;
  readonly replicas: readonly ClusterNode[];
}

/** All slots that somebody serves, in order. */
export function copiedRanges(cluster: ThreadCluster): readonly CopiedRange[] {
  const { topology } = cluster;
  const ranges: CopiedRange[] = [];
  for (const { first, last, owner } of cluster.ranges()) {
    let from = first;
    for (let slot = first; slot <= last; slot += 1) {
      if (slot < last && hasSameReplicas(cluster, slot, slot + 1)) continue;
      // Between a hand-over and the topology that knows of it the new owner may be one of them.
      const replicas = topology.replicasOf(from).filter(({ id }) => id !== owner.id);
      ranges.push({ first: from, last: slot, owner, replicas });
      from = slot + 1;
    }
  }
  return ranges;
}

/** The nodes that copy slots which the node of this id serves, each once. */
export function replicasOfNode(cluster: ThreadCluster, id: string): readonly ClusterNode[] {
  const found = new Set<ClusterNode>();
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    if (cluster.ownerOf(slot)?.id !== id) continue;
    for (const replica of cluster.topology.replicasOf(slot)) if (replica.id !== id) found.add(replica);
  }
  return [...found];
}

/** Another spelling of `host`, which leads to the same place. */
export function replicaHost(host: string): string {
  if (isIPv4(host)) return `::ffff:${host}`;
  const upper = host.toUpperCase();
  if (upper !== host) return upper;
  const lower = host.toLowerCase();
  // A group of an address may have leading zeros.
  return lower === host ? host.replace(/(^|:)(\d{1,3})(?=:|$)/, '$10$2') : lower;
}

function hasSameReplicas({ topology }: ThreadCluster, one: number, other: number): boolean {
  for (let index = 0; index < topology.replicaCount; index += 1) {
    const replica = topology.replicaIndex(one, index);
    if (replica !== topology.replicaIndex(other, index)) return false;
    if (replica !== NO_NODE && topology.isKept(one, index) !== topology.isKept(other, index)) return false;
  }
  return true;
}
