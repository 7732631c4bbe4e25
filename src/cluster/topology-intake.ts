/**
 * Which topologies a node takes: of its cluster, readable, and newer than what it has applied. All others change nothing, and
 * the log says why, once for each reason. Part of the agent.
 */
import { ShoalError } from '../base/errors.ts';
import { decodeTopology } from '../topology/encoding.ts';
import type { Topology } from '../topology/topology.ts';
import type { AgentOutput } from './agent-output.ts';

export interface TakenTopology {
  readonly topology: Topology;
  /** As it came. */
  readonly encoded: Uint8Array;
}

export class TopologyIntake {
  private readonly output: AgentOutput;
  /** What was taken last, as it came. */
  private taken = '';
  private refused = '';

  constructor(output: AgentOutput) {
    this.output = output;
  }

  /** The topology that a coordinator sent, where it is to be applied after `current`; else null. */
  take(base64: string, current: Topology): TakenTopology | null {
    // Equal topologies have equal encodings.
    if (base64 === this.taken) return null;
    const encoded = Buffer.from(base64, 'base64');
    const topology = readTopology(encoded);
    const reason = typeof topology === 'string' ? topology : whyNot(topology, current);
    if (typeof topology !== 'string' && reason === null) {
      this.taken = base64;
      this.refused = '';
      return { topology, encoded };
    }
    if (reason !== null && reason !== this.refused) {
      this.refused = reason;
      this.output.log('error', `the coordinator sent a topology that this node does not apply: ${reason}`);
    }
    return null;
  }
}

/** The topology, or what is wrong with it. */
function readTopology(encoded: Uint8Array): Topology | string {
  try {
    return decodeTopology(encoded);
  } catch (error) {
    if (error instanceof ShoalError) return error.message;
    throw error;
  }
}

function whyNot(topology: Topology, current: Topology): string | null {
  if (topology.cluster !== current.cluster) {
    return `it is of the cluster ${JSON.stringify(topology.cluster)}, not of ${JSON.stringify(current.cluster)}`;
  }
  if (topology.epoch > current.epoch) return null;
  if (topology.epoch === current.epoch) {
    return `it is another one of epoch ${current.epoch}; are there two coordinators?`;
  }
  return `its epoch ${topology.epoch} is older than ${current.epoch}, which this node has applied; has the coordinator lost its state?`;
}
