/**
 * Who sends heartbeats, since when this coordinator is elected. A node that is silent for a whole lease has lost the right to serve by its
 * own clock, because it counts from before it sent what is counted here from after it came: so its slots may be given away.
 */
import type { DiskTold, Heartbeat, NodeDescription } from '../protocol/cluster/messages.ts';
import type { ClusterNode, Topology } from '../topology/topology.ts';
import { HeardCopies, isSameCopies } from './heard-copies.ts';

/** Nodes that are remembered besides those of the topology; others are to wait. */
const APPLICANTS_MAX = 2048;

/** A node as its last heartbeat tells. */
export interface HeardNode {
  readonly heartbeat: Heartbeat;
  readonly heardAtMs: number;
  readonly firstHeardAtMs: number;
}

/** A slot and whose it is, since which epoch. */
export interface OwnedSlot {
  readonly slot: number;
  readonly owner: string;
  readonly since: number;
}

export class Membership {
  /** The longest lease that a node may still rely on. */
  leaseMs: number;
  /** Another number than before: nodes have copied slots since, or lost copies. */
  copiesVersion = 0;
  /** The same of what they say of their disks. */
  disksVersion = 0;
  private readonly heard = new Map<string, HeardNode>();
  /** Nobody is called dead before a lease has passed since then. */
  private floorMs = Number.POSITIVE_INFINITY;
  /** Epoch that each joining node is known to all nodes from. */
  private readonly joinedEpochs = new Map<string, number>();

  constructor(leaseMs: number) {
    this.leaseMs = leaseMs;
  }

  /** Who was heard before counts for nothing: another coordinator may have granted leases meanwhile. */
  elected(topology: Topology, nowMs: number): void {
    this.floorMs = nowMs;
    this.heard.clear();
    this.copiesVersion += 1;
    this.disksVersion += 1;
    this.joinedEpochs.clear();
    this.topologyStored(topology);
  }

  /** This coordinator itself did nothing for a while: what nodes have sent meanwhile is still to be read. */
  resumed(nowMs: number): void {
    this.floorMs = Math.max(this.floorMs, nowMs);
  }

  /** Whether there is room for a node that nobody knows yet. */
  hasRoom(id: string, topology: Topology): boolean {
    return this.heard.has(id) || this.heard.size < topology.nodes.length + APPLICANTS_MAX;
  }

  /** True where it says something that the last one did not. */
  hear(heartbeat: Heartbeat, nowMs: number): boolean {
    const { id } = heartbeat.node;
    const before = this.heard.get(id);
    this.heard.set(id, { heartbeat, heardAtMs: nowMs, firstHeardAtMs: before?.firstHeardAtMs ?? nowMs });
    const isCopied = !isSameCopies(before?.heartbeat.replication, heartbeat.replication);
    if (isCopied) this.copiesVersion += 1;
    const isOtherDisk = !isSameDisk(before?.heartbeat.disk, heartbeat.disk);
    if (isOtherDisk) this.disksVersion += 1;
    return before === undefined || isCopied || isOtherDisk || isNews(before.heartbeat, heartbeat);
  }

  /** Joining nodes that are in it for the first time are known from it on. */
  topologyStored(topology: Topology): void {
    for (const { id, state } of topology.nodes) {
      if (state === 'joining' && !this.joinedEpochs.has(id)) this.joinedEpochs.set(id, topology.epoch);
    }
    for (const id of this.joinedEpochs.keys()) if (topology.node(id)?.state !== 'joining') this.joinedEpochs.delete(id);
  }

  lastOf(id: string): HeardNode | null {
    return this.heard.get(id) ?? null;
  }

  /** What the node has said of its copies. */
  copiesOf(id: string): HeardCopies {
    return HeardCopies.of(this.heard.get(id)?.heartbeat.replication);
  }

  /** Whether the node is known to have a whole copy of `slot`, which follows its owner. */
  isSynced(id: string, { slot, owner, since }: OwnedSlot): boolean {
    return this.hasHeardSince(id, since) && this.copiesOf(id).isSynced(slot, owner);
  }

