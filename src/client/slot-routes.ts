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

  constructor(topology: Topology) {
    this.topology = topology;
  }

  /** Indexes are those of the topology's nodes. */
  ownerOf(bytes: Uint8Array, start: number, length: number): number {
    return this.topology.ownerIndex(keySlot(bytes, start, length));
  }
}

/** Of a cluster whose topology is not known yet. */
export const NO_ROUTES: Routes = { ownerOf: () => NO_NODE };
