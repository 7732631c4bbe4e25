/**
 * All streams of a node, to its replicas and from those whose replica it is. Part of the mover, which steps it.
 *
 *     change log ─► feed ─► StreamSource, one for each replica ─ frames ─► its node
 *     nodes ─ frames ─► StreamTarget, one for each source ─► store: slots that are kept
 *
 * What replicas have confirmed is published for data threads together with which slots are synced: a confirmation never counts for a copy that is not one any more.
 */
import type { ChangeLog } from '../changes/change-log.ts';
import { recordsBetween } from '../changes/log-position.ts';
import type { Store } from '../store/store.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import type { ClusterNode } from '../topology/topology.ts';
import type { BytePace } from './byte-pace.ts';
import type { ReplyToFrame } from './frame-intake.ts';
import type { MoveLink, MoveLinkEvents } from './move-link.ts';
import { type KeptSlots, NOTHING_KEPT, type ReplicaAssignment, type ReplicaReport } from './mover.ts';
import { KeptCopies } from './kept-copies.ts';
import { limitKept } from './kept-memory.ts';
import { CopyPublisher } from './copy-publisher.ts';
import type { CopyTable } from './copy-table.ts';
import { ReplicaFeed } from './replica-feed.ts';
import { type ReplicaTable, STREAM_COUNT_MAX } from './replica-table.ts';
import { listsBySlot } from './slot-lists.ts';
import type { SlotPurge } from './slot-purge.ts';
import { encodeStreamReply, StreamFrameReader, StreamOutcome } from './stream-frames.ts';
import { StreamSource } from './stream-source.ts';
import { StreamTarget } from './stream-target.ts';

/** How often the log is looked at while nobody waits; and where nothing was found for a while. */
const FEED_TICK_MS = 5;
const IDLE_TICK_MS = 20;
const BUSY_MS = 100;
/** How often progress is reported, and the memory of kept items looked at. */
const REPORT_MS = 250;
/** Bytes of all streams in one step: about a millisecond. */
const STEP_BYTES: number = 256 * 1024;
const WORD_VALUES: number = 2 ** 32;
/** Of a slot without a whole copy, in place of how far one is behind. */
const NO_COPY = 0xffff_ffff;

export interface ReplicatorParts {
  /** The control thread's access, which does not count uses. */
  readonly store: Store;
  readonly log: ChangeLog;
  readonly purges: SlotPurge;
  readonly pace: BytePace;
  /** This node is its one writer. */
  readonly table: ReplicaTable;
  /** The table says something else than before: data threads may be waiting for it. */
  readonly onAdvance: () => void;
  readonly copies: CopyTable;
  /** Whether this node serves all of its slots right now: nothing that it does not know of can have been written to any of them. */
  readonly servesAll: () => boolean;
  readonly connect: (target: ClusterNode, events: MoveLinkEvents) => MoveLink;
  readonly wake: () => void;
  /** As `wake`, as soon as what runs has ended. */
  readonly wakeNow: () => void;
  readonly random01: () => number;
}

export interface ReplicaFigures {
  /** Copies of all slots to a replica that had to be begun again. */
  readonly fullCopies: number;
  /** How often the change log was overrun before it was read. */
  readonly lostCount: number;
}

interface Outgoing {
  /** In the table. */
  readonly number: number;
  readonly node: ClusterNode;
  readonly stream: StreamSource;
  readonly link: MoveLink;
  slots: readonly number[];
  /** Of the stream, when the table was last written. */
  publishedVersion: number;
}

export class Replicator {
  private readonly parts: ReplicatorParts;
  private readonly feed: ReplicaFeed;
  readonly copies: CopyPublisher;
  private readonly life: number;
  private outgoing: Outgoing[] = [];
  readonly incoming = new Map<string, StreamTarget>();
  private readonly kept = new KeptCopies();
  /** Of the last `copyFrom`. */
  private epoch = 0;
  private selfId = '';
  private lastAttempt = 0;
  /** Full copies of streams that are closed. */
  private endedFullCopies = 0;
  /** Streams came or went since the table was last written. */
  private isTableOld = false;
  /** Replicas for which there is no stream: too many. */
  private refused: readonly ClusterNode[] = [];
  /** The stream that goes first in the next step. */
  private turn = 0;
  private reportedAtMs = Number.NEGATIVE_INFINITY;
  private isNews = false;
  /** Of the table, when others were told. */
  private toldNews = 0;
  private hasMore = false;
  /** Something was found in the log not long before this. */
  private busyUntilMs = Number.NEGATIVE_INFINITY;
  private nowMs = 0;
  private wallMs = 0;

