/**
 * One connection on which a node of the cluster tells each new topology as soon as it has it: a request that waits there, and the next one
 * as soon as it is answered. Where the connection is lost, or the node tells nothing that can be used, it goes on at another node.
 *
 *     ask ──► the node waits ──► a newer topology, or none within WAIT_MS ──► ask again
 *      ▲            │ lost, silent, garbage
 *      └── next of the round: the nodes of the topology in random order, then the addresses that were given first
 *
 * It has a connection of its own, so that no large value delays a topology. Where all nodes of the topology are down, it is of a past that is
 * gone: then the given addresses are believed as by a new client, even where they tell an older one, as after a cluster was made anew. Timers
 * do not keep the process alive.
 */
import { ShoalError } from '../base/errors.ts';
import { Backoff, type BackoffOptions } from './backoff.ts';
import { Connection, type ConnectionOptions, type ConnectionOwner } from './connection.ts';
import type { Request, Settler } from './request.ts';
import type { ClientRuntime, Timer } from './runtime.ts';
import type { OpenSocket } from './tcp-socket.ts';
import { topologyRequest } from './topology-request.ts';

/** Where a topology may be asked for. */
export interface WatchAddress {
  readonly host: string;
  readonly port: number;
  /** Null: an address that was given; whoever answers there will do. */
  readonly nodeId: string | null;
}

export interface WatchParts {
  readonly runtime: ClientRuntime;
  readonly open: OpenSocket;
  readonly connection: Omit<ConnectionOptions, 'host' | 'port'>;
  readonly backoff: BackoffOptions;
  /** All that there are, those with a nodeId first. */
  readonly addresses: () => readonly WatchAddress[];
  /** Whether no node of the topology can be reached. */
  readonly areAllDown: () => boolean;
  /** Takes a topology. Throws a ShoalError where it cannot be used. */
  readonly take: (bytes: Uint8Array, anew: boolean) => void;
  /** Whether a node is part of the topology. */
  readonly isMember: (nodeId: string) => boolean;
  readonly onIgnored: (node: string, error: ShoalError) => void;
}

export class TopologyWatch implements ConnectionOwner, Settler {
  private readonly parts: WatchParts;
  private readonly backoff: Backoff;
  private round: readonly WatchAddress[] = [];
  private next = 0;
  private address: WatchAddress | null = null;
  private connection: Connection | null = null;
  /** Whether this connection has told something that was of use. */
  private hasWorked = false;
  private anew = false;
  private openedAtMs = 0;
  private askedAtMs = 0;
  private askedEpoch = 0;
  private timer: Timer | null = null;
  private state: 'idle' | 'watching' | 'stopped' = 'idle';

  constructor(parts: WatchParts) {
    this.parts = parts;
    this.backoff = new Backoff(parts.backoff, parts.runtime.random01);
  }

  /** Begins, at `first` or at any. Does nothing where it has begun. */
  start(first: WatchAddress | null): void {
    if (this.state !== 'idle') return;
    this.state = 'watching';
    if (first === null) this.beginRound();
    else this.round = [first];
    this.connectNext();
  }

  stop(): void {
    this.state = 'stopped';
    this.timer?.cancel();
    this.timer = null;
    this.connection?.end(new ShoalError('ClientClosed', 'the client was closed'));
  }

  /** There is a new topology: a node that it does not name hears of no more. */
  onTopology(): void {
    const id = this.connection?.greeting?.nodeId;
    if (id === undefined || this.parts.isMember(id)) return;
    this.connection!.end(this.error('ConnectionLost', `${this.connection!.node} has left the cluster`));
  }

  onReady(connection: Connection): void {
    const { epoch, nodeId } = connection.greeting!;
    const wanted = this.address!.nodeId;
    if (epoch === null) connection.end(this.error('ConnectFailed', `${connection.node} is in no cluster`));
    else if (wanted !== null && nodeId !== wanted) {
      connection.end(this.error('ConnectFailed', `another node answers at ${connection.node}`));
    } else this.ask();
  }

