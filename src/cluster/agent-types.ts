/**
 * What goes into the agent of a node and what comes out of it. All of it is data: the shell, a test or the simulator carries it out.
 *
 * Requests have numbers of the agent's own. Each is answered once (`answered` or `unanswered`), or never: the agent has its own
 * deadlines, and an answer to a number that it does not wait for any more changes nothing. So lost, late and doubled messages need no
 * care from the shell.
 */
import type {
  CoordinatorAnswer,
  CoordinatorRequest,
  NodeDescription,
  NodeFigures,
  PeerAnswer,
  PeerRequest,
} from '../protocol/cluster/messages.ts';
import type { SlotNote } from '../store/slot-notes.ts';
import type { ClusterNode, SlotMove, Topology } from '../topology/topology.ts';
import type { NodeDisk } from './disk-duties.ts';
import type {
  KeptSlots,
  MoveExtent,
  MoveOutcome,
  MoveReport,
  MoveRole,
  MoveWay,
  ReplicaAssignment,
  ReplicaReport,
} from './mover.ts';
import type { DepartureReason } from './departure.ts';
import type { ServingRight, SlotImage } from './slot-table.ts';

/** The lease of a coordinator that has not said another one yet. */
export const LEASE_MS_DEFAULT = 2000;
/** `tick` is to come at least this often, in ms: what has run out is noticed that late. */
export const AGENT_TICK_MS = 20;

export interface AgentOptions {
  readonly cluster: string;
  /** `host:port` of each; one at least. */
  readonly coordinators: readonly string[];
  /** This node as it tells of itself, with its first id. */
  readonly node: NodeDescription;
  /** The process is nothing but this node: it may leave so that it is started again. */
  readonly mayRestart: boolean;
  /** What a node that keeps its data found on its disk; left out: it keeps nothing. */
  readonly disk?: NodeDisk | undefined;
  /** In [0, 1): spreads retries. */
  readonly random01: () => number;
}

export type AgentEvent =
  | { readonly type: 'tick'; readonly figures: NodeFigures }
  | { readonly type: 'answered'; readonly requestId: number; readonly answer: CoordinatorAnswer | PeerAnswer }
  /** No answer will come: the connection was refused or lost, or what came cannot be read. */
  | { readonly type: 'unanswered'; readonly requestId: number; readonly reason: string }
  /** Another node asks; `ticket` names the question in the reply. */
  | { readonly type: 'asked'; readonly ticket: number; readonly request: PeerRequest }
  | { readonly type: 'moveChanged'; readonly report: MoveReport }
  | { readonly type: 'replicasChanged'; readonly report: ReplicaReport }
  | { readonly type: 'purged'; readonly purgeId: number }
  | { readonly type: 'claimed'; readonly claimId: number }
  /** All was deleted, as `dropAll` demanded; the node joins anew under `nodeId`, which no node ever had. */
  | { readonly type: 'dropped'; readonly nodeId: string }
  /** The node is to go: its slots are moved away first. */
  | { readonly type: 'leave' };

export type AgentEffect =
  | {
      readonly type: 'askCoordinator';
      readonly requestId: number;
      readonly to: string;
      readonly request: CoordinatorRequest;
    }
  | { readonly type: 'askPeer'; readonly requestId: number; readonly to: ClusterNode; readonly request: PeerRequest }
  /** The answer to this request is of no interest any more. */
  | { readonly type: 'forget'; readonly requestId: number }
  | { readonly type: 'reply'; readonly ticket: number; readonly answer: PeerAnswer }
  | { readonly type: 'slots'; readonly image: SlotImage }
  | { readonly type: 'serveUntil'; readonly untilMs: number; readonly right: ServingRight }
  /** For data threads: the topology in which the slot table's indexes count from now on, as it came. */
  | { readonly type: 'topology'; readonly topology: Topology; readonly encoded: Uint8Array }
  | { readonly type: 'beginExport'; readonly move: SlotMove; readonly target: ClusterNode; readonly how: MoveWay }
  | { readonly type: 'shipRest'; readonly moveId: number }
  | { readonly type: 'beginImport'; readonly move: SlotMove; readonly source: ClusterNode; readonly how: MoveWay }
  | { readonly type: 'takeOver'; readonly moveId: number; readonly extent: MoveExtent }
  | { readonly type: 'endMove'; readonly moveId: number; readonly outcome: MoveOutcome }
  /** From now on this node's changes go to these nodes, and to no others. */
  | { readonly type: 'replicateTo'; readonly targets: readonly ReplicaAssignment[] }
  /** From now on this node is a replica of these, and of no others. */
  | { readonly type: 'copyFrom'; readonly sources: readonly ReplicaAssignment[]; readonly kept: KeptSlots }
  | { readonly type: 'purge'; readonly purgeId: number; readonly slots: readonly number[] }
  | { readonly type: 'setPace'; readonly bytesPerSecond: number }
  /** Before `slots` serves them. */
  | { readonly type: 'claim'; readonly claimId: number; readonly notes: readonly SlotNote[] }
  /** The node was removed: everything goes but the slots `kept`, and `dropped` with a new id is awaited. */
  | { readonly type: 'dropAll'; readonly kept: readonly number[] }
  /** Why the node may not serve, for people; null: it may. */
  | { readonly type: 'trouble'; readonly trouble: string | null }
  /** The node has left in order and owns nothing: it may stop. */
  | { readonly type: 'left'; readonly reason: DepartureReason }
  | { readonly type: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly message: string };

/** How a move of this node stands, for people. */
export interface MoveSnapshot {
  readonly id: number;
  readonly role: MoveRole;
  /** The other node's id. */
  readonly peer: string;
  readonly slotCount: number;
  readonly phase: ExportPhase | ImportPhase;
  readonly items: number;
  readonly itemsTotal: number;
  readonly bytes: number;
  readonly lag: number;
  readonly error: string | null;
}

/**
 * `waiting`: the slots are still held back. `copying`. `pausing`: all commands wait while the rest is sent. `handing`: the target was
 * asked to take over as soon as it has all; perhaps it did. `handed`: it said so. `failed`: given up, the slots are served on.
 */
export type ExportPhase = 'waiting' | 'copying' | 'pausing' | 'handing' | 'handed' | 'failed';
/** `importing`. `handed`: this node serves. `failed`: a handover will be refused. */
export type ImportPhase = 'importing' | 'handed' | 'failed';

/** What CLUSTER INFO and the node's log tell. */
export interface AgentSnapshot {
  readonly nodeId: string;
  /** `fail`: this node may not serve. */
  readonly state: 'ok' | 'fail';
  /** Why it may not; null where it may. */
  readonly trouble: string | null;
  readonly epoch: number;
  readonly nodeCount: number;
  readonly right: ServingRight;
  /** What is left of the right; 0: it has ended. */
  readonly rightLeftMs: number;
  /** The coordinator that granted the last lease, by its own word; null: none yet. */
  readonly coordinator: string | null;
  /** Since the last heartbeat that was answered with a lease was sent; Infinity: none yet. */
  readonly coordinatorSilentMs: number;
  /** Slots that are ours but must wait, for the end of a promise or of a deletion. */
  readonly withheldCount: number;
  readonly moves: readonly MoveSnapshot[];
}
