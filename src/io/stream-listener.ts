/**
 * A listener over either runtime: which connections are open, and how closing waits for all of them.
 */
import { type ConnectionGroup, EVENT_LOOP, type Scheduler, type StreamConnection } from './stream-connection.ts';
import type { ConnectionHandler, Listener } from './transport.ts';

export class StreamListener implements Listener, ConnectionGroup {
  readonly host: string;
  readonly handler: ConnectionHandler;
  readonly lingerMsMax: number;
  readonly scheduler: Scheduler;
  readonly open = new Set<StreamConnection>();
  private boundPort = 0;
  private stop: (() => Promise<void>) | null = null;
  private stopped: Promise<void> | null = null;
  private closing: Promise<void> | null = null;
  private allClosed: (() => void) | null = null;

  constructor(host: string, handler: ConnectionHandler, lingerMsMax: number, scheduler: Scheduler = EVENT_LOOP) {
    this.host = host;
    this.handler = handler;
    this.lingerMsMax = lingerMsMax;
    this.scheduler = scheduler;
  }

  get port(): number {
    return this.boundPort;
  }

  /** The socket listens: `stop` closes it, called once, and resolves when the port is free. */
  bound(port: number, stop: () => Promise<void>): void {
    this.boundPort = port;
    this.stop = stop;
  }

  get isClosing(): boolean {
    return this.closing !== null;
  }

  stopAccepting(): void {
    this.stopped ??= this.stop === null ? Promise.resolve() : this.stop();
  }

  close(): Promise<void> {
    this.closing ??= this.closeAll();
    return this.closing;
  }

  onClosed(): void {
    if (this.open.size === 0) this.allClosed?.();
  }

  private async closeAll(): Promise<void> {
    this.stopAccepting();
    for (const connection of this.open) connection.destroy();
    if (this.open.size > 0) {
      await new Promise<void>((resolve) => {
        this.allClosed = resolve;
      });
    }
    await this.stopped;
  }
}