  constructor(parts: ReplicatorParts) {
    this.parts = parts;
    this.feed = new ReplicaFeed(parts.log, parts.servesAll);
    this.copies = new CopyPublisher(parts.copies);
    this.life = Math.floor(parts.random01() * WORD_VALUES);
  }

  replicateTo(selfId: string, targets: readonly ReplicaAssignment[]): void {
    const wanted = targets.filter(({ slots }) => slots.length > 0).slice(0, STREAM_COUNT_MAX);
    const stays = ({ node }: Outgoing): boolean =>
      selfId === this.selfId && wanted.some((target) => isSameNode(target.node, node));
    for (const one of this.outgoing) {
      if (stays(one)) continue;
      one.link.close();
      this.endedFullCopies += one.stream.fullCopies;
      this.isTableOld = true;
    }
    this.outgoing = this.outgoing.filter(stays);
    this.selfId = selfId;
    for (const { node, slots } of wanted) {
      const known = this.outgoing.find((one) => isSameNode(one.node, node));
      if (known === undefined) this.outgoing.push(this.open(node, slots));
      else {
        known.slots = slots;
        known.stream.assign(slots);
      }
    }
    this.refused = targets.slice(STREAM_COUNT_MAX).map(({ node }) => node);
    this.feed.route(this.outgoing.map(({ stream, slots }) => ({ follower: stream, slots })));
    this.publish();
    this.parts.wake();
  }

  copyFrom(selfId: string, sources: readonly ReplicaAssignment[], { epoch, slots: kept }: KeptSlots): void {
    if (epoch !== this.epoch) this.isNews = true;
    this.epoch = epoch;
    this.selfId = selfId;
    // Before anything changes: what is kept is what there is now.
    this.kept.take(kept, this.incoming.values());
    const wanted = new Map(sources.map(({ node, slots }) => [node.id, slots]));
    for (const [id, target] of this.incoming) {
      if (wanted.has(id)) continue;
      target.close();
      this.incoming.delete(id);
      this.isNews = true;
    }
    for (const [id, slots] of wanted) {
      let target = this.incoming.get(id);
      if (target === undefined) {
        target = new StreamTarget(this.parts.store, this.parts.purges, id);
        this.incoming.set(id, target);
        this.isNews = true;
      }
      const { version } = target;
      target.assign(slots);
      if (target.version !== version) this.isNews = true;
    }
    this.copies.publish(this.incoming);
    this.parts.store.parts.keptSlots.set([...wanted.values()].flat());
    this.parts.wake();
  }

  /** The stream to the node `targetId`; null: there is none. */
  streamTo(targetId: string): StreamSource | null {
    return this.outgoing.find(({ node }) => node.id === targetId)?.stream ?? null;
  }

  /** The stream from the node `sourceId`; null: there is none. */
  streamFrom(sourceId: string): StreamTarget | null {
    return this.incoming.get(sourceId) ?? null;
  }

  /** Items of these slots are about to be deleted because they are worthless: so are copies of them. */
  purging(slots: readonly number[]): void {
    for (const { stream } of this.outgoing) stream.purging(slots);
    this.publish();
  }

  /** Everything goes: all streams end. */
  clear(): void {
    this.replicateTo(this.selfId, []);
    this.copyFrom(this.selfId, [], NOTHING_KEPT);
  }

  /** Somebody waits until replicas have what was written so far: it goes at once, and is asked for. */
  confirmNow(): void {
    const { end } = this.feed;
    for (const { stream } of this.outgoing) stream.confirmThrough(end);
    this.parts.wakeNow();
  }

