/**
 * What coordinators, nodes and the command line say to each other: JSON in frames of opcode `control`. Every message names the cluster
 * and the version of this protocol, so that who was misdirected is told so. A message that is not as it should be is refused with a
 * sentence and changes nothing.
 *
 *     node ──heartbeat──► coordinator    lease, or who leads
 *     node ──watch──────► coordinator    the next topology, as soon as there is one
 *     node ──promise, moveStatus, handover──► node
 *     command line ──status, drain, …──► coordinator
 *
 * Nothing asks a node anything in an operator's name but its coordinator, in leases, so there is one way to be trusted. A restart is such a thing:
 *
 *     command line ──restart──► coordinator   stores the wish: the node's slots and copies go to others, as if it were leaving
 *                               coordinator ──lease, `restart`──► node   once it has nothing any more
 *     node ──heartbeat, `leaving`──► coordinator   removes it, as any that leaves
 *                               coordinator ──lease, `mayGo`──► node   its process ends, and whoever supervises it starts it again
 *
 * A lease without `restart`, before `mayGo`, takes the wish back.
 */
/** The version of these messages. A peer of another one is refused. */
export const CLUSTER_PROTOCOL = 1;

/** Copies of each slot that an operator may want, besides its owner's. */
export const REPLICAS_MAX = 3;

/** Limits of what a message may hold. */
export const CONTROL_BYTES_MAX: number = 4 * 1024 * 1024;
export const CLUSTER_NAME_LENGTH_MAX = 128;
export const TEXT_LENGTH_MAX = 1024;

/** A node as it tells of itself. */
export interface NodeDescription {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly peerPort: number;
  readonly zone: string;
  readonly weight: number;
}

/** How far a move is, as one of its two nodes tells. */
export interface MoveProgress {
  readonly id: number;
  /** `handed`: the target has the slots. `failed`: given up; `error` says why. */
  readonly state: 'copying' | 'handed' | 'failed';
  /** Sent so far; items that were changed meanwhile count again. */
  readonly items: number;
  readonly bytes: number;
  readonly itemsTotal: number;
  /** Changes that are still to be sent. */
  readonly lag: number;
  readonly error: string | null;
  /** Of the source: the target was asked to take over, and has not answered; absent: it was not. */
  readonly isHanding?: boolean;
}

/** What a node has of slots that it does not own, from one source. */
export interface CopyTold {
  /** The node whose changes were copied; the node itself where it owned the slots. */
  readonly source: string;
  /** A position of the source's change log (u32, which comes round) up to which the node has every change of the slots; null: it has all that there were. */
  readonly through: number | null;
  /** False: the source owns the slots, and every change of theirs follows. True: it does not any more, and the copy stays as it is. */
  readonly kept: boolean;
  /** First and last of each range, ascending. */
  readonly slots: readonly number[];
}

/** A stream of changes from a node to one that copies slots of its. */
export interface StreamTold {
  readonly target: string;
  /** Slots that are to be copied, and those of which the target has a whole copy. */
  readonly slots: number;
  readonly synced: number;
  /** Changes that the target has not confirmed. */
  readonly lag: number;
  /** Why it does not get on; null where it does. */
  readonly error: string | null;
}

export interface ReplicationTold {
  /** Since the node has applied the topology of this epoch it has taken nothing from sources of earlier ones: positions of kept copies are final. */
  readonly epoch: number;
  /** Whole copies only. */
  readonly copies: readonly CopyTold[];
  /** Slots that the node got and has nothing of, while others keep copies: it does not serve them. As ranges. */
  readonly vacant: readonly number[];
  readonly streams: readonly StreamTold[];
}

/** Slots that a node found on its disk when it joined, all of one time. */
export interface StoredTold {
  /** The epoch in which the node that wrote the disk became their owner. */
  readonly time: number;
  /** It became so after the owner of that time, by a move that this coordinator may not know to be over. */
  readonly isTaken: boolean;
  /** First and last of each range, ascending. */
  readonly slots: readonly number[];
}

/** What a node that keeps its data tells of its disk. */
export interface DiskTold {
  /** The id of the data set, 32 hexadecimal digits: who has it now is the node that had it before. */
  readonly dataSet: string;
  /** All that the node serves by the topology of this epoch is claimed on its disk. */
  readonly epoch: number;
  readonly copies: readonly StoredTold[];
}

