/** CLUSTER NODES and CLUSTER INFO: the texts that clients and people of a Redis Cluster read. */
import type { ThreadCluster } from './thread-cluster.ts';
import type { ClusterNode } from '../../topology/topology.ts';
import { replicaHost } from './replica-lists.ts';
import { SLOT_COUNT } from '../../topology/slots.ts';

/** A line for each node: id, address, flags, and the ranges of its slots. */
export function clusterNodesText(cluster: ThreadCluster, nowMs: number): string {
  const ranges = cluster.ranges();
  const { topology, nodeId } = cluster;
  const pongAtMs = Math.floor(nowMs);
  const lines = topology.nodes.map(({ id, host, port, peerPort }) => {
    const flags = id === nodeId ? 'myself,master' : 'master';
    const slots = ranges
      .filter(({ owner }) => owner.id === id)
      .map(({ first, last }) => (first === last ? ` ${first}` : ` ${first}-${last}`));
    return `${id} ${host}:${port}@${peerPort} ${flags} - 0 ${id === nodeId ? 0 : pongAtMs} ${topology.epoch} connected${slots.join('')}\n`;
  });
  return lines.join('');
}

/** A line for a node as a replica of the one of `ownerId`. */
export function replicaLine(
  { topology, nodeId }: ThreadCluster,
  { id, host, port, peerPort }: ClusterNode,
  ownerId: string,
  nowMs: number,
): string {
  const pongAtMs = id === nodeId ? 0 : Math.floor(nowMs);
  return `${id} ${replicaHost(host)}:${port}@${peerPort} slave ${ownerId} 0 ${pongAtMs} ${topology.epoch} connected`;
}

/** Redis's fields, as far as they have a meaning here, and ours, which begin with `shoal_`. */
export function clusterInfoText(cluster: ThreadCluster, monotonicMs: number): string {
  const { topology, slots, trouble, self } = cluster;
  const ranges = cluster.ranges();
  const assigned = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  const serves = slots.mayAnswer(monotonicMs);
  const owners = new Set(ranges.map(({ owner }) => owner.id));
  const fields: readonly (readonly [string, string | number])[] = [
    ['cluster_state', serves && assigned === SLOT_COUNT ? 'ok' : 'fail'],
    ['cluster_slots_assigned', assigned],
    ['cluster_slots_ok', assigned],
    ['cluster_slots_pfail', 0],
    ['cluster_slots_fail', 0],
    ['cluster_known_nodes', topology.nodes.length],
    ['cluster_size', owners.size],
    ['cluster_current_epoch', topology.epoch],
    ['cluster_my_epoch', topology.epoch],
    ['cluster_stats_messages_sent', 0],
    ['cluster_stats_messages_received', 0],
    ['total_cluster_links_buffer_limit_exceeded', 0],
    ['shoal_cluster', topology.cluster],
    ['shoal_node_state', self?.state ?? 'unknown'],
    ['shoal_may_serve', serves ? 1 : 0],
    ['shoal_trouble', trouble ?? ''],
    ['shoal_moves', topology.moves.length],
  ];
  return fields.map(([name, value]) => `${name}:${value}\r\n`).join('');
}
