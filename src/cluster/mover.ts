/**
 * Between the agent, which decides about moves, and the mover, which carries them out.
 *
 * The agent holds the dialogue on which safety rests: it marks the slot table, sends `handover`, asks `moveStatus`, and
 * answers both. The mover deletes, scans, sends and stores items, and reports. Both run on the control thread; each
 * report is a step of the agent, whose effects (marks in the table, then commands) are carried out before the report returns.
 *
 *     source   beginExport ─► copying … copying ─► ready ─(slots paused)─► shipRest ─► drained ─(handover, ok)─► endMove handed
 *     target   beginImport ─► importing … ─(handover)─► takeOver ─► complete ─(slots OWNED)─► endMove handed
 *     either   failed, or endMove cancelled, at any time before
 *
 * Commands take effect in the order in which they were given, so far as they concern the same slots: an import stores
 * nothing in a slot whose purge is not over. A mover never calls back from inside a command; it reports afterwards.
 *
 * Replicas beside that: one stream from each primary to each node that copies some of its slots, for as long as the topology says so. The agent
 * tells both ends what the topology says, and hears which slots are synced, a whole copy that follows every change, and how far a copy is.
 */
import type { SlotNote } from '../store/slot-notes.ts';
import type { ClusterNode, SlotMove } from '../topology/topology.ts';

export type MoveRole = 'source' | 'target';

/**
 * `copying`: source, scan and tail go on. `ready`: source, the tail is short; the slots are to be paused now. `drained`: source, paused, and all that
 * there was is on its way to the target, so much as `extent` says. `importing`: target. `complete`: target, which has all that `takeOver`
 * spoke of. `failed`: given up for the reason in `error`; the mover does no more for this move, and what it has stored is purged by a command.
 */
export type MoveReportState = 'copying' | 'ready' | 'drained' | 'importing' | 'complete' | 'failed';

/** All of a copy: the frames that one attempt of the source has made; to a replica, 1 and the position of the source's change log before which everything is to be there. */
export interface MoveExtent {
  readonly attempt: number;
  readonly frames: number;
}

export interface MoveReport {
  /** The move's id. */
  readonly id: number;
  readonly role: MoveRole;
  readonly state: MoveReportState;
  /** Items sent or stored so far; an item that was changed meanwhile counts again. */
  readonly items: number;
  readonly bytes: number;
  /** Items in the slots when the move began; 0 at the target. */
  readonly itemsTotal: number;
  /** Records of the change log that are still to be sent. */
  readonly lag: number;
  readonly error?: string;
  /** With `drained`. */
  readonly extent?: MoveExtent;
}

/** How the items of a move get to the target. `copy`: they are sent. `replica`: the target has copied the slots as a replica, and goes on with that. */
export type MoveWay = 'copy' | 'replica';

/** How a move ended. `handed`: the target has the slots. `cancelled`: the source keeps them, the target's copy is worthless. */
export type MoveOutcome = 'handed' | 'cancelled';

/** Slots of one stream of changes, and the node at its other end. */
export interface ReplicaAssignment {
  readonly node: ClusterNode;
  readonly slots: readonly number[];
}

/** Slots without a source of which a node may have had a whole copy, and is to keep that. */
export interface KeptSlots {
  /** Of the topology that says so, and what assignments go with it. */
  readonly epoch: number;
  /** Ascending. */
  readonly slots: readonly number[];
}

export const NOTHING_KEPT: KeptSlots = { epoch: 0, slots: [] };

/** A stream from this node, as primary. */
export interface ReplicaTargetReport {
  readonly id: string;
  /** Slots of which the target has a whole copy, which follows every change. Ascending. */
  readonly synced: readonly number[];
  /** Changes that the target has not confirmed, as far as they were read from the change log. */
  readonly lag: number;
  /** Why it does not get on, for people; null where it does. */
  readonly error: string | null;
}

/** What is kept of a stream to this node that has ended, as far as its slots go. */
export interface KeptCopyReport {
  /** The source. */
  readonly id: string;
  /** As in `ReplicaSourceReport`, when the slots were taken from the source no more. */
  readonly through: number;
  /** Ascending. Of each there was a whole copy. */
  readonly slots: readonly number[];
}

/** A stream to this node, as replica. */
export interface ReplicaSourceReport {
  readonly id: string;
  /** A position of the source's change log (u32, which comes round): this node has every change at or before it of the slots in `synced`. */
  readonly through: number;
  /** As the source has told in the stream. Ascending. */
  readonly synced: readonly number[];
}

