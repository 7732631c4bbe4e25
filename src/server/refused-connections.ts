/** Connections that a node has no room for: each is told so in a line that clients of both protocols know, and has a while to go. */
import type { Connection } from '../io/transport.ts';

/** How many may wait for their peer to close; beyond it they are destroyed at once. */
const WAITING_COUNT_MAX = 256;
const TOO_MANY_CLIENTS = Buffer.from('-ERR max number of clients reached\r\n');

export class RefusedConnections {
  /** Those that were told, with the monotonic ms of that. */
  private readonly told = new Map<Connection, number>();

  turnAway(connection: Connection, monotonicMs: number): void {
    connection.write(TOO_MANY_CLIENTS, 0, TOO_MANY_CLIENTS.length);
    if (this.told.size >= WAITING_COUNT_MAX) {
      connection.destroy();
      return;
    }
    this.told.set(connection, monotonicMs);
    connection.end();
  }

  /** It is closed. */
  forget(connection: Connection): void {
    this.told.delete(connection);
  }

  /** Destroys those that were told before `beforeMs` and have not gone. */
  drop(beforeMs: number): void {
    for (const [connection, toldAtMs] of this.told) if (toldAtMs < beforeMs) connection.destroy();
  }
}
