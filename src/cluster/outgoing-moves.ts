/**
 * The moves from this node, with the dialogue that hands slots over. Part of the agent.
 *
 *     waiting ─► copying ─► pausing ─► handing ─► handed        each before `handed` ─► failed
 *
 * What makes it safe: `handover` is said only while all commands on the slots wait and all that there was is in frames, whose number it tells; the target
 * takes over only with all of them. From then on the slots are served here again only when the
 * target has said that it will never take over (`unknown`), or is gone from the topology. Ids of moves are never used twice.
 *
 * A move that the topology ends in this node's favour, though the target may have taken over, leaves a doubt: the slots are held back
 * until the target has said that it does not serve them, or is gone. If it is gone, what this node has in them is worthless: the target
 * may have accepted writes, and older values must not come back.
 */
import type { MoveProgress } from '../protocol/cluster/messages.ts';
import { shortNodeId } from '../topology/short-node-id.ts';
import type { SlotMove, Topology } from '../topology/topology.ts';
import type { AgentOutput } from './agent-output.ts';
import type { ExportPhase, MoveSnapshot } from './agent-types.ts';
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

/** A target's answer is waited for so long. */
const ANSWER_TIMEOUT_MS = 500;
/** Then, and after an answer that settles nothing, it is asked again after this. */
const ASK_AGAIN_MS = 100;

interface Export extends KnownMove<ExportPhase> {
  /** What the target has to have, once all was sent. */
  extent: MoveExtent | null;
  /** All is ready to be handed over, but whether the target knows of the move is being asked: nothing else has told it so, where a stream to a replica brings the items. */
  asksAhead: boolean;
}

/** What became of exports by a topology. */
export interface EndedExports {
  /** Moves that go on. */
  readonly continuing: readonly SlotMove[];
  /** Moves that are over, whose target is gone and perhaps served: what this node has in the slots is worthless. */
  readonly perhapsHanded: readonly SlotMove[];
}

const MARKS: Readonly<Record<ExportPhase, MoveMark | null>> = {
  waiting: null,
  copying: 'moving',
  pausing: 'paused',
  handing: 'paused',
  handed: 'away',
  failed: null,
};

export class OutgoingMoves {
  private readonly output: AgentOutput;
  private topology: Topology;
  private readonly exports = new Map<number, Export>();
  private readonly doubts = new Map<number, SlotMove>();
  /** By the move's id: when its target is to be asked how it stands. */
  private readonly askAtMs = new Map<number, number>();

  constructor(output: AgentOutput, topology: Topology) {
    this.output = output;
    this.topology = topology;
  }

  /** Ends the moves that `topology` does not have any more; those that are new wait for `begin`. */
  takeTopology(topology: Topology, selfId: string, nowMs: number): EndedExports {
    this.topology = topology;
    const perhapsHanded = this.endDoubts(selfId);
    const running = new Map(topology.moves.filter(({ from }) => from === selfId).map((move) => [move.id, move]));
    const continuing: SlotMove[] = [];
    for (const [id, moved] of this.exports) {
      if (running.has(id)) {
        continuing.push(moved.move);
        continue;
      }
      if (this.end(moved, selfId, nowMs) === 'perhapsHanded') perhapsHanded.push(moved.move);
    }
    for (const [id, move] of running) {
      if (!this.exports.has(id))
        this.exports.set(id, {
          move,
          phase: 'waiting',
          progress: NO_PROGRESS,
          error: null,
          extent: null,
          asksAhead: false,
        });
    }
    return { continuing, perhapsHanded };
  }

  /** Begins the moves of which no slot is held back. True where there was one: its slots have another mark. */
  begin(withheld: Uint8Array): boolean {
    let begun = false;
    for (const moved of this.exports.values()) {
      const { move, phase } = moved;
      if (phase !== 'waiting' || move.slots.some((slot) => withheld[slot] !== 0)) continue;
      moved.phase = 'copying';
      const how = this.topology.isToReplica(move) ? 'replica' : 'copy';
      this.output.add({ type: 'beginExport', move, target: this.topology.node(move.to)!, how });
      begun = true;
    }
    return begun;
  }

