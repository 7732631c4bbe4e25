/**
 * The topology that this client goes by, and what it makes of the topologies that nodes tell it. Pure.
 *
 * Invariants: it is of one cluster for good, that of the first topology; its epoch grows, unless the caller says that it begins anew. So a
 * node that is behind, or belongs to somebody else, changes nothing.
 */
import { ShoalError } from '../base/errors.ts';
import { decodeTopology } from '../topology/encoding.ts';
import type { Topology } from '../topology/topology.ts';

export class KnownTopology {
  topology: Topology | null = null;
  /** What stands in the header of every request; 0: none is known. */
  epoch = 0;

  /**
   * Takes the `bytes` that a node told, and returns whether they are news. `anew`: an older one counts too, as it does for a client that
   * just began. Throws a ShoalError where they are no topology, or not one to go by; then nothing has changed.
   */
  take(bytes: Uint8Array, anew: boolean): boolean {
    const told = decodeTopology(bytes);
    const { cluster, epoch } = told;
    if (epoch === 0) throw unusable('it has the epoch 0, which is none');
    if (this.topology !== null && cluster !== this.topology.cluster) {
      throw unusable(`it is of the cluster ${quote(cluster)}, and this client is in ${quote(this.topology.cluster)}`);
    }
    if (epoch < this.epoch && !anew) throw unusable(`its epoch is ${epoch}, which is older than ${this.epoch}`);
    if (epoch === this.epoch) return false;
    this.topology = told;
    this.epoch = epoch;
    return true;
  }
}

function unusable(why: string): ShoalError {
  return new ShoalError('UnexpectedResponse', `the topology that the node told is not taken: ${why}`);
}

function quote(name: string): string {
  return JSON.stringify(name);
}
