/** The two ways in which replies of a data thread wait for replicas: RESP has an order to keep, the Shoal protocol has not. */
import type { SlotTable } from '../../cluster/slot-table.ts';
import type { Limits, NodeOptions } from '../../config/node-options.ts';
import type { Clock } from '../environment.ts';
import type { SessionOutput } from '../session-output.ts';
import { BatchAcks } from './batch-acks.ts';
import { DetachedAcks } from './detached-acks.ts';
import type { ThreadReplicas } from './thread-replicas.ts';

export interface ThreadAcks {
  /** Null where the node demands nothing (`--ack 0`). */
  readonly batch: BatchAcks | null;
  readonly detached: DetachedAcks;
}

export interface ThreadAckParts {
  readonly replicas: ThreadReplicas;
  readonly options: NodeOptions;
  readonly limits: Limits;
  readonly output: SessionOutput;
  readonly clock: Clock;
  readonly slots: SlotTable;
}

export function threadAcks({ replicas, options, limits, output, clock, slots }: ThreadAckParts): ThreadAcks {
  const { ackReplicas, ackTimeoutMs } = options.cluster;
  const demand = ackReplicas === 0 ? null : { replicaCount: ackReplicas, timeoutMs: ackTimeoutMs };
  const detached = new DetachedAcks({
    replicas,
    demand,
    output,
    limits,
    monotonicMs: () => clock.monotonicMs(),
    mayAnswer: (monotonicMs) => slots.mayAnswer(monotonicMs),
  });
  return { batch: demand === null ? null : new BatchAcks(replicas, demand), detached };
}