  /** Whether the node has such a copy, or may have: of one that was not heard lately nothing else is known. */
  mayBeSynced(id: string, { slot, owner, since }: OwnedSlot): boolean {
    return !this.hasHeardSince(id, since) || this.copiesOf(id).isSynced(slot, owner);
  }

  /** Whether the node has spoken to this coordinator when it knew of `epoch`. */
  private hasHeardSince(id: string, epoch: number): boolean {
    const heard = this.heard.get(id);
    return heard !== undefined && heard.heartbeat.epoch >= epoch;
  }

  /** ms since the last heartbeat to this coordinator; −1 where there was none. */
  silentMs(id: string, nowMs: number): number {
    const heard = this.heard.get(id);
    return heard === undefined ? -1 : Math.floor(nowMs - heard.heardAtMs);
  }

  /** Whether the node's lease may not have ended yet. */
  isAlive(id: string, nowMs: number): boolean {
    const heardAtMs = this.heard.get(id)?.heardAtMs ?? this.floorMs;
    return nowMs - Math.max(heardAtMs, this.floorMs) <= this.leaseMs;
  }

  /** Whether the node has sent a heartbeat to this coordinator, not too long ago. */
  isHeard(id: string, nowMs: number): boolean {
    return this.heard.has(id) && this.isAlive(id, nowMs);
  }

  /** Nodes that send heartbeats and are not in `topology`, the last to come first. Forgets those that have become silent. */
  applicants(topology: Topology, nowMs: number): readonly NodeDescription[] {
    const found: NodeDescription[] = [];
    for (const [id, { heartbeat }] of this.heard) {
      if (topology.node(id) !== null) continue;
      if (!this.isAlive(id, nowMs)) this.heard.delete(id);
      else if (!heartbeat.leaving) found.push(heartbeat.node);
    }
    return found.toReversed();
  }

  /** The oldest epoch that one of `nodes` has, as far as is known: all of them know of what was in it. */
  epochOfAll(nodes: readonly ClusterNode[]): number {
    let epoch = Number.POSITIVE_INFINITY;
    for (const { id } of nodes) epoch = Math.min(epoch, this.heard.get(id)?.heartbeat.epoch ?? 0);
    return epoch;
  }

  /** Whether all nodes know of the joining node `id`, where they all have `epoch` or a later one. */
  isKnownAt(id: string, epoch: number): boolean {
    return epoch >= (this.joinedEpochs.get(id) ?? Number.POSITIVE_INFINITY);
  }
}

function isNews(before: Heartbeat, after: Heartbeat): boolean {
  return (
    before.epoch !== after.epoch ||
    before.leaving !== after.leaving ||
    before.handed.length !== after.handed.length ||
    before.handed.some((id, index) => id !== after.handed[index]) ||
    before.moves.length !== after.moves.length ||
    before.moves.some(({ id, state }, index) => id !== after.moves[index]!.id || state !== after.moves[index]!.state) ||
    !isSameDescription(before.node, after.node)
  );
}

function isSameDisk(left: DiskTold | undefined, right: DiskTold | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return (
    left.dataSet === right.dataSet &&
    left.epoch === right.epoch &&
    left.copies.length === right.copies.length &&
    left.copies.every(({ time, isTaken, slots }, index) => {
      const other = right.copies[index]!;
      const isSame = other.time === time && other.isTaken === isTaken && other.slots.length === slots.length;
      return isSame && slots.every((slot, at) => slot === other.slots[at]);
    })
  );
}

/** Whether two nodes, or descriptions of them, tell the same of themselves. */
export function isSameDescription(left: NodeDescription, right: NodeDescription): boolean {
  return (
    left.host === right.host &&
    left.port === right.port &&
    left.peerPort === right.peerPort &&
    left.zone === right.zone &&
    left.weight === right.weight
  );
}
