/**
 * What a client does to be in a cluster: to know its topology. Nodes tell it on a connection that waits for the next one (`TopologyWatch`); and on
 * request, so that nothing depends on the push alone: where a reply says that its node has a newer one, and now and then while requests wait.
 *
 * It decides what is taken; `onTopology` makes use of it. What cannot be taken changes nothing and is told to `onIgnored`.
 */
import { ShoalError } from '../base/errors.ts';
import type { Topology } from '../topology/topology.ts';
import type { ResolvedAddress } from './address.ts';
import type { BackoffOptions } from './backoff.ts';
import type { ConnectionOptions } from './connection.ts';
import type { KnownTopology } from './known-topology.ts';
import type { Member } from './node-list.ts';
import type { NodePool } from './node-pool.ts';
import type { Settler } from './request.ts';
import type { ClientRuntime, Timer } from './runtime.ts';
import type { OpenSocket } from './tcp-socket.ts';
import { topologyRequest } from './topology-request.ts';
import { TopologyWatch, type WatchAddress } from './topology-watch.ts';

export interface ClusterParts {
  readonly runtime: ClientRuntime;
  readonly open: OpenSocket;
  readonly connection: Omit<ConnectionOptions, 'host' | 'port'>;
  readonly backoff: BackoffOptions;
  readonly known: KnownTopology;
  /** The addresses that the client was given: they count when no node of the topology can be reached. */
  readonly seeds: () => readonly ResolvedAddress[];
  /** Whether no node of the topology can be reached. */
  readonly areAllDown: () => boolean;
  readonly onTopology: (topology: Topology, previous: Topology | null) => void;
  /** `node`: as `host:port`. */
  readonly onIgnored: (node: string, error: ShoalError) => void;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: ShoalError) => void;
  readonly timer: Timer;
}

export class Cluster {
  private readonly parts: ClusterParts;
  private readonly watch: TopologyWatch;
  /** Pools whose node was asked, and from when on it may be asked again. */
  private readonly askFromMs = new WeakMap<NodePool, number>();
  private readonly waiters = new Set<Waiter>();
  private aroundFromMs = 0;

  constructor(parts: ClusterParts) {
    this.parts = parts;
    const { runtime, open, connection, backoff, known, areAllDown, onIgnored } = parts;
    this.watch = new TopologyWatch({
      runtime,
      open,
      connection,
      backoff,
      areAllDown,
      onIgnored,
      addresses: () => this.addresses(),
      take: (bytes, anew) => this.take(bytes, anew),
      isMember: (nodeId) => known.topology?.node(nodeId) !== null,
    });
  }

  /** The node of `pool`, at `address`, is in a cluster: asks it for the topology, and watches. */
  begin(pool: NodePool, address: WatchAddress): void {
    this.watch.start(address);
    this.refresh(pool);
  }

  /** Asks the node of `pool` for a topology that is newer than ours, unless it was asked just now. */
  refresh(pool: NodePool): void {
    const { runtime, known } = this.parts;
    const nowMs = runtime.nowMs();
    if (nowMs < (this.askFromMs.get(pool) ?? 0)) return;
    this.askFromMs.set(pool, nowMs + ANSWER_MS_MAX);
    const request = topologyRequest(known.epoch, 0);
    request.timeoutMs = ANSWER_MS_MAX;
    request.deadlineMs = nowMs + ANSWER_MS_MAX;
    const settler: Settler = {
      fulfil: (_request, bytes) => {
        const isNews = bytes !== null && this.hear(bytes as Uint8Array, pool.node);
        this.askFromMs.set(pool, isNews ? 0 : runtime.nowMs() + ASK_PAUSE_MS);
      },
      fail: () => this.askFromMs.set(pool, runtime.nowMs() + ASK_PAUSE_MS),
    };
    request.settler = settler;
    try {
      pool.submit(request);
    } catch (error) {
      // The watch hears of it too, only later.
      request.fail(error as ShoalError);
    }
  }

  /**
   * Asks one of `members` at random, but for `except`, and not every time: where a node refuses and knows no better, and no push comes, it and the
   * node that is watched may both be cut off from the rest.
   */
  askAround(members: readonly Member[], except: NodePool | null): void {
    const { runtime } = this.parts;
    const nowMs = runtime.nowMs();
    if (nowMs < this.aroundFromMs) return;
    this.aroundFromMs = nowMs + ASK_PAUSE_MS;
    const start = Math.floor(runtime.random01() * members.length);
    for (let step = 0; step < members.length; step += 1) {
      const { pool } = members[(start + step) % members.length]!;
      if (pool === except || pool.state !== 'up') continue;
      this.refresh(pool);
      return;
    }
  }

  /** Takes the topology that `node` told. Returns whether it was news. */
  hear(bytes: Uint8Array, node: string): boolean {
    try {
      return this.take(bytes, false);
    } catch (error) {
      this.parts.onIgnored(node, error as ShoalError);
      return false;
    }
  }

  /** Resolves once there is a topology. Rejects with `NoAvailableNodes` where there is none within `timeoutMs`. */
  whenKnown(timeoutMs: number): Promise<void> {
    if (this.parts.known.topology !== null) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = this.parts.runtime.after(timeoutMs, true, () => {
        this.waiters.delete(waiter);
        reject(
          new ShoalError('NoAvailableNodes', `the nodes told no topology of their cluster within ${timeoutMs} ms`),
        );
      });
      const waiter: Waiter = { resolve, reject, timer };
      this.waiters.add(waiter);
    });
  }

  close(error: ShoalError): void {
    this.watch.stop();
    for (const { reject, timer } of this.waiters) {
      timer.cancel();
      reject(error);
    }
    this.waiters.clear();
  }

  private take(bytes: Uint8Array, anew: boolean): boolean {
    const { known } = this.parts;
    const previous = known.topology;
    if (!known.take(bytes, anew)) return false;
    this.parts.onTopology(known.topology!, previous);
    this.watch.start(null);
    this.watch.onTopology();
    for (const { resolve, timer } of this.waiters) {
      timer.cancel();
      resolve();
    }
    this.waiters.clear();
    return true;
  }

  private addresses(): readonly WatchAddress[] {
    const nodes = this.parts.known.topology?.nodes ?? [];
    const seeds = this.parts.seeds();
    return [
      ...nodes.map(({ host, port, id }) => ({ host, port, nodeId: id })),
      ...seeds.map(({ host, port }) => ({ host, port, nodeId: null })),
    ];
  }
}

/** How long a node may take to tell its topology at once. */
const ANSWER_MS_MAX = 2000;
/** Between two questions to one node, where the first brought no news, and between two to any node. */
const ASK_PAUSE_MS = 100;