export interface NodeFigures {
  readonly items: number;
  readonly bytes: number;
  readonly memoryBytes: number;
}

interface Addressed {
  readonly cluster: string;
}

export interface Heartbeat extends Addressed {
  readonly type: 'heartbeat';
  readonly node: NodeDescription;
  /** Of the topology that the node has applied; 0: none. */
  readonly epoch: number;
  /** The node wants to go: its slots are to be moved away. */
  readonly leaving: boolean;
  /** Moves from this node. */
  readonly moves: readonly MoveProgress[];
  /** Ids of moves to this node that were handed over to it. */
  readonly handed: readonly number[];
  readonly figures: NodeFigures;
  /** The process is nothing but this node, so it may end for a restart. Absent: it is more than that, or of a version that does not know. */
  readonly restarts?: boolean;
  /** Absent: the node neither is a replica nor has any. */
  readonly replication?: ReplicationTold;
  /** Absent: the node keeps no data. */
  readonly disk?: DiskTold;
}

export interface Watch extends Addressed {
  readonly type: 'watch';
  /** Only a newer topology is news. */
  readonly epoch: number;
  /** The node that asks; null for anybody else. */
  readonly node: string | null;
  readonly waitMs: number;
}

export interface PromiseRequest extends Addressed {
  readonly type: 'promise';
  /** Who asks that its slots are not taken over. */
  readonly from: string;
  readonly epoch: number;
  readonly durationMs: number;
}

export interface MoveStatusRequest extends Addressed {
  readonly type: 'moveStatus';
  /** Asked before a handover was said: who does not know of the move may still take it over. Else, who answers `unknown` never does. */
  readonly isAhead?: boolean;
  /** The move's target. Another node at its address, which started there since, must not answer for it. */
  readonly to: string;
  readonly move: number;
}

export interface Handover extends Addressed {
  readonly type: 'handover';
  /** The move's target, which takes over as soon as it has `frames` frames of the source's attempt `attempt`. */
  readonly to: string;
  readonly move: number;
  readonly attempt: number;
  readonly frames: number;
}

export type AdminRequest =
  | (Addressed & { readonly type: 'status' })
  | (Addressed & { readonly type: 'drain' | 'undrain'; readonly node: string })
  /** Moves all that a node has to others, then has its process end, to be started again. Whoever comes at its address then is to it as the operator wanted. */
  | (Addressed & { readonly type: 'restart'; readonly node: string })
  /** Moves all slots of a node to replicas that have them; the node stays, without slots of its own, and copies. */
  | (Addressed & { readonly type: 'failover'; readonly node: string })
  | (Addressed & { readonly type: 'weight'; readonly node: string; readonly weight: number })
  | (Addressed & { readonly type: 'rebalance'; readonly dryRun: boolean })
  /** Gives running moves up and begins none, until `limits` allows some again. */
  | (Addressed & { readonly type: 'cancel' })
  /** The process of a node that was removed is gone for good: nobody need wait for it. */
  | (Addressed & { readonly type: 'forget'; readonly node: string })
  | (Addressed & {
      readonly type: 'limits';
      /** Null: as it is. */
      readonly concurrentMoves: number | null;
      readonly bytesPerSecond: number | null;
      /** Copies of each slot besides its owner's; absent: as they are. */
      readonly replicas?: number;
    });

/** What a coordinator is asked. */
export type CoordinatorRequest = Heartbeat | Watch | AdminRequest;
/** What a node is asked by another. */
export type PeerRequest = PromiseRequest | MoveStatusRequest | Handover;

/** The right to serve until `leaseMs` after the heartbeat was sent, less the margin for clocks. */
export interface Lease {
  readonly type: 'lease';
  readonly leaseMs: number;
  /** Of the topology that the coordinator has. */
  readonly epoch: number;
  /** The coordinator's address, for people. */
  readonly coordinator: string;
  /** A leaving node owns nothing any more: it may go. */
  readonly mayGo: boolean;
  /** Bytes a second that a source of a move may send; 0: as many as it can. */
  readonly moveBytesPerSecond: number;
  /** Whatever the node tells of its disk, nobody waits for it: it may go; absent: not known. */
  readonly isDiskUseless?: boolean;
  /** Ids of moves from this node that it is to give up, if it has not handed them over; absent: none. */
  readonly cancel?: readonly number[];
  /** The node owns and copies nothing, and is to leave and start again; absent: it is not, or not any more. */
  readonly restart?: boolean;
}

