/** From keys to nodes: the two ways, by the ring of nodes that know nothing of each other, and by the slots of a cluster. */
import { keySlot } from '../topology/slots.ts';
import { NO_NODE, type Topology } from '../topology/topology.ts';

/** A `Ring` is one as it is. */
export interface Routes {
  /** The node of the key of `length` bytes from `start`, as an index into the list of nodes; from NO_NODE on: nobody has it for now. */
  ownerOf(bytes: Uint8Array, start: number, length: number): number;
}

export class SlotRoutes implements Routes {
  private readonly topology: Topology;
  /** Slots that nodes said they handed over, which the next topology will say too. */
  private readonly handed = new Map<number, number>();

  constructor(topology: Topology) {
    this.topology = topology;
  }

  /** Indexes are those of the topology's nodes. */
  ownerOf(bytes: Uint8Array, start: number, length: number): number {
    const slot = keySlot(bytes, start, length);
    return (this.handed.size === 0 ? undefined : this.handed.get(slot)) ?? this.topology.ownerIndex(slot);
  }

  /** How many nodes copy the key's slot, at most. */
  get copyCountMax(): number {
    return this.topology.replicaCount;
  }

  /** The copy number `n` of the key's slot, as an index of a node; from NO_NODE on: there is none. */
  copyOf(bytes: Uint8Array, start: number, length: number, n: number): number {
    const slot = keySlot(bytes, start, length);
    return this.topology.isKept(slot, n) ? NO_NODE : this.topology.replicaIndex(slot, n);
  }

  /** Until there is another topology the key's slot belongs to the node of this index; -1: to whom the topology says. */
  redirect(bytes: Uint8Array, index: number): void {
    const slot = keySlot(bytes, 0, bytes.length);
    if (index < 0) this.handed.delete(slot);
    else this.handed.set(slot, index);
  }
}

/** Of a cluster whose topology is not known yet. */
export const NO_ROUTES: Routes = { ownerOf: () => NO_NODE };
