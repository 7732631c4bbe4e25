/**
 * The mover of a node: all moves in which it takes part, over its store, the streams to and from replicas, and the deletions. Sans-IO: the host gives connections, time and
 * frames (`MoverPort`, `step`, `takeFrame`, `takeReplicaFrame`), and calls `step` when `wake` asks for it or when the time has come that the last step told. Everything runs on the control
 * thread, in steps of about a millisecond, so that the thread's leases and topologies never wait for data. While a hand-over goes on, clients wait:
 * its steps come at once, and other work only now and then.
 */
import { assert } from '../base/assert.ts';
import type { ChangeLog } from '../changes/change-log.ts';
import type { Store } from '../store/store.ts';
import { ANY_NAMESPACE } from '../store/iteration.ts';
import type { SlotNote } from '../store/slot-notes.ts';
import { SlotSet } from '../store/slot-set.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import type { ClusterNode, SlotMove } from '../topology/topology.ts';
import { BytePace } from './byte-pace.ts';
import type { ReplyToFrame } from './frame-intake.ts';
import { encodeFrameReply, FrameOutcome, MoveFrameReader } from './move-frames.ts';
import { CopyTable } from './copy-table.ts';
import type { DiskNotes } from './disk-notes.ts';
import type { LinkPurpose, MoveLink, MoveLinkEvents } from './move-link.ts';
import { MoveSource } from './move-source.ts';
import { MoveTarget } from './move-target.ts';
import {
  type KeptSlots,
  type MoveExtent,
  type MoveOutcome,
  type Mover,
  type MoveReport,
  type MoverReports,
  type MoveWay,
  NOTHING_KEPT,
  type ReplicaAssignment,
} from './mover.ts';
import { ReplicaExport } from './replica-export.ts';
import { ReplicaImport } from './replica-import.ts';
import type { ReplicaTable } from './replica-table.ts';
import { type ReplicaFigures, Replicator } from './replicator.ts';
import { SlotPurge } from './slot-purge.ts';

/** How often progress is reported. */
const REPORT_MS = 250;
/** How often it is looked whether what was claimed is on disk: a move may wait for that, and its clients. */
const CLAIM_LOOK_MS = 1;
/** How long other work may wait for hand-overs. */
const OTHERS_WAIT_MS = 10;

/** What the mover needs of the host. */
export interface MoverPort {
  connect(target: ClusterNode, purpose: LinkPurpose, events: MoveLinkEvents): MoveLink;
  /** `step` is to be called soon. */
  wake(): void;
  /** As `wake`, as soon as what runs has ended: clients wait for it. */
  wakeNow(): void;
  /** Those who were made to wait with a write (`Store.writersWait`) are to look again. */
  writersResumed(): void;
}

export interface StoreMoverParts {
  /** The control thread's access (`controlRow`). */
  readonly store: Store;
  readonly log: ChangeLog;
  readonly port: MoverPort;
  readonly reports: MoverReports;
  /** What all exports and copies to replicas together may scan in a second, until `setPace`; Infinity: as fast as they can. */
  readonly bytesPerSecond: number;
  /** How far replicas are, for data threads. The mover is its one writer. */
  readonly replicas: ReplicaTable;
  /** What this node copies, for data threads; left out: nobody reads copies. The mover is its one writer. */
  readonly copies?: CopyTable;
  /** Whether this node has the right to serve, and serves all of its slots, right now; left out: it does. */
  readonly servesAll?: () => boolean;
  /** Replicas have confirmed more, or slots have other copies; left out: nobody waits for that. */
  readonly onReplicasAdvanced?: () => void;
  /** Of a node that keeps its data. */
  readonly disk?: DiskNotes | undefined;
  readonly random01: () => number;
}

interface Export {
  readonly source: MoveSource | ReplicaExport;
  /** Null where a stream to a replica carries everything. */
  readonly link: MoveLink | null;
}

interface Reported {
  readonly state: string;
  readonly atMs: number;
}

