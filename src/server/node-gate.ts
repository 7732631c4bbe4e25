/**
 * Node-wide states that dispatch must look at for every command, in one number: zero, nearly always, lets a command
 * run at once. Written by `ClientPause`, `MonitorFeed`, `ThreadPersistence` and CONFIG SET, read by the dispatcher.
 */
export const NodeGateBit = {
  paused: 1,
  monitored: 2,
  /** CONFIG SET maxmemory is below what the store was made with. */
  memoryLimited: 4,
  /** More replicas are asked for than there are. */
  replicasMissing: 8,
  /** The node is in a cluster: it runs what concerns its slots, while it may. */
  clustered: 16,
  /** The disk takes nothing, and writes are refused because of that. */
  diskFailing: 32,
} as const;

export class NodeGate {
  bits = 0;

  set(bit: number, on: boolean): void {
    this.bits = on ? this.bits | bit : this.bits & ~bit;
  }
}
