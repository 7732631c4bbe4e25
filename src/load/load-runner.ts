/**
 * Runs phases of a load over a set of connections that stay open: preload, warm-up, the run that is measured. It opens the
 * connections, paces an open loop, opens again what was lost, and tells why a phase ended. One runner, one thread.
 *
 * No phase hangs: a reply that does not come is given up after `timeoutMs`, a lost connection is tried again
 * RECONNECTS_MAX times, and a phase without any connection left ends.
 */
import { ShoalError } from '../base/errors.ts';
import type { OpenSocket } from '../client/tcp-socket.ts';
import { type ConnectionHost, LoadConnection } from './load-connection.ts';
import { LoadFigures } from './load-figures.ts';
import { LoadMeter, type MeterReading } from './load-meter.ts';
import { PreloadSource, type OperationSource } from './operation-source.ts';
import { ItemWriter, type ItemShape, type RequestEncoder } from './request-encoder.ts';
import { SendBuffers } from './send-buffers.ts';
import type { Greeting, LoadCredentials } from './greeting.ts';
import type { LoadProtocol } from './wire.ts';

/** Tries in a row to open a lost connection again, and how long before each; the last delay holds for all further ones. */
const RECONNECTS_MAX = 5;
const RECONNECT_DELAYS_MS = [50, 100, 200, 400, 800] as const;
/** Connections that are being opened at the same time: below the backlog that servers listen with. */
const OPENING_MAX = 128;
/** How often timeouts are looked for, and progress is told. */
const SWEEP_MS = 100;
/** A timer may come so late; nearer to its time than that, an operation is waited for without sleeping. */
const TIMER_SLACK_MS = 2;

export interface RunnerOptions {
  readonly host: string;
  readonly port: number;
  readonly protocol: LoadProtocol;
  readonly credentials: LoadCredentials;
  readonly connections: number;
  /** Requests in flight on each connection. */
  readonly depth: number;
  readonly shape: ItemShape;
  /** Longest wait for a connection, or for a byte of a reply that is due. */
  readonly timeoutMs: number;
  readonly openSocket: OpenSocket;
}

/** Why a phase ended: all was done, somebody asked for it, or no connection is left. */
export type PhaseEnd = 'complete' | 'interrupted' | 'connectionsLost';

export interface PhaseResult extends MeterReading {
  readonly end: PhaseEnd;
  readonly figures: LoadFigures;
}

export class LoadRunner implements ConnectionHost {
  readonly host: string;
  readonly port: number;
  readonly depth: number;
  readonly protocol: LoadProtocol;
  readonly greeting: Greeting;
  readonly encoder: RequestEncoder;
  readonly valuePattern: Buffer;
  readonly buffers: SendBuffers;
  readonly openSocket: OpenSocket;
  source: OperationSource = new PreloadSource(0, () => 0);
  figures: LoadFigures = new LoadFigures();
  private readonly timeoutMs: number;
  private readonly connections: readonly LoadConnection[];
  private readonly meter = new LoadMeter();
  private opening: { next: number; openCount: number; done: (error: Error | null) => void } | null = null;
  private finish: ((end: PhaseEnd) => void) | null = null;
  private interrupted = false;
  private closed = false;
  /** Connections that may still carry operations, now or after another try. */
  private usableCount: number;
  private cursor = 0;
  private readonly reconnects = new Set<NodeJS.Timeout>();
  private paceTimer: NodeJS.Timeout | NodeJS.Immediate | null = null;

  constructor(options: RunnerOptions) {
    this.host = options.host;
    this.port = options.port;
    this.depth = options.depth;
    this.protocol = options.protocol;
    this.greeting = options.protocol.greeting(options.credentials);
    this.encoder = options.protocol.createEncoder(options.shape, Date.now());
    this.valuePattern = new ItemWriter(options.shape).pattern;
    this.buffers = new SendBuffers(this.encoder.requestBytesMax);
    this.openSocket = options.openSocket;
    this.timeoutMs = options.timeoutMs;
    this.connections = Array.from({ length: options.connections }, () => new LoadConnection(this));
    this.usableCount = options.connections;
  }

  /** Opens all connections. Rejects with `ConnectFailed` where one cannot be opened or is refused; then all are closed. */
  async open(): Promise<void> {
    const sweep = setInterval(() => this.checkTimeouts(), SWEEP_MS);
    try {
      await new Promise<void>((resolve, reject) => {
        this.opening = { next: 0, openCount: 0, done: (error) => (error === null ? resolve() : reject(error)) };
        for (let i = 0; i < OPENING_MAX; i += 1) this.openNext();
      });
    } catch (error) {
      this.close();
      throw error;
    } finally {
      this.opening = null;
      clearInterval(sweep);
    }
  }

  /** Runs one phase. `onTick` is called some times a second. Resolves when it ended; what it counted is the result's alone. */
  async run(source: OperationSource, onTick: () => void = () => undefined): Promise<PhaseResult> {
    this.source = source;
    this.figures = new LoadFigures();
    this.meter.begin();
    if (this.interrupted) return { ...this.meter.read(), end: 'interrupted', figures: this.figures };
    const sweep = setInterval(() => {
      this.checkTimeouts();
      onTick();
      this.onProgress();
    }, SWEEP_MS);
    try {
      const end = await new Promise<PhaseEnd>((resolve) => {
        this.finish = resolve;
        source.begin(this.nowNs());
        if (source.paced) this.pace();
        else for (const connection of this.connections) connection.fill(this.nowNs(), Infinity);
        this.onProgress();
      });
      return { ...this.meter.read(), end, figures: this.figures };
    } finally {
      this.finish = null;
      clearInterval(sweep);
      this.stopPacing();
    }
  }