export interface ReplicaReport {
  /** That of the last `copyFrom`; 0 before the first. */
  readonly epoch: number;
  readonly targets: readonly ReplicaTargetReport[];
  readonly sources: readonly ReplicaSourceReport[];
  readonly kept: readonly KeptCopyReport[];
  /** Changes, as far as they were read from the change log, that no replica of their slots has confirmed. */
  readonly alone: number;
}

export interface Mover {
  /**
   * Copy the slots of `move` to `target`. They are MOVING in the table. Reports `copying` now and then, `ready` once. As `replica`: all is left to the stream to
   * the target, which goes on; it is `ready` once that is not far behind, and `failed` where the target has no whole copy (any more).
   */
  beginExport(move: SlotMove, target: ClusterNode, how: MoveWay): void;
  /**
   * The slots are PAUSED in the table: let each data thread finish its batch, send the rest, report `drained`, and send again what is lost. Should
   * it take too long until all is sent (a mover's own limit), report `failed` instead: the slots are served on.
   */
  shipRest(moveId: number): void;
  /**
   * Take items of `move` from `source` from now on, after what was there in its slots before is deleted. They are IMPORTING in the table. As `replica`: the stream from the source goes on, and
   * brings everything.
   */
  beginImport(move: SlotMove, source: ClusterNode, how: MoveWay): void;
  /**
   * The source serves the slots no more and waits: report `complete` as soon as all of `extent` is stored, or `failed` where that cannot be,
   * or takes too long (a mover's own limit). Given again it changes nothing.
   */
  takeOver(moveId: number, extent: MoveExtent): void;
  /** The move is over: no more is sent, and nothing of it is stored. For an id that is not known nothing happens. */
  endMove(moveId: number, outcome: MoveOutcome): void;
  /**
   * Delete all items of `slots`, then report it by the id (`purged`). Until then nobody is served in these slots here, if they are ours at all; so where
   * they are empty, which the counters say, it is to be reported at once.
   */
  purge(purgeId: number, slots: readonly number[]): void;
  /** What all exports together may send in a second from now on, as the coordinator says; Infinity: as fast as they can. */
  setPace(bytesPerSecond: number): void;
  /**
   * As primary, under the id `selfId`: have these nodes copy these slots from now on, and no others. What is assigned as before goes on. A target that
   * knows nothing of it yet is asked again and again. Each node once.
   */
  replicateTo(selfId: string, targets: readonly ReplicaAssignment[]): void;
  /**
   * As replica, under the id `selfId`: take these slots from these nodes from now on, and nothing of others. Items of the slots are kept: neither evicted nor removed when
   * they expire. What is here of a slot whose source is another than before is worthless, and deleted when the new source begins; of one
   * that is in no assignment any more it stays, until it is purged. Each node once, each slot once. Of which slots that are to be kept there is a whole copy, and how far it goes, is reported with the epoch.
   */
  copyFrom(selfId: string, sources: readonly ReplicaAssignment[], kept: KeptSlots): void;
  /**
   * Of a node that keeps its data: have it noted on its disk that these slots are the node's, with all that is in them now, then report it by the id
   * (`claimed`). It stands before all that is written there from now on.
   */
  claim(claimId: number, notes: readonly SlotNote[]): void;
  /** This node was removed from the cluster: end all moves, streams and purges unreported, delete everything but the slots `kept`, report `dropped`. */
  dropAll(kept: readonly number[]): void;
}

/** A mover that the host runs: `StoreMover`. */
export interface HostedMover extends Mover {
  takeFrame(bytes: Uint8Array, reply: (reply: Uint8Array) => void): void;
  takeReplicaFrame(bytes: Uint8Array, reply: (reply: Uint8Array) => void, nowMs: number, wallMs: number): void;
  confirmNow(): void;
  step(nowMs: number, wallMs: number): number;
  /** No client waits for the next step. */
  readonly mayRest: boolean;
}

/** What a mover tells, as calls to the host. */
export interface MoverReports {
  moveChanged(report: MoveReport): void;
  /** Of all streams; at most every 250 ms, and at once when a set of synced slots or an error changes. */
  replicasChanged(report: ReplicaReport): void;
  purged(purgeId: number): void;
  claimed(claimId: number): void;
  dropped(): void;
}
