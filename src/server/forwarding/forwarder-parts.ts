/** What a forwarder works with, and what it has the data thread do. */
import type { Limits } from '../../config/node-options.ts';
import type { Transport } from '../../io/transport.ts';
import type { ThreadCluster } from '../cluster/thread-cluster.ts';
import type { Clock, Timers } from '../environment.ts';
import type { Session } from '../session.ts';
import type { SessionOutput } from '../session-output.ts';

/** What the data thread does for it. */
export interface ForwardHost {
  /** A session that was held may go on. */
  releaseForwards(session: Session): void;
  /** Replies went to a session outside of a batch. */
  repliesSent(session: Session): void;
}

export interface ForwarderParts {
  readonly transport: Transport;
  readonly cluster: ThreadCluster;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random01: () => number;
  readonly output: SessionOutput;
  readonly limits: Limits;
  readonly password: () => string;
  /** How long the nodes of this cluster wait for replicas by themselves; 0: they do not. */
  readonly ackTimeoutMs: number;
}
