/**
 * Restarts in order: a node that an operator wants to start again is treated as one that leaves, and told to end once it owns and copies nothing. What its operator
 * said of it counts for whoever comes at its address, since that has another id.
 */
import type { ClusterNode, Topology } from '../topology/topology.ts';
import { type ClusterSettings, type CoordinatorState, type Return, WEIGHTS_MAX } from './coordinator-state.ts';
import type { Membership } from './membership.ts';
import { addressOf, isEmpty } from './next-nodes.ts';

/** Why node `id` cannot start again without a loss, for people; null where it can. */
export function whyNoRestart(
  id: string,
  { topology, settings }: CoordinatorState,
  membership: Membership,
): string | null {
  if (topology.node(id) === null) return `there is no node ${id}`;
  if (membership.lastOf(id)?.heartbeat.restarts !== true) {
    return `node ${id} runs inside an application, or is of a version that cannot start again by itself; stop and start it by hand`;
  }
  const other = [...settings.restarting].find((one) => one !== id);
  if (other !== undefined) return `node ${other} is being restarted; one at a time, so that nothing is lost`;
  if (settings.concurrentMoves === 0) {
    return 'nothing is moved at the moment, so no node can be emptied; see shoal cluster limits --concurrent-moves';
  }
  if (topology.nodes.some((node) => node.id !== id && node.state === 'active')) return null;
  return `no other node may have the slots of node ${id} meanwhile; start one more, or stop and start it by hand, which loses what it keeps in memory`;
}

/** Whether the node is to start again and nothing would be lost with its process. */
export function isEmptied(id: string, { topology, settings }: CoordinatorState): boolean {
  return settings.restarting.has(id) && topology.node(id) !== null && isEmpty(id, topology);
}

/** Nodes whose slots go to replicas of theirs, where there are any. */
export function yieldingNodes({ failedOver, restarting }: ClusterSettings): ReadonlySet<string> {
  return restarting.size === 0 ? failedOver : new Set([...failedOver, ...restarting]);
}

/** The settings once the nodes are those of `after`. */
export function settingsAfter(
  settings: ClusterSettings,
  before: Topology,
  after: readonly ClusterNode[],
): ClusterSettings {
  const staying = new Set(after.map(({ id }) => id));
  const said = { drained: keep(settings.drained, staying), failedOver: keep(settings.failedOver, staying) };
  const returning = new Map(settings.returning);
  for (const node of before.nodes) {
    if (staying.has(node.id) || !settings.restarting.has(node.id)) continue;
    const as = returnOf(node.id, settings);
    // One that dies before it has given everything away has not gone in order, and is not called so.
    if (as !== 'active' || isEmpty(node.id, before)) returning.set(addressOf(node), as);
  }
  for (const node of after) {
    const as = before.node(node.id) === null ? returning.get(addressOf(node)) : undefined;
    if (as === undefined) continue;
    returning.delete(addressOf(node));
    if (as !== 'active') said[as].add(node.id);
  }
  for (const first of returning.keys()) {
    if (returning.size <= WEIGHTS_MAX) break;
    returning.delete(first);
  }
  return { ...settings, ...said, restarting: keep(settings.restarting, staying), returning };
}

function returnOf(id: string, { drained, failedOver }: ClusterSettings): Return {
  if (drained.has(id)) return 'drained';
  return failedOver.has(id) ? 'failedOver' : 'active';
}

function keep<T>(set: ReadonlySet<T>, wanted: ReadonlySet<T>): Set<T> {
  return new Set([...set].filter((one) => wanted.has(one)));
}