export class StoreMover implements Mover {
  private readonly parts: StoreMoverParts;
  private readonly purges: SlotPurge;
  private readonly pace: BytePace;
  private readonly replicator: Replicator;
  private readonly exports = new Map<number, Export>();
  private readonly imports = new Map<number, MoveTarget | ReplicaImport>();
  /** What was told of each move last. */
  private readonly reported = new Map<number, Reported>();
  /** Deletions that are done and not yet reported. */
  private purged: number[] = [];
  /** What is not on disk yet, the oldest first, with its mark. */
  private readonly claims: { readonly claimId: number; readonly mark: number }[] = [];
  /** All but these slots are to be deleted; null: nothing is. */
  private dropWanted: SlotSet | null = null;
  /** When other things than hand-overs were worked on last. */
  private othersAtMs = Number.NEGATIVE_INFINITY;
  private nowMs = 0;
  private wallMs = 0;

  constructor(parts: StoreMoverParts) {
    this.parts = parts;
    parts.store.countsUse = false;
    parts.store.recordsWrites = parts.disk === undefined ? null : 'received';
    this.purges = new SlotPurge(parts.store, parts.disk ?? null);
    this.pace = new BytePace(parts.bytesPerSecond);
    const { store, log, port, replicas: table, copies, servesAll, onReplicasAdvanced, random01 } = parts;
    this.replicator = new Replicator({
      store,
      log,
      purges: this.purges,
      pace: this.pace,
      table,
      connect: (target, events) => port.connect(target, 'replica', events),
      onAdvance: onReplicasAdvanced ?? NOBODY_WAITS,
      copies: copies ?? CopyTable.create(),
      servesAll: servesAll ?? ALWAYS,
      wake: () => port.wake(),
      wakeNow: () => port.wakeNow(),
      random01,
    });
  }

  beginExport(move: SlotMove, target: ClusterNode, how: MoveWay): void {
    if (this.exports.has(move.id)) return;
    if (how === 'replica') {
      this.exports.set(move.id, { source: this.replicaExport(move), link: null });
      this.parts.port.wake();
      return;
    }
    const { store, log, port } = this.parts;
    const source = new MoveSource({ store, log, moveId: move.id, slots: move.slots, pace: this.pace });
    const link = port.connect(target, 'move', {
      up: () => {
        source.linkUp();
        port.wake();
      },
      down: () => source.linkDown(),
      replied: (reply) => {
        source.replied(reply, this.nowMs);
        port.wake();
      },
    });
    this.exports.set(move.id, { source, link });
    port.wake();
  }

  shipRest(moveId: number): void {
    this.exports.get(moveId)?.source.shipRest();
    this.parts.port.wakeNow();
  }

  beginImport(move: SlotMove, _source: ClusterNode, how: MoveWay): void {
    if (this.imports.has(move.id)) return;
    const { store } = this.parts;
    const target =
      how === 'copy'
        ? new MoveTarget(store, this.purges, move.id, move.slots)
        : new ReplicaImport(move.id, move.slots, () => this.replicator.streamFrom(move.from));
    this.imports.set(move.id, target);
    this.parts.port.wake();
  }

  takeOver(moveId: number, extent: MoveExtent): void {
    this.imports.get(moveId)?.takeOver(extent);
    this.parts.port.wakeNow();
  }

  endMove(moveId: number, _outcome: MoveOutcome): void {
    const moved = this.exports.get(moveId);
    moved?.source.close();
    moved?.link?.close();
    if (moved?.source.takeWritersResumed() === true) this.parts.port.writersResumed();
    this.exports.delete(moveId);
    this.imports.delete(moveId);
    this.reported.delete(moveId);
  }

  purge(purgeId: number, slots: readonly number[]): void {
    this.purges.add(new SlotSet(slots), ANY_NAMESPACE, () => {
      this.purged.push(purgeId);
    });
    this.replicator.purging(slots);
    this.parts.port.wake();
  }

  replicateTo(selfId: string, targets: readonly ReplicaAssignment[]): void {
    this.replicator.replicateTo(selfId, targets);
  }