  /** The value of a `replicate` request that came in, as `StoreMover.takeFrame`. */
  takeFrame(bytes: Uint8Array, reply: ReplyToFrame, nowMs: number, wallMs: number): void {
    let frame: StreamFrameReader;
    try {
      frame = new StreamFrameReader(bytes);
    } catch (error) {
      reply(refusal(0, StreamOutcome.failed, (error as Error).message));
      return;
    }
    const { source, target: targetId, attempt } = frame.name;
    const target = this.incoming.get(source);
    if (target === undefined || targetId !== this.selfId) {
      reply(refusal(attempt, StreamOutcome.unknown, ''));
      return;
    }
    const { version } = target;
    target.receive(frame, reply, nowMs, wallMs);
    if (target.version !== version) this.isNews = true;
    this.parts.wake();
  }

  /** A piece of work of each kind. */
  step(nowMs: number, wallMs: number): void {
    this.nowMs = nowMs;
    this.wallMs = wallMs;
    const { position } = this.feed;
    this.hasMore = this.feed.read();
    if (this.feed.position !== position) this.busyUntilMs = nowMs + BUSY_MS;
    if (this.feed.isOpen) this.stepStreams();
    for (const target of this.incoming.values()) {
      const { version } = target;
      target.storeWaiting(nowMs, wallMs);
      if (target.version !== version) this.isNews = true;
    }
    this.publish();
    this.copies.publish(this.incoming);
  }

  /** What changed since it was last told, if it is time to tell it. */
  takeReport(nowMs: number): ReplicaReport | null {
    const isQuiet = this.outgoing.length === 0 && this.incoming.size === 0;
    const isDue = nowMs - this.reportedAtMs >= REPORT_MS && !isQuiet;
    if (!this.isNews && !isDue) return null;
    if (isDue) limitKept(this.parts.store, this.incoming.values(), nowMs);
    this.isNews = false;
    this.reportedAtMs = nowMs;
    return this.report();
  }

  /** When `step` is to be called again, at the latest. */
  wakeAtMs(nowMs: number): number {
    if (this.isNews || this.hasMore) return nowMs;
    if (this.outgoing.length === 0) return this.incoming.size === 0 ? Number.POSITIVE_INFINITY : nowMs + REPORT_MS;
    let wakeAtMs = nowMs + (nowMs < this.busyUntilMs ? FEED_TICK_MS : IDLE_TICK_MS);
    for (const { stream } of this.outgoing) wakeAtMs = Math.min(wakeAtMs, stream.wakeAtMs(nowMs));
    return wakeAtMs;
  }

  /** Somebody waits for a confirmation. */
  get isAwaited(): boolean {
    return this.outgoing.some(({ stream }) => stream.isAwaited);
  }

  /** No changes are on their way, in or out, and nobody waits for any. */
  get mayRest(): boolean {
    if (this.hasMore || this.outgoing.some(({ stream }) => stream.isUrgent)) return false;
    for (const target of this.incoming.values()) if (target.isWaiting) return false;
    return true;
  }

  private report(): ReplicaReport {
    const { end } = this.feed;
    const targets = this.outgoing.map(({ node, stream }) => ({
      id: node.id,
      synced: stream.syncedSlots(),
      lag: Math.max(0, recordsBetween(stream.confirmed, end)),
      error: this.feed.isOpen ? stream.error : 'the change log has no room for another follower',
    }));
    const error = `a node has ${STREAM_COUNT_MAX} replicas at most`;
    const refused = this.refused.map(({ id }) => ({ id, synced: [], lag: 0, error }));
    const sources = [...this.incoming].map(([id, target]) => ({
      id,
      through: target.through,
      synced: target.syncedSlots(),
    }));
    return {
      epoch: this.epoch,
      targets: [...targets, ...refused],
      sources,
      kept: this.kept.report(),
      alone: this.aloneCount(),
    };
  }

