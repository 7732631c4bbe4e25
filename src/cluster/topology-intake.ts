/** Which topologies a node takes: of its cluster, readable, and newer than what it has applied. All others change nothing. */
import { ShoalError } from '../base/errors.ts';
import { decodeTopology } from '../topology/encoding.ts';
import type { Topology } from '../topology/topology.ts';

/** `known`: it is the one that was applied already. */
export type TopologyIntake =
  | { readonly kind: 'newer'; readonly topology: Topology }
  | { readonly kind: 'known' }
  | { readonly kind: 'refused'; readonly reason: string };

/** What was applied last: of epoch 0 at first. */
export interface AppliedTopology {
  readonly topology: Topology;
  /** As it came. */
  readonly base64: string;
}

/** `base64`: what a coordinator sent. */
export function takeInTopology(base64: string, { topology: current, base64: known }: AppliedTopology): TopologyIntake {
  let topology: Topology;
  try {
    topology = decodeTopology(Buffer.from(base64, 'base64'));
  } catch (error) {
    if (error instanceof ShoalError) return { kind: 'refused', reason: error.message };
    throw error;
  }
  if (topology.cluster !== current.cluster) {
    const names = `${JSON.stringify(topology.cluster)}, not of ${JSON.stringify(current.cluster)}`;
    return { kind: 'refused', reason: `it is of the cluster ${names}` };
  }
  if (topology.epoch > current.epoch) return { kind: 'newer', topology };
  if (topology.epoch === current.epoch) {
    // Equal topologies have equal encodings.
    if (base64 === known) return { kind: 'known' };
    return { kind: 'refused', reason: `it is another one of epoch ${current.epoch}; are there two coordinators?` };
  }
  const reason = `its epoch ${topology.epoch} is older than ${current.epoch}, which this node has applied; has the coordinator lost its state?`;
  return { kind: 'refused', reason };
}