  copyFrom(selfId: string, sources: readonly ReplicaAssignment[], kept: KeptSlots = NOTHING_KEPT): void {
    this.replicator.copyFrom(selfId, sources, kept);
  }

  /** Somebody waits until replicas have what was written so far. */
  confirmNow(): void {
    this.replicator.confirmNow();
  }

  setPace(bytesPerSecond: number): void {
    this.pace.setRate(bytesPerSecond);
    this.parts.port.wake();
  }

  claim(claimId: number, notes: readonly SlotNote[]): void {
    const { disk, port } = this.parts;
    assert(disk !== undefined, 'this node keeps its data');
    this.claims.push({ claimId, mark: disk.claimed(notes) });
    port.wake();
  }

  dropAll(kept: readonly number[]): void {
    for (const moveId of [...this.exports.keys(), ...this.imports.keys()]) this.endMove(moveId, 'cancelled');
    this.replicator.clear();
    this.purges.clear();
    this.purged = [];
    this.claims.length = 0;
    this.dropWanted = new SlotSet(kept);
    this.parts.port.wake();
  }

  /**
   * The value of a `moveItems` request that came in. The bytes are the mover's from here on. `reply` gets the value of the reply, now or in a later step;
   * where the frame is not one at all, at once.
   */
  takeFrame(bytes: Uint8Array, reply: ReplyToFrame): void {
    let frame: MoveFrameReader;
    try {
      frame = new MoveFrameReader(bytes);
    } catch (error) {
      const text = (error as Error).message;
      reply(encodeFrameReply({ outcome: FrameOutcome.failed, attempt: 0, next: 0, text }));
      return;
    }
    const target = this.imports.get(frame.move);
    if (target === undefined || target instanceof ReplicaImport) {
      reply(encodeFrameReply({ outcome: FrameOutcome.unknown, attempt: frame.attempt, next: 0, text: '' }));
      return;
    }
    target.receive(frame, reply, this.wallMs);
    if (target.isTakingOver) this.parts.port.wakeNow();
    else this.parts.port.wake();
  }

  /** The monotonic ms as of which this node has at least what the source had, in the slots that are synced from it; −Infinity: not known. */
  freshAtMs(sourceId: string): number {
    return this.replicator.freshAtMs(sourceId);
  }

  get replicaFigures(): ReplicaFigures {
    return this.replicator.figures;
  }

  /** The value of a `replicate` request, as `takeFrame`; `nowMs` and `wallMs` as of `step`. */
  takeReplicaFrame(bytes: Uint8Array, reply: ReplyToFrame, nowMs: number, wallMs: number): void {
    this.replicator.takeFrame(bytes, reply, nowMs, wallMs);
    for (const target of this.imports.values()) if (target.isTakingOver) this.parts.port.wakeNow();
  }

  /** A piece of work of each kind. Returns the monotonic ms at which the next step is due at the latest. */
  step(nowMs: number, wallMs: number): number {
    this.nowMs = nowMs;
    this.wallMs = wallMs;
    if (this.dropWanted !== null) this.drop(this.dropWanted, wallMs);
    this.replicator.copies.publish(this.replicator.incoming);
    const othersWait = this.isHandingOver && nowMs - this.othersAtMs < OTHERS_WAIT_MS;
    if (!othersWait) {
      this.othersAtMs = nowMs;
      this.purges.step();
    }
    for (const target of this.imports.values()) {
      if (!othersWait || target.isTakingOver) target.storeWaiting(wallMs);
      target.checkExtent(nowMs);
    }
    let writersResumed = false;
    for (const { source, link } of this.exports.values()) {
      if (othersWait && !source.isHandingOver) continue;
      source.step(nowMs, wallMs, (frame) => link?.send(frame));
      if (source.takeWritersResumed()) writersResumed = true;
    }
    if (writersResumed) this.parts.port.writersResumed();
    if (!othersWait || this.replicator.isAwaited) this.replicator.step(nowMs, wallMs);
    this.report(nowMs);
    return this.wakeAtMs(nowMs);
  }

