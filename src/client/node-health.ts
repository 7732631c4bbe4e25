/** What a client tells of its nodes: on request, and as events. */
import type { ShoalError } from '../base/errors.ts';
import type { Topology } from '../topology/topology.ts';
import type { NodeState } from './node-pool.ts';
import type { Key } from './request.ts';
import type { Member } from './node-list.ts';

/** How a node is, as this client sees it. */
export interface NodeHealth {
  readonly id: string;
  /** `host:port`. */
  readonly address: string;
  readonly weight: number;
  /** `connecting`: requests wait for it; `down`: they fail at once. */
  readonly state: NodeState;
  readonly connections: number;
  readonly inFlight: number;
  readonly waiting: number;
  readonly lastError: ShoalError | null;
  /** The version of its software, once it was reached. */
  readonly version: string | null;
}

export type ClientEvents = {
  /** A node can be used, for the first time or again. */
  nodeUp: NodeHealth;
  /** A node was lost: `lastError` says why. It is `connecting`, or `down` where it could not be reached again. */
  nodeDown: NodeHealth;
  /** `getOrSet` could not read or write the cache and went on without it. */
  cacheError: { readonly key: Key; readonly error: ShoalError };
  /** The cluster has another topology: a node came or went, or slots changed their owner. Requests go by it from now on. */
  topologyChanged: { readonly topology: Topology /** Null: it is the first. */; readonly previous: Topology | null };
  /** A node, `host:port`, told a topology that this client does not take, and `error` says why: nothing has changed. */
  topologyIgnored: { readonly node: string; readonly error: ShoalError };
};

export function healthOf({ address, pool }: Member): NodeHealth {
  return {
    id: address.id,
    address: pool.node,
    weight: address.weight,
    state: pool.state,
    connections: pool.connectionCount,
    inFlight: pool.inFlightCount,
    waiting: pool.waitingCount,
    lastError: pool.lastError,
    version: pool.greeting?.softwareVersion ?? null,
  };
}
