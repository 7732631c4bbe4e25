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
 */
import type { ClusterNode, SlotMove } from '../topology/topology.ts';

export type MoveRole = 'source' | 'target';

/**
 * `copying`: source, scan and tail go on. `ready`: source, the tail is short; the slots are to be paused now. `drained`: source, paused, and all that
 * there was is on its way to the target, so much as `extent` says. `importing`: target. `complete`: target, which has all that `takeOver`
 * spoke of. `failed`: given up for the reason in `error`; the mover does no more for this move, and what it has stored is purged by a command.
 */
export type MoveReportState = 'copying' | 'ready' | 'drained' | 'importing' | 'complete' | 'failed';

/** All of a copy: the frames that one attempt of the source has made. */
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

/** How a move ended. `handed`: the target has the slots. `cancelled`: the source keeps them, the target's copy is worthless. */
export type MoveOutcome = 'handed' | 'cancelled';

export interface Mover {
  /** Copy the slots of `move` to `target`. They are MOVING in the table. Reports `copying` now and then, `ready` once. */
  beginExport(move: SlotMove, target: ClusterNode): void;
  /**
   * The slots are PAUSED in the table: let each data thread finish its batch, send the rest, report `drained`, and send again what is lost. Should
   * it take too long until all is sent (a mover's own limit), report `failed` instead: the slots are served on.
   */
  shipRest(moveId: number): void;
  /** Take items of `move` from `source` from now on, after what was there in its slots before is deleted. They are IMPORTING in the table. */
  beginImport(move: SlotMove, source: ClusterNode): void;
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
  /** This node was removed from the cluster: end all moves and purges unreported, delete everything, report `dropped`. */
  dropAll(): void;
}

/** What a mover tells, as calls to the host. */
export interface MoverReports {
  moveChanged(report: MoveReport): void;
  purged(purgeId: number): void;
  dropped(): void;
}
