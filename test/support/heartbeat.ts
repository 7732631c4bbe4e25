/** The heartbeat of a node that has nothing and wants nothing, for tests of a coordinator over its port. */
import type { Heartbeat } from '../../src/protocol/cluster/messages.ts';

export interface HeartbeatFields {
  readonly cluster: string;
  /** The node's id is this, forty times. */
  readonly digit: string;
  /** Of the topology that it has applied. */
  readonly epoch: number;
  /** Where clients reach it; other nodes do at the next one. */
  readonly port: number;
}

export function heartbeatOf({ cluster, digit, epoch, port }: HeartbeatFields): Heartbeat {
  return {
    type: 'heartbeat',
    cluster,
    node: { id: digit.repeat(40), host: '127.0.0.1', port, peerPort: port + 1, zone: '', weight: 1 },
    epoch,
    leaving: false,
    moves: [],
    handed: [],
    figures: { items: 0, bytes: 0, memoryBytes: 0 },
  };
}
