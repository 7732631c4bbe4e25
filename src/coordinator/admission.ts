/** Who gets a lease: all but those whom it would harm to have one. */
import type { Heartbeat } from '../protocol/cluster/messages.ts';
import { NODE_COUNT_MAX } from '../topology/ring.ts';
import type { Topology } from '../topology/topology.ts';
import type { Membership } from './membership.ts';
import { addressOf } from './next-nodes.ts';

export interface AdmissionFacts {
  readonly topology: Topology;
  /** The one that is being stored, or the same. */
  readonly next: Topology;
  readonly membership: Membership;
  readonly leaseMs: number;
}

/** Why the node gets no lease, for people; null where it does. */
export function problemOf({ node, epoch, leaving, disk }: Heartbeat, facts: AdmissionFacts): string | null {
  const { topology, next, membership, leaseMs } = facts;
  const { id } = node;
  if (topology.node(id) !== null) {
    if (epoch > topology.epoch) {
      return `node ${id} has epoch ${epoch}, and what is stored here is older, ${topology.epoch}: has the coordinator lost its state?`;
    }
    if (next.node(id) !== null || leaving) return null;
    return `node ${id} is being removed: it was silent for longer than its lease`;
  }
  if (leaving) return null;
  if (epoch > 0)
    return `node ${id} is not in this cluster any more: it must drop what it has and join under another id`;
  const storedEpoch = Math.max(0, ...(disk?.copies ?? []).map(({ time }) => time));
  if (storedEpoch > topology.epoch) {
    return `node ${id} has data of epoch ${storedEpoch} on its disk, and what is stored here is older, ${topology.epoch}: has the coordinator lost its state?`;
  }
  if (topology.nodes.length >= NODE_COUNT_MAX || !membership.hasRoom(id, topology)) {
    return `the cluster has ${topology.nodes.length} nodes and others wait: there is no room for one more`;
  }
  const before = topology.nodes.find((other) => addressOf(other) === addressOf(node));
  const heard = membership.lastOf(id);
  const lastOfBefore = before === undefined ? null : membership.lastOf(before.id);
  if (before === undefined || heard === null || lastOfBefore === null) return null;
  // The one before has spoken long after this one: it is no remainder of a process that has ended.
  if (lastOfBefore.heardAtMs - heard.firstHeardAtMs < leaseMs) return null;
  return `another node, ${before.id}, is at ${addressOf(node)} and alive: give each an address of its own (--port, --announce)`;
}
