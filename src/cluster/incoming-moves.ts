/**
 * The moves to this node. Part of the agent.
 *
 *     importing ─(handover, all is there, and on disk where data is kept)─► handed        importing ─► failed
 *
 * The slots are taken over only on the source's word and with all that it has sent, once; a move that was given up or forgotten never is. What was taken over is remembered:
 * a source that is behind with its topologies may ask long after the coordinator has ended the move, and must not take it for given up.
 */
import type { MoveProgress } from '../protocol/cluster/messages.ts';
import { shortNodeId } from '../topology/short-node-id.ts';
import type { SlotMove, Topology } from '../topology/topology.ts';
import type { AgentOutput } from './agent-output.ts';
import type { ImportPhase, MoveSnapshot } from './agent-types.ts';
import type { DiskDuties } from './disk-duties.ts';
import {
  type KnownMove,
  moveSnapshot,
  NO_PROGRESS,
  ownsSome,
  progressOf,
  type ReportChange,
  slotCountText,
  toldProgress,
} from './move-parts.ts';
import type { MoveExtent, MoveReport } from './mover.ts';
import type { MoveMark } from './slot-image.ts';

interface Import extends KnownMove<ImportPhase> {
  /** The handover that is answered when the copy is complete, or will never be; null: none was said. */
  ticket: number | null;
  /** Of a node that keeps its data: all is there, and has been claimed under this id since then; null: not yet. */
  claim: { readonly id: number; readonly untilMs: number } | null;
}

type MoveState = 'importing' | 'handed' | 'unknown';

/** Moves taken over, or renounced, that are remembered: far more than a cluster makes in the time that a source may be behind. */
const TAKEN_MAX = 16_384;

/** So long the disk may take to have all that a move brought. */
const CLAIM_MS_MAX = 2000;

/** What became of imports by a topology. */
export interface EndedImports {
  /** Moves that go on. */
  readonly continuing: readonly SlotMove[];
  /** Moves that are over without a handover: what they brought is worthless. */
  readonly unfinished: readonly SlotMove[];
}

const MARKS: Readonly<Record<ImportPhase, MoveMark | null>> = {
  importing: 'importing',
  handed: 'taken',
  failed: null,
};

export class IncomingMoves {
  private readonly output: AgentOutput;
  /** Null: the node keeps nothing. */
  private readonly disk: DiskDuties | null;
  private readonly imports = new Map<number, Import>();
  /** Moves that were taken over and that the topology ended with that, the oldest first. */
  private readonly taken = new Set<number>();
  /** Moves that were asked about before this node knew of them: it has said that it never takes them over. The oldest first. */
  private readonly renounced = new Set<number>();

  constructor(output: AgentOutput, disk: DiskDuties | null = null) {
    this.output = output;
    this.disk = disk;
  }

  /** Ends the moves that `topology` does not have any more. */
  takeTopology(topology: Topology, selfId: string): EndedImports {
    const running = new Set(topology.moves.filter(({ to }) => to === selfId).map(({ id }) => id));
    const continuing: SlotMove[] = [];
    const unfinished: SlotMove[] = [];
    for (const [id, moved] of this.imports) {
      const { move, phase } = moved;
      if (running.has(id)) {
        continuing.push(move);
        continue;
      }
      this.imports.delete(id);
      const isHanded = phase === 'handed';
      this.answer(moved, 'unknown');
      if (!isHanded) unfinished.push(move);
      const isKept = isHanded && ownsSome(topology, selfId, move);
      if (isKept) this.remember(id);
      this.output.add({ type: 'endMove', moveId: id, outcome: isKept ? 'handed' : 'cancelled' });
    }
    return { continuing, unfinished };
  }

  /** Begins the moves of `topology` that are new here. */
  begin(topology: Topology, selfId: string): void {
    for (const move of topology.moves) {
      if (move.to !== selfId || this.imports.has(move.id)) continue;
      if (this.renounced.has(move.id)) {
        const error = 'it was to be taken over before this node knew of it';
        this.imports.set(move.id, { move, phase: 'failed', progress: NO_PROGRESS, error, ticket: null, claim: null });
        continue;
      }
      const progress = NO_PROGRESS;
      this.imports.set(move.id, { move, phase: 'importing', progress, error: null, ticket: null, claim: null });
      const how = topology.isToReplica(move) ? 'replica' : 'copy';
      this.output.add({ type: 'beginImport', move, source: topology.node(move.from)!, how });
    }
  }

  /** What the mover tells. */
  takeReport(report: MoveReport, topology: Topology, nowMs: number): ReportChange {
    const moved = this.imports.get(report.id);
    if (moved === undefined) return 'nothing';
    moved.progress = progressOf(report);
    if (moved.phase !== 'importing') return 'nothing';
    if (report.state === 'complete' && moved.ticket !== null) {
      if (this.disk === null) return this.handOver(moved);
      moved.claim ??= { id: this.disk.takeOver(moved.move, topology), untilMs: nowMs + CLAIM_MS_MAX };
      return 'nothing';
    }
    if (report.state !== 'failed') return 'nothing';
    return this.fail(moved, report.error ?? 'no reason was given');
  }

