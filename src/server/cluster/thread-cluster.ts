/**
 * The cluster as one data thread sees it: the slot table, which is shared with the control thread and always of this moment, and
 * the topology, which comes by mail and gives the numbers in the table their addresses.
 */
import type { SlotFilter } from '../../store/slot-set.ts';
import { decodeTopology } from '../../topology/encoding.ts';
import { type ClusterNode, NO_NODE, Topology } from '../../topology/topology.ts';
import { SLOT_COUNT } from '../../topology/slots.ts';
import { OWNED, OWNER_MASK, type SlotTable } from '../../cluster/slot-table.ts';

/** What the control thread tells data threads of the cluster, beside the slot table. Plain data: it is copied on its way. */
export interface ClusterNews {
  readonly nodeId: string;
  /** As `encodeTopology` makes it; null: the same as before. */
  readonly topology: Uint8Array | null;
  /** Why the node may not serve, for people; null where it may. */
  readonly trouble: string | null;
  /** Numeric addresses of hosts that are names, as far as they are known; absent: the same as before. */
  readonly addresses?: readonly (readonly [string, string])[];
}

/** Slots that follow one another and have one owner; both ends belong to it. */
export interface OwnedRange {
  readonly first: number;
  readonly last: number;
  readonly owner: ClusterNode;
}

export class ThreadCluster implements SlotFilter {
  readonly slots: SlotTable;
  /** Under which the coordinator knows this node: 40 hexadecimal digits. It changes where a node that was removed joins again. */
  nodeId: string;
  topology: Topology;
  /** Why the node may not serve, for people, or null; as the control thread said last. */
  trouble: string | null = null;
  private addresses: ReadonlyMap<string, string> = new Map();

  /** Of a node that knows no other yet. */
  constructor(slots: SlotTable, clusterName: string) {
    this.slots = slots;
    this.nodeId = '';
    this.topology = Topology.empty(clusterName);
  }

  takeNews({ nodeId, topology, trouble, addresses }: ClusterNews): void {
    if (addresses !== undefined) this.addresses = new Map(addresses);
    this.nodeId = nodeId;
    this.trouble = trouble;
    if (topology !== null) this.topology = decodeTopology(topology);
  }

  /** What to connect to for `host`: where that is a name, the address that it leads to, if that is known. */
  addressOf(host: string): string {
    return this.addresses.get(host) ?? host;
  }

  /** This node, or null while the topology does not have it. */
  get self(): ClusterNode | null {
    return this.topology.node(this.nodeId);
  }

  /** Whether this node has `slot`: what a move has brought so far, and what was handed over, is not shown. */
  has(slot: number): boolean {
    return (this.slots.wordOf(slot) & OWNED) !== 0;
  }

  /** Who serves `slot`, a hand-over that the topology does not know yet included; null where nobody does. */
  ownerOf(slot: number): ClusterNode | null {
    const index = this.slots.wordOf(slot) & OWNER_MASK;
    return index === NO_NODE ? null : (this.topology.nodes[index] ?? null);
  }

  /** All slots that somebody serves, in order. */
  ranges(): readonly OwnedRange[] {
    const ranges: OwnedRange[] = [];
    let owner: ClusterNode | null = null;
    let first = 0;
    for (let slot = 0; slot <= SLOT_COUNT; slot += 1) {
      const next = slot < SLOT_COUNT ? this.ownerOf(slot) : null;
      if (next === owner) continue;
      if (owner !== null) ranges.push({ first, last: slot - 1, owner });
      owner = next;
      first = slot;
    }
    return ranges;
  }
}