export interface NotLeader {
  readonly type: 'notLeader';
  readonly leader: string | null;
}

/** Refused; nothing has changed. */
export interface Refusal {
  readonly type: 'refused';
  readonly text: string;
}

export interface TopologyNews {
  readonly type: 'topology';
  readonly epoch: number;
  /** `encodeTopology` in base64. */
  readonly topology: string;
}

export interface Unchanged {
  readonly type: 'unchanged';
}

export interface NodeStatus extends NodeDescription, NodeFigures {
  readonly state: 'joining' | 'active' | 'draining';
  readonly slots: number;
  /** Slots that the node should have by its weight. */
  readonly fairSlots: number;
  /** Of the topology that it has applied. */
  readonly epoch: number;
  /** ms since its last heartbeat; −1: it has sent none to this coordinator. */
  readonly silentMs: number;
  /** Slots of others that it is to copy, and those of which it has a whole copy. */
  readonly replicaSlots: number;
  readonly syncedSlots: number;
  /** Its own slots of which an active node has a whole copy. */
  readonly coveredSlots: number;
  /** An operator wants it to start again, and it has not yet. */
  readonly isRestarting: boolean;
  /** Its streams to its replicas. */
  readonly streams: readonly StreamTold[];
}

export interface MoveStatus extends MoveProgress {
  readonly from: string;
  readonly to: string;
  readonly slots: number;
}

export interface Status {
  readonly type: 'status';
  readonly cluster: string;
  readonly coordinator: string;
  /** Where the state is kept, without secrets. */
  readonly store: string;
  /** Why the state cannot be kept at the moment; null where it can. */
  readonly trouble: string | null;
  readonly epoch: number;
  readonly nodes: readonly NodeStatus[];
  readonly moves: readonly MoveStatus[];
  /** While there are some, nodes that join get no slots. */
  readonly departed: readonly DepartedStatus[];
  /** `host:port` of nodes that have left to start again, and are not back. */
  readonly returning: readonly string[];
  /** Nodes that were removed and whose data on disk is waited for; absent: a coordinator of an earlier version. */
  readonly awaited?: readonly AwaitedStatus[];
  /** Slots that nobody owns. */
  readonly unassigned: number;
  /** Slots that are to be moved, those of running moves included. */
  readonly plannedSlots: number;
  readonly concurrentMoves: number;
  readonly moveBytesPerSecond: number;
  /** Copies of each slot that are wanted. */
  readonly replicas: number;
  /** Copies that are missing, or are not whole yet. */
  readonly missingCopies: number;
}

/** A node that was removed while, as far as anybody knows, others may let it serve on; see docs/adr/0016-coordinator.md. */
export interface DepartedStatus {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  /** Of the first topology without it. */
  readonly epoch: number;
}

/** A node that is gone and may come back with the only copy of some slots. */
export interface AwaitedStatus {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly slots: number;
  /** It is waited for so long; 0: it is back, and not ready yet. */
  readonly leftMs: number;
}

/** What `rebalance` would do or has begun: slots by source and target. */
export interface Plan {
  readonly type: 'plan';
  readonly transfers: readonly { readonly from: string | null; readonly to: string; readonly slots: number }[];
}

export interface Done {
  readonly type: 'done';
}

export type CoordinatorAnswer = Lease | NotLeader | Refusal | TopologyNews | Unchanged | Status | Plan | Done;
export type PeerAnswer =
  | { readonly type: 'promised'; readonly granted: boolean }
  | { readonly type: 'moveState'; readonly state: 'importing' | 'handed' | 'unknown' }
  | Refusal;

export type Message = CoordinatorRequest | PeerRequest | CoordinatorAnswer | PeerAnswer;

/** The bytes of a message, as a frame's value has them. */
export function encodeMessage(message: Message): Uint8Array {
  return Buffer.from(JSON.stringify({ protocol: CLUSTER_PROTOCOL, ...message }), 'utf8');
}

/** A refusal for `text`, cut to what a refusal may hold. */
export function refusal(text: string): Refusal {
  return { type: 'refused', text: text.slice(0, TEXT_LENGTH_MAX) };
}
