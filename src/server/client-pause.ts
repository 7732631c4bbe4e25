/**
 * CLIENT PAUSE: until a moment, no command runs, or no command that writes. Held-back connections keep their requests
 * unread; whoever owns them asks here whether to go on.
 */
import { NodeGateBit } from './node-gate.ts';
import type { NodeGate } from './node-gate.ts';

export type PauseMode = 'none' | 'write' | 'all';

export class ClientPause {
  private readonly gate: NodeGate;
  private current: PauseMode = 'none';
  private untilMs = 0;

  constructor(gate: NodeGate) {
    this.gate = gate;
  }

  /** Pauses until `untilMs`. Of a pause in force, what is longer or stricter stays, as in Redis. */
  pause(mode: 'write' | 'all', untilMs: number): void {
    if (this.current !== 'all') this.current = mode;
    this.untilMs = Math.max(this.untilMs, untilMs);
    this.gate.set(NodeGateBit.paused, true);
  }

  unpause(): void {
    this.current = 'none';
    this.untilMs = 0;
    this.gate.set(NodeGateBit.paused, false);
  }

  mode(nowMs: number): PauseMode {
    if (this.current !== 'none' && nowMs >= this.untilMs) this.unpause();
    return this.current;
  }
}