  /** What was claimed under `claimId` is on disk. */
  claimed(claimId: number): ReportChange {
    for (const moved of this.imports.values()) {
      if (moved.claim?.id === claimId && moved.phase === 'importing') return this.handOver(moved);
    }
    return 'nothing';
  }

  /** Gives up the moves that wait for the disk for too long: their clients wait, too. */
  tick(nowMs: number): ReportChange {
    let change: ReportChange = 'nothing';
    for (const moved of this.imports.values()) {
      if (moved.phase !== 'importing' || moved.claim === null || nowMs < moved.claim.untilMs) continue;
      change = this.fail(moved, `the disk has not taken what came within ${CLAIM_MS_MAX} ms`);
    }
    return change;
  }

  private handOver(moved: Import): ReportChange {
    const { move } = moved;
    moved.phase = 'handed';
    this.output.add({ type: 'endMove', moveId: move.id, outcome: 'handed' });
    this.output.log('info', `took over ${slotCountText(move)} from node ${shortNodeId(move.from)}`);
    this.answer(moved, 'handed');
    return 'news';
  }

  private fail(moved: Import, error: string): ReportChange {
    const { move } = moved;
    moved.phase = 'failed';
    moved.error = error;
    if (moved.claim !== null) this.disk?.takeBack(move);
    this.answer(moved, 'unknown');
    this.output.add({ type: 'endMove', moveId: move.id, outcome: 'cancelled' });
    this.output.log(
      'warn',
      `the move of ${slotCountText(move)} from node ${shortNodeId(move.from)} failed: ${moved.error}`,
    );
    return 'news';
  }

  /** The source has let go of the slots of `moveId` and sent `extent`. It is answered, under `ticket`, when this node serves them, or never will. */
  takeHandover(moveId: number, extent: MoveExtent, ticket: number): void {
    const moved = this.imports.get(moveId);
    if (moved === undefined || moved.phase !== 'importing') {
      this.tellState(moveId, ticket);
      return;
    }
    // A source that asks again does not wait for the answer to what it asked before.
    this.answer(moved, 'importing');
    moved.ticket = ticket;
    this.output.add({ type: 'takeOver', moveId, extent });
  }

  /** Answers how `moveId` stands, bindingly: what this node does not take over now it never does, also where it hears of the move later. */
  tellState(moveId: number, ticket: number): void {
    const state = this.stateOf(moveId);
    if (state === 'unknown' && !this.imports.has(moveId)) keep(this.renounced, moveId);
    this.reply(ticket, state);
  }

  /** Answers whether this node knows of the move `moveId` yet. */
  tellKnown(moveId: number, ticket: number): void {
    this.reply(ticket, this.stateOf(moveId));
  }

  /** How `moveId` stands. `handed`: this node took the slots over, whoever has them now. `unknown`: it did not, and never will. */
  stateOf(moveId: number): MoveState {
    if (this.taken.has(moveId)) return 'handed';
    const phase = this.imports.get(moveId)?.phase ?? 'failed';
    return phase === 'failed' ? 'unknown' : phase;
  }

  /** This node was removed, or has left. */
  clear(): void {
    for (const [id, moved] of this.imports) {
      if (moved.phase === 'handed') this.remember(id);
      this.answer(moved, 'unknown');
    }
    this.imports.clear();
  }

  private answer(moved: Import, state: MoveState): void {
    if (moved.ticket !== null) this.reply(moved.ticket, state);
    moved.ticket = null;
  }

  private reply(ticket: number, state: MoveState): void {
    this.output.add({ type: 'reply', ticket, answer: { type: 'moveState', state } });
  }

  private remember(moveId: number): void {
    keep(this.taken, moveId);
  }

  addMarks(marks: Map<number, MoveMark>): void {
    for (const [id, { phase }] of this.imports) {
      const mark = MARKS[phase];
      if (mark !== null) marks.set(id, mark);
    }
  }

  /** Moves that have failed here: of the others the source tells. */
  failed(): readonly MoveProgress[] {
    return [...this.imports.values()].filter(({ phase }) => phase === 'failed').map(toldProgress);
  }

  /** Moves that were handed over. */
  handedIds(): readonly number[] {
    return [...this.imports.values()].filter(({ phase }) => phase === 'handed').map(({ move }) => move.id);
  }

  snapshot(): readonly MoveSnapshot[] {
    return [...this.imports.values()].map((known) => moveSnapshot(known, 'target'));
  }
}

/** Remembers `moveId`, and forgets the oldest of too many. */
function keep(moves: Set<number>, moveId: number): void {
  moves.add(moveId);
  if (moves.size > TAKEN_MAX) moves.delete(moves.values().next().value!);
}