  /** What the mover tells. */
  takeReport(report: MoveReport, nowMs: number): ReportChange {
    const moved = this.exports.get(report.id);
    if (moved === undefined) return 'nothing';
    moved.progress = progressOf(report);
    const { phase } = moved;
    if (report.state === 'ready' && phase === 'copying') {
      if (!this.topology.isToReplica(moved.move)) {
        this.pause(moved);
        return 'marks';
      }
      moved.asksAhead = true;
      this.ask(moved.move, nowMs);
      return 'nothing';
    }
    if (report.state === 'drained' && phase === 'pausing' && report.extent !== undefined) {
      moved.phase = 'handing';
      moved.extent = report.extent;
      this.sendHandover(moved.move, report.extent, nowMs);
      return 'nothing';
    }
    if (report.state === 'failed' && (phase === 'copying' || phase === 'pausing')) {
      this.fail(moved, report.error ?? 'no reason was given');
      return 'news';
    }
    return 'nothing';
  }

  /** Gives moves up that were not handed over, nor are being so. True where there was one. */
  cancel(moveIds: readonly number[]): boolean {
    let cancelled = false;
    for (const moveId of moveIds) {
      const moved = this.exports.get(moveId);
      if (moved === undefined || !['waiting', 'copying', 'pausing'].includes(moved.phase)) continue;
      this.fail(moved, 'it was cancelled');
      cancelled = true;
    }
    return cancelled;
  }

  /** The target of `moveId` said how it stands. True where marks have changed by that. */
  targetAnswered(moveId: number, state: 'importing' | 'handed' | 'unknown', nowMs: number): boolean {
    if (this.doubts.has(moveId)) {
      if (state === 'unknown') return this.doubts.delete(moveId);
      this.targetSilent(moveId, nowMs);
      return false;
    }
    const moved = this.exports.get(moveId);
    if (moved === undefined || moved.phase !== 'handing') return false;
    this.askAtMs.delete(moveId);
    if (state === 'importing') {
      this.sendHandover(moved.move, moved.extent!, nowMs);
      return false;
    }
    if (state === 'handed') {
      moved.phase = 'handed';
      this.output.add({ type: 'endMove', moveId, outcome: 'handed' });
      this.output.log('info', `handed ${slotCountText(moved.move)} over to node ${shortNodeId(moved.move.to)}`);
    } else this.fail(moved, 'the target has given the move up');
    return true;
  }

  /** The target of `moveId` was asked ahead, and said how it stands. True where marks have changed by that. */
  targetKnows(moveId: number, state: 'importing' | 'handed' | 'unknown', nowMs: number): boolean {
    const moved = this.exports.get(moveId);
    if (moved === undefined || !moved.asksAhead || moved.phase !== 'copying') return false;
    if (state !== 'importing') {
      this.targetSilent(moveId, nowMs);
      return false;
    }
    this.pause(moved);
    return true;
  }

  /** The target of `moveId` did not answer, or not usefully: it is asked again and again. */
  targetSilent(moveId: number, nowMs: number): void {
    const moved = this.exports.get(moveId);
    const isAhead = moved?.phase === 'copying' && moved.asksAhead;
    if (isAhead || moved?.phase === 'handing' || this.doubts.has(moveId)) {
      this.askAtMs.set(moveId, nowMs + ASK_AGAIN_MS);
    }
  }

  /** Asks the targets whose turn it is. */
  tick(nowMs: number): void {
    for (const [moveId, atMs] of this.askAtMs) {
      if (atMs > nowMs) continue;
      this.askAtMs.delete(moveId);
      const move = this.exports.get(moveId)?.move ?? this.doubts.get(moveId);
      if (move !== undefined) this.ask(move, nowMs);
    }
  }