  /** A source is about to hand over, or has clients wait for it, and each target may be what such a source waits for. Changes for replicas are waited for, too. */
  get mayRest(): boolean {
    return this.imports.size === 0 && !this.isHandingOver && this.replicator.mayRest;
  }

  /** Clients wait for a move, or may at any moment. */
  private get isHandingOver(): boolean {
    for (const { source } of this.exports.values()) if (source.isHandingOver) return true;
    for (const target of this.imports.values()) if (target.isTakingOver) return true;
    return false;
  }

  /** The stream to the target brings it all that the move is about. */
  private replicaExport({ id, slots, to }: SlotMove): ReplicaExport {
    const { store, log } = this.parts;
    return new ReplicaExport({
      store,
      moveId: id,
      slots,
      stream: () => this.replicator.streamTo(to),
      logEnd: () => log.end,
      confirmNow: () => this.replicator.confirmNow(),
    });
  }

  private drop(kept: SlotSet, wallMs: number): void {
    const { store, reports, disk } = this.parts;
    this.dropWanted = null;
    if (disk !== undefined) {
      const others = Array.from({ length: SLOT_COUNT }, (_, slot) => slot).filter((slot) => !kept.has(slot));
      this.purges.add(new SlotSet(others), ANY_NAMESPACE, () => reports.dropped());
      return;
    }
    store.enter();
    store.beginExclusive();
    store.flush(-1, wallMs);
    store.endExclusive();
    store.leave();
    reports.dropped();
  }

  /** A report may give new commands, so it goes over copies. */
  private report(nowMs: number): void {
    const { reports } = this.parts;
    for (const purgeId of this.purged.splice(0)) reports.purged(purgeId);
    const { disk } = this.parts;
    while (this.claims.length > 0 && disk!.isDurable(this.claims[0]!.mark))
      reports.claimed(this.claims.shift()!.claimId);
    const all = [...[...this.exports.values()].map(({ source }) => source), ...this.imports.values()];
    for (const { id, report } of all) {
      const known = this.exports.has(id) || this.imports.has(id);
      if (known && this.isNews(report, nowMs)) reports.moveChanged(report);
    }
    const replicas = this.replicator.takeReport(nowMs);
    if (replicas !== null) reports.replicasChanged(replicas);
  }

  private isNews({ id, state }: MoveReport, nowMs: number): boolean {
    const last = this.reported.get(id);
    if (last !== undefined && last.state === state && nowMs - last.atMs < REPORT_MS) return false;
    if (last !== undefined && last.state === state && state !== 'copying' && state !== 'importing') return false;
    this.reported.set(id, { state, atMs: nowMs });
    return true;
  }

  private wakeAtMs(nowMs: number): number {
    if (this.purged.length > 0 || this.dropWanted !== null) return nowMs;
    const othersMs = this.isHandingOver ? Math.max(nowMs, this.othersAtMs + OTHERS_WAIT_MS) : nowMs;
    const streamsAtMs = this.replicator.wakeAtMs(nowMs);
    let wakeAtMs = this.replicator.isAwaited ? streamsAtMs : Math.max(othersMs, streamsAtMs);
    if (this.claims.length > 0) wakeAtMs = Math.min(wakeAtMs, nowMs + CLAIM_LOOK_MS);
    if (!this.purges.isIdle) wakeAtMs = Math.min(wakeAtMs, othersMs);
    for (const { source } of this.exports.values()) {
      const sourceAtMs = source.wakeAtMs(nowMs);
      wakeAtMs = Math.min(wakeAtMs, source.isHandingOver ? sourceAtMs : Math.max(sourceAtMs, othersMs));
    }
    for (const target of this.imports.values()) wakeAtMs = Math.min(wakeAtMs, target.dueAtMs, nowMs + REPORT_MS);
    return wakeAtMs;
  }
}

const NOBODY_WAITS = (): void => {};
const ALWAYS = (): boolean => true;