  onClosed(): void {
    this.connection = null;
    this.timer?.cancel();
    this.timer = null;
    if (this.state === 'stopped') return;
    // What worked for a while was no failure; a node that answers and hangs up, over and over, is one.
    if (this.hasWorked && this.parts.runtime.nowMs() - this.openedAtMs >= PAUSE_MS) {
      this.backoff.reset();
      this.beginRound();
    }
    this.connectNext();
  }

  onNotServed(): boolean {
    return false;
  }

  fulfil(_request: Request, value: unknown): void {
    this.timer?.cancel();
    this.timer = null;
    const connection = this.connection!;
    try {
      if (value !== null) this.parts.take(value as Uint8Array, this.anew);
    } catch (error) {
      this.hasWorked = false;
      this.parts.onIgnored(connection.node, error as ShoalError);
      connection.end(error as ShoalError);
      return;
    }
    // What was taken may have ended the connection, or the client.
    if (this.connection !== connection || !connection.isReady) return;
    this.hasWorked = true;
    // A node that answers without waiting, and without news, is not asked as fast as it can answer.
    const { runtime, connection: options } = this.parts;
    const pauseMs = this.askedAtMs + PAUSE_MS - runtime.nowMs();
    if (pauseMs <= 0 || options.topology.epoch !== this.askedEpoch) this.ask();
    else this.timer = runtime.after(pauseMs, false, () => this.ask());
  }

  fail(_request: Request, error: ShoalError): void {
    this.timer?.cancel();
    this.timer = null;
    this.parts.onIgnored(this.connection!.node, error);
    this.connection!.end(error);
  }

  private ask(): void {
    const { runtime, connection: options } = this.parts;
    const connection = this.connection!;
    this.anew = this.address!.nodeId === null && !this.hasWorked && this.parts.areAllDown();
    this.askedEpoch = this.anew ? 0 : options.topology.epoch;
    const request = topologyRequest(this.askedEpoch, WAIT_MS);
    request.settler = this;
    // The timer below is its deadline: that of other requests would look at it a hundred times a second.
    request.deadlineMs = Number.POSITIVE_INFINITY;
    this.askedAtMs = runtime.nowMs();
    this.timer = runtime.after(WAIT_MS + options.connectTimeoutMs, false, () => {
      this.hasWorked = false;
      connection.end(this.error('ConnectionLost', `${connection.node} does not answer`));
    });
    connection.send(request);
  }

  private beginRound(): void {
    const addresses = this.parts.addresses();
    const members = addresses.filter(({ nodeId }) => nodeId !== null);
    const start = Math.floor(this.parts.runtime.random01() * members.length);
    // Each client begins at another node, so that none has all of them.
    this.round = [...members.slice(start), ...members.slice(0, start), ...addresses.slice(members.length)];
    this.next = 0;
  }

  private connectNext(): void {
    const address = this.round[this.next];
    if (address !== undefined) {
      this.next += 1;
      this.open(address);
      return;
    }
    this.timer = this.parts.runtime.after(this.backoff.nextMs(), false, () => {
      this.timer = null;
      this.beginRound();
      this.connectNext();
    });
  }

  private open(address: WatchAddress): void {
    const { host, port } = address;
    const { connection, runtime, open } = this.parts;
    this.address = address;
    this.openedAtMs = runtime.nowMs();
    this.hasWorked = false;
    this.connection = new Connection({ ...connection, host, port }, this, runtime, open);
  }

  private error(code: 'ConnectFailed' | 'ConnectionLost', message: string): ShoalError {
    return new ShoalError(code, message, this.connection === null ? {} : { node: this.connection.node });
  }
}

/** How long a node may wait for a newer topology. Long, since an answer costs both sides something and tells nothing. */
const WAIT_MS = 30_000;
/** Between two requests that were answered without news. */
const PAUSE_MS = 1000;