  /** At most so many changes are confirmed by no replica that has a whole copy of their slots. */
  private aloneCount(): number {
    const { end } = this.feed;
    const lagOf = ({ stream }: Outgoing): number => Math.max(0, recordsBetween(stream.confirmed, end));
    if (this.outgoing.every((one) => lagOf(one) === 0)) return 0;
    const lags = new Uint32Array(SLOT_COUNT).fill(NO_COPY);
    for (const one of this.outgoing) {
      const lag = lagOf(one);
      for (const slot of one.stream.syncedSlots()) if (lag < lags[slot]!) lags[slot] = lag;
    }
    let longest = 0;
    // Not for … of, which takes ten times as long over a typed array.
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      const lag = lags[slot]!;
      if (lag !== NO_COPY && lag > longest) longest = lag;
    }
    return longest;
  }

  freshAtMs(sourceId: string): number {
    return this.incoming.get(sourceId)?.freshAtMs ?? Number.NEGATIVE_INFINITY;
  }

  /** Since the node began, of streams that ended too. */
  get figures(): ReplicaFigures {
    const fullCopies = this.outgoing.reduce((sum, { stream }) => sum + stream.fullCopies, this.endedFullCopies);
    return { fullCopies, lostCount: this.feed.lostCount };
  }

  private open(node: ClusterNode, slots: readonly number[]): Outgoing {
    const { store, pace, purges, connect, wake } = this.parts;
    const used = new Set(this.outgoing.map((one) => one.number));
    let number = 0;
    while (used.has(number)) number += 1;
    const stream = new StreamSource({
      store,
      sourceId: this.selfId,
      targetId: node.id,
      life: this.life,
      nextAttempt: () => {
        this.lastAttempt = (this.lastAttempt + 1) >>> 0;
        return this.lastAttempt;
      },
      pace,
      isPurging: (slot) => purges.concerns(slot),
      position: this.feed.position,
    });
    stream.assign(slots);
    this.isTableOld = true;
    const link = connect(node, {
      up: () => {
        stream.linkUp();
        wake();
      },
      down: () => stream.linkDown(),
      replied: (reply) => {
        stream.replied(reply, this.nowMs);
        this.publish();
        if (stream.hasMore) wake();
      },
    });
    return { number, node, stream, link, slots, publishedVersion: stream.version };
  }

  /** One after the other, beginning with another one each time, as far as a step's bytes go. */
  private stepStreams(): void {
    const { outgoing, nowMs, wallMs } = this;
    let bytesLeft = STEP_BYTES;
    for (let index = 0; index < outgoing.length; index += 1) {
      const { stream, link } = outgoing[(this.turn + index) % outgoing.length]!;
      bytesLeft -= stream.step(nowMs, wallMs, Math.max(0, bytesLeft), (frame) => link.send(frame));
    }
    this.turn += 1;
  }

  /** For data threads: which copies count, and how far they are. */
  private publish(): void {
    const { table, onAdvance } = this.parts;
    const isOld =
      this.isTableOld || this.outgoing.some(({ stream, publishedVersion }) => stream.version !== publishedVersion);
    const confirmed = this.outgoing.map(({ number, stream }) => [number, stream.confirmed] as const);
    if (isOld) this.publishCopies(confirmed);
    else for (const [number, position] of confirmed) table.confirm(number, position);
    if (table.news === this.toldNews) return;
    this.toldNews = table.news;
    onAdvance();
  }

  private publishCopies(confirmed: readonly (readonly [number: number, position: number])[]): void {
    for (const one of this.outgoing) one.publishedVersion = one.stream.version;
    const copies = listsBySlot(
      this.outgoing.map(({ number, stream }) => ({ item: number, slots: stream.syncedSlots() })),
    );
    this.parts.table.setCopies((slot) => copies[slot]!, confirmed);
    this.isTableOld = false;
    this.isNews = true;
  }
}

function isSameNode(left: ClusterNode, right: ClusterNode): boolean {
  return left.id === right.id && left.host === right.host && left.peerPort === right.peerPort;
}

function refusal(attempt: number, outcome: StreamOutcome, text: string): Uint8Array {
  return encodeStreamReply({ outcome, attempt, next: 0, through: 0, deleted: 0, lacking: [], text });
}