  private ask({ id, to }: SlotMove, nowMs: number): void {
    const target = this.topology.node(to);
    if (target === null) return;
    const isAhead = this.exports.get(id)?.phase === 'copying';
    this.output.askPeer(
      target,
      {
        type: 'moveStatus',
        cluster: this.topology.cluster,
        to: target.id,
        move: id,
        ...(isAhead ? { isAhead } : {}),
      },
      { purpose: { kind: isAhead ? 'moveAhead' : 'moveStatus', moveId: id }, nowMs, timeoutMs: ANSWER_TIMEOUT_MS },
    );
  }

  private pause(moved: Export): void {
    moved.phase = 'pausing';
    this.output.add({ type: 'shipRest', moveId: moved.move.id });
  }

  /** This node was removed. */
  clear(): void {
    this.exports.clear();
    this.doubts.clear();
    this.askAtMs.clear();
  }

  addMarks(marks: Map<number, MoveMark>): void {
    for (const [id, { phase }] of this.exports) {
      const mark = MARKS[phase];
      if (mark !== null) marks.set(id, mark);
    }
  }

  /** Moves that the topology has ended, whose target may serve the slots nevertheless. */
  doubtful(): readonly SlotMove[] {
    return [...this.doubts.values()];
  }

  /** All moves whose target may serve the slots without having said so. */
  unsure(): readonly SlotMove[] {
    const handing = [...this.exports.values()].filter(({ phase }) => phase === 'handing');
    return [...handing.map(({ move }) => move), ...this.doubts.values()];
  }

  progress(): readonly MoveProgress[] {
    return [...this.exports.values()].map(toldProgress);
  }

  snapshot(): readonly MoveSnapshot[] {
    return [...this.exports.values()].map((known) => moveSnapshot(known, 'source'));
  }

  private endDoubts(selfId: string): SlotMove[] {
    const perhapsHanded: SlotMove[] = [];
    for (const [id, move] of this.doubts) {
      const isOurs = ownsSome(this.topology, selfId, move);
      if (isOurs && this.topology.node(move.to) !== null) continue;
      this.doubts.delete(id);
      this.askAtMs.delete(id);
      if (isOurs) perhapsHanded.push(move);
    }
    return perhapsHanded;
  }

  private end({ move, phase }: Export, selfId: string, nowMs: number): 'settled' | 'perhapsHanded' {
    this.exports.delete(move.id);
    const isOurs = ownsSome(this.topology, selfId, move);
    this.output.add({ type: 'endMove', moveId: move.id, outcome: isOurs ? 'cancelled' : 'handed' });
    if (!isOurs || (phase !== 'handing' && phase !== 'handed')) {
      this.askAtMs.delete(move.id);
      return 'settled';
    }
    if (this.topology.node(move.to) === null) {
      this.askAtMs.delete(move.id);
      return 'perhapsHanded';
    }
    this.doubts.set(move.id, move);
    if (!this.askAtMs.has(move.id)) this.askAtMs.set(move.id, nowMs);
    return 'settled';
  }

  private fail(moved: Export, error: string): void {
    moved.phase = 'failed';
    moved.error = error;
    this.output.add({ type: 'endMove', moveId: moved.move.id, outcome: 'cancelled' });
    this.output.log(
      'warn',
      `the move of ${slotCountText(moved.move)} to node ${shortNodeId(moved.move.to)} failed: ${error}`,
    );
  }

  private sendHandover(move: SlotMove, extent: MoveExtent, nowMs: number): void {
    this.output.askPeer(
      this.topology.node(move.to)!,
      { type: 'handover', cluster: this.topology.cluster, to: move.to, move: move.id, ...extent },
      { purpose: { kind: 'handover', moveId: move.id }, nowMs, timeoutMs: ANSWER_TIMEOUT_MS },
    );
  }
}