  /** Ends the phase at once, and each further one as it begins; what is in flight is not waited for. */
  interrupt(): void {
    this.interrupted = true;
    this.finish?.('interrupted');
  }

  close(): void {
    this.closed = true;
    for (const timer of this.reconnects) clearTimeout(timer);
    this.reconnects.clear();
    for (const connection of this.connections) connection.destroy();
  }

  readonly nowNs = (): number => performance.now() * 1e6;

  onOpen(connection: LoadConnection): void {
    const { opening } = this;
    if (opening === null) {
      this.figures.reconnectCount += 1;
      connection.fill(this.nowNs(), Infinity);
      return;
    }
    opening.openCount += 1;
    if (opening.openCount === this.connections.length) opening.done(null);
    else this.openNext();
  }

  onProgress(): void {
    this.meter.noteWork();
    if (this.finish === null) return;
    if (this.usableCount === 0) this.finish('connectionsLost');
    else if (this.source.isExhausted(this.nowNs()) && !this.anyInFlight()) this.finish('complete');
  }

  onClosed(connection: LoadConnection, wasOpen: boolean, why: string): void {
    if (this.closed) return;
    if (this.opening !== null) {
      this.opening.done(this.connectFailed(this.opening.openCount, why));
      return;
    }
    if (wasOpen) this.figures.connectionsLost += 1;
    else this.figures.connectFailures += 1;
    if (connection.attempts >= RECONNECTS_MAX) this.usableCount -= 1;
    else this.reconnect(connection);
    this.onProgress();
  }

  private openNext(): void {
    const { opening } = this;
    if (opening === null || this.closed) return;
    const connection = this.connections[opening.next];
    opening.next += 1;
    connection?.connect();
  }

  private connectFailed(openCount: number, why: string): ShoalError {
    const node = this.host.includes(':') ? `[${this.host}]:${this.port}` : `${this.host}:${this.port}`;
    const which =
      openCount === 0
        ? `cannot connect to ${node}`
        : `only ${openCount} of ${this.connections.length} connections to ${node} opened`;
    return new ShoalError('ConnectFailed', `${which}: ${why}`, { node });
  }

  private reconnect(connection: LoadConnection): void {
    const delayMs = RECONNECT_DELAYS_MS[Math.min(connection.attempts, RECONNECT_DELAYS_MS.length - 1)];
    connection.attempts += 1;
    const timer = setTimeout(() => {
      this.reconnects.delete(timer);
      connection.connect();
    }, delayMs);
    this.reconnects.add(timer);
  }

  private anyInFlight(): boolean {
    // Nearly always the first one that is looked at tells; all are looked at only when a phase ends.
    const { connections } = this;
    for (let i = 0; i < connections.length; i += 1) {
      const connection = connections[this.cursor]!;
      if (connection.inFlightCount > 0) return true;
      this.cursor = this.cursor + 1 === connections.length ? 0 : this.cursor + 1;
    }
    return false;
  }

  private checkTimeouts(): void {
    const nowNs = this.nowNs();
    for (const connection of this.connections) connection.checkTimeout(nowNs, this.timeoutMs * 1e6);
  }

  /** Open loop: gives each operation that is due to the next connection that has room, then waits for the next one's time. */
  private readonly pace = (): void => {
    const { source } = this;
    let nowNs = this.nowNs();
    this.meter.noteTurn(nowNs);
    let sentCount = 0;
    while (source.nextDueNs() <= nowNs && !source.isExhausted(nowNs)) {
      const roundCount = this.fillRound(nowNs);
      if (roundCount === 0) break;
      sentCount += roundCount;
      nowNs = this.nowNs();
    }
    if (sentCount > 0) this.meter.noteWork();
    if (source.isExhausted(nowNs)) {
      this.paceTimer = null;
      this.onProgress();
      return;
    }
    const waitMs = (source.nextDueNs() - nowNs) / 1e6;
    // Behind, and nobody has room: replies make it, and send what is overdue.
    if (waitMs <= 0) this.paceTimer = setTimeout(this.pace, 1);
    else if (waitMs > TIMER_SLACK_MS) this.paceTimer = setTimeout(this.pace, waitMs - TIMER_SLACK_MS);
    else {
      this.meter.noteSpin(nowNs);
      this.paceTimer = setImmediate(this.pace);
    }
  };

  /** One operation for each connection at most, as long as some are due; returns how many. */
  private fillRound(nowNs: number): number {
    const { connections, source } = this;
    let count = 0;
    for (let i = 0; i < connections.length && source.nextDueNs() <= nowNs; i += 1) {
      this.cursor = this.cursor + 1 >= connections.length ? 0 : this.cursor + 1;
      count += connections[this.cursor]!.fill(nowNs, 1);
    }
    return count;
  }

  private stopPacing(): void {
    clearTimeout(this.paceTimer as NodeJS.Timeout);
    clearImmediate(this.paceTimer as NodeJS.Immediate);
    this.paceTimer = null;
  }
}
