/**
 * What happens on time rather than on request: idle and stalled connections are closed, paused ones released, unused buffers
 * given back, rates sampled. One coarse tick for everything; no connection has a timer of its own.
 */
import type { DataThread } from './data-thread.ts';
import type { Clock, Log } from './environment.ts';
import type { NodeServices } from './node-services.ts';
import { Gate, Hold } from './session.ts';
import type { Session } from './session.ts';
import type { Limits } from '../config/node-options.ts';

export const TICK_INTERVAL_MS = 100;

export class ConnectionSweep {
  private readonly thread: DataThread;
  private readonly node: NodeServices;
  private readonly limits: Limits;
  private readonly clock: Clock;
  private readonly log: Log;
  private sweptAtMs: number;

  constructor(thread: DataThread, node: NodeServices, limits: Limits, log: Log) {
    this.thread = thread;
    this.node = node;
    this.limits = limits;
    this.clock = node.clock;
    this.log = log;
    this.sweptAtMs = this.clock.monotonicMs();
  }

  /** Call about every `TICK_INTERVAL_MS`. */
  tick(): void {
    const monotonicMs = this.clock.monotonicMs();
    this.node.traffic.sample(monotonicMs, this.node.statistics.totalCalls);
    this.node.topologyWaits.expire(monotonicMs);
    this.node.replicas?.sample(monotonicMs);
    this.thread.sendScheduled();
    if (this.node.pause.mode(this.clock.nowMs()) === 'none') this.thread.releasePaused();
    if (monotonicMs - this.sweptAtMs < SWEEP_INTERVAL_MS) return;
    this.sweptAtMs = monotonicMs;
    this.thread.refused.drop(monotonicMs - LINGER_MS);
    for (const session of this.node.clients.all()) this.check(session, monotonicMs);
  }

  private check(session: Session, monotonicMs: number): void {
    session.input.releaseIfUnused();
    const { idleTimeoutMs, outputStallTimeoutMs } = this.limits;
    // Nothing but what is kept from it is unsent: that is not the peer's fault.
    if (session.heldBytes > 0 && session.heldBytes === session.unsentBytes) return;
    if (session.closing) {
      if (monotonicMs - Math.max(session.activeAtMs, session.outputProgressAtMs) > LINGER_MS)
        session.connection.destroy();
      return;
    }
    if ((session.holds & Hold.output) !== 0) {
      if (outputStallTimeoutMs === 0 || monotonicMs - session.outputProgressAtMs <= outputStallTimeoutMs) return;
      this.node.traffic.outputLimitCloses += 1;
      this.log(
        'warn',
        `closing ${session.connection.remoteAddress}: it reads none of its ${session.unsentBytes} bytes of replies`,
      );
      session.connection.destroy();
      return;
    }
    // Who waits for messages is not idle, nor is who is made to wait.
    if (idleTimeoutMs === 0 || (session.gates & (Gate.subscribed | Gate.monitor)) !== 0 || session.mayBeSilent) return;
    if (monotonicMs - session.activeAtMs <= idleTimeoutMs) return;
    this.node.traffic.idleCloses += 1;
    session.connection.destroy();
  }
}

const SWEEP_INTERVAL_MS = 1000;
/** How long a connection that was told to go may take to read the rest and close. */
const LINGER_MS = 5000;
