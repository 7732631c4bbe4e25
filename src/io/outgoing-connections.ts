/** What a connection that this side opened belongs to; it has no listener. */
import type { ConnectionGroup, Scheduler, StreamConnection } from './stream-connection.ts';
import { EVENT_LOOP } from './stream-connection.ts';
import type { ConnectionHandler } from './transport.ts';

export class OutgoingConnections implements ConnectionGroup {
  readonly handler: ConnectionHandler;
  readonly lingerMsMax: number;
  readonly scheduler: Scheduler;
  readonly open = new Set<StreamConnection>();

  constructor(handler: ConnectionHandler, lingerMsMax: number, scheduler: Scheduler = EVENT_LOOP) {
    this.handler = handler;
    this.lingerMsMax = lingerMsMax;
    this.scheduler = scheduler;
  }

  onClosed(): void {
    // Nobody waits for the last one.
  }
}
