/**
 * The agent of a node in a cluster: decides, from what coordinator, peers and mover say and from time, what this node may serve. Sans-IO:
 * `step(event, nowMs)` returns what is to be done, in the order in which it is to be done.
 *
 *     coordinator ◄─ heartbeat, watch ─► CoordinatorTalk ─ lease ──────► ServingRights ─► serve-until ─┐
 *     peers       ◄─ promise ──────────► PromiseTalk ─ promises held ──►        │                      ▼
 *                                              └────── promises given ─► SlotFences ─► slotImage ─► slot table
 *     peers       ◄─ handover, status ─► OutgoingMoves, IncomingMoves ─ marks ──────►     ▲
 *     mover       ◄─ streams, reports ─► ReplicaDuties ─ slots in doubt ────────────►     │
 *     coordinator ─ topology ──────────────────────────────────────────────────────────────┘
 *
 * Invariants. Topologies are applied in the order of their epochs. A slot is served by its owner in the topology, by the target of a move after the
 * source has let go of it, or by nobody. A slot that this node gets otherwise than by a handover is served only after the promises to its former owner have ended, and after what was
 * in it is deleted, unless that is a whole copy of what its owner had, which the topology says is to go on. A node that was removed serves nothing until all
 * is deleted and it has joined anew.
 */
import type { NodeDescription, NodeFigures } from '../protocol/cluster/messages.ts';
import { shortNodeId } from '../topology/short-node-id.ts';
import { Topology } from '../topology/topology.ts';
import { AgentOutput, type PendingRequest } from './agent-output.ts';
import type { AgentEffect, AgentEvent, AgentOptions, AgentSnapshot } from './agent-types.ts';
import { CoordinatorTalk, type HeartbeatContent } from './coordinator-talk.ts';
import { Departure } from './departure.ts';
import { DiskDuties } from './disk-duties.ts';
import { IncomingMoves } from './incoming-moves.ts';
import type { MoveReport } from './mover.ts';
import { OutgoingMoves } from './outgoing-moves.ts';
import { PeerQuestions } from './peer-questions.ts';
import { PromiseTalk } from './promise-talk.ts';
import { ReplicaDuties } from './replica-duties.ts';
import { type Life, ServingNews, troubleText } from './serving-news.ts';
import { NO_RIGHT, ServingRights } from './serving-right.ts';
import { raiseFences, slotChanges } from './slot-changes.ts';
import { SlotFences } from './slot-fences.ts';
import { SlotHolds } from './slot-holds.ts';
import { type MoveMark, slotImage } from './slot-image.ts';
import type { SlotImage } from './slot-table.ts';
import { type TakenTopology, TopologyIntake } from './topology-intake.ts';

const NO_FIGURES: NodeFigures = { items: 0, bytes: 0, memoryBytes: 0 };

export class ClusterAgent {
  private readonly output = new AgentOutput();
  private readonly rights = new ServingRights();
  private readonly fences = new SlotFences();
  private readonly holds: SlotHolds;
  private readonly talk: CoordinatorTalk;
  private readonly promises: PromiseTalk;
  private readonly outgoing: OutgoingMoves;
  private readonly incoming: IncomingMoves;
  private readonly questions: PeerQuestions;
  private readonly duties = new ReplicaDuties(this.output);
  /** Null: this node keeps nothing. */
  private readonly disk: DiskDuties | null;
  private readonly news = new ServingNews(this.output);
  private readonly departure: Departure;
  private readonly intake = new TopologyIntake(this.output);
  private topology: Topology;
  private image: SlotImage;
  private node: NodeDescription;
  private figures = NO_FIGURES;
  private life: Life = 'joining';
  private withheldCount = 0;
  private isImageOld = false;

  constructor(options: AgentOptions) {
    this.node = options.node;
    this.departure = new Departure(options.mayRestart);
    this.topology = Topology.empty(options.cluster);
    this.image = this.makeImage(new Uint8Array(0));
    this.holds = new SlotHolds(this.output, this.fences);
    this.talk = new CoordinatorTalk(this.output, options);
    this.promises = new PromiseTalk(this.output, this.rights, this.fences);
    this.outgoing = new OutgoingMoves(this.output, this.topology);
    this.disk = options.disk === undefined ? null : new DiskDuties(this.output, options.disk, this.duties.copies);
    this.incoming = new IncomingMoves(this.output, this.disk);
    this.questions = new PeerQuestions(this.output, this.promises, this.incoming);
    // Copies that the disk had of others' slots, and what was given up just before the end.
    if (this.disk !== null) this.holds.purge(this.disk.unclaimedSlots());
  }

  /** The id under which the coordinator knows this node; it changes with `dropped`. */
  get nodeId(): string {
    return this.node.id;
  }

  get epoch(): number {
    return this.topology.epoch;
  }

  /** Takes what has happened at `nowMs`, monotonic ms that never go back, and returns what is to be done because of it. */
  step(event: AgentEvent, nowMs: number): readonly AgentEffect[] {
    if (this.life === 'left') {
      if (event.type === 'asked') this.questions.takeWhenLeft(event.ticket, event.request, this.node.id);
      return this.output.takeEffects();
    }
    this.take(event, nowMs);
    this.runOut(nowMs);
    if (this.isImageOld) this.renewImage();
    this.tellRight(nowMs);
    this.send(nowMs);
    this.news.tellTrouble(this.troubleText(nowMs), this.life === 'member', nowMs);
    return this.output.takeEffects();
  }

  snapshot(nowMs: number): AgentSnapshot {
    const { right, untilMs } = this.news.right;
    const trouble = this.troubleText(nowMs);
    return {
      nodeId: this.node.id,
      state: trouble === null ? 'ok' : 'fail',
      trouble,
      epoch: this.topology.epoch,
      nodeCount: this.topology.nodes.length,
      right,
      rightLeftMs: Math.max(0, untilMs - nowMs),
      coordinator: this.talk.coordinator,
      coordinatorSilentMs: nowMs - this.rights.grantedSentMs,
      withheldCount: this.withheldCount,
      moves: [...this.outgoing.snapshot(), ...this.incoming.snapshot()],
    };
  }

  private take(event: AgentEvent, nowMs: number): void {
    switch (event.type) {
      case 'tick':
        this.figures = event.figures;
        return;
      case 'answered': {
        const request = this.output.take(event.requestId);
        if (request !== null) this.takeAnswer(request, event.answer, nowMs);
        return;
      }
      case 'unanswered': {
        const request = this.output.take(event.requestId);
        if (request !== null) this.takeSilence(request, event.reason, nowMs);
        return;
      }
      case 'asked':
        this.questions.take(event.ticket, event.request, { topology: this.topology, selfId: this.node.id, nowMs });
        return;
      case 'moveChanged':
        this.takeReport(event.report, nowMs);
        return;
      case 'replicasChanged':
        if (this.duties.takeReport(event.report, (slots) => this.purge(slots))) this.movesChanged();
        return;
      case 'claimed':
        if (this.incoming.claimed(event.claimId) === 'news') this.movesChanged();
        if (this.disk?.claimed(event.claimId) === true) this.talk.hasNews();
        return;
      case 'purged':
        if (this.holds.purged(event.purgeId)) this.isImageOld = true;
        return;
      case 'dropped':
        if (this.life === 'dropping') this.joinAnew(event.nodeId);
        return;
      case 'leave':
        this.departure.ask();
        this.talk.hasNews();
        if (this.life !== 'member') this.leave();
    }
  }

  private takeAnswer(
    request: PendingRequest,
    answer: Extract<AgentEvent, { type: 'answered' }>['answer'],
    nowMs: number,
  ): void {
    const { purpose } = request;
    if (purpose.kind === 'heartbeat' || purpose.kind === 'watch') {
      // Whichever kind of answer it is not is refused by name there.
      const known = answer as Parameters<CoordinatorTalk['answered']>[1];
      const news = this.talk.answered(request, known, { nowMs, epoch: this.topology.epoch });
      if (news.kind === 'topology') this.takeTopology(news.base64, nowMs);
      if (news.kind === 'lease') {
        const { lease, sentMs } = news;
        this.rights.leaseGranted({ sentMs, leaseMs: lease.leaseMs, epoch: lease.epoch }, this.topology.epoch);
        if (this.outgoing.cancel(lease.cancel ?? [])) this.movesChanged();
        const departure = this.departure.told(lease);
        if (departure === 'go') this.leave();
        else if (departure === 'news') this.talk.hasNews();
        if (lease.isDiskUseless === true) this.dropStored();
      }
      return;
    }
    if (purpose.kind === 'promise') {
      this.promises.answered(request, answer.type === 'promised' && answer.granted);
      return;
    }
    if (purpose.kind === 'moveAhead' && answer.type === 'moveState') {
      if (this.outgoing.targetKnows(purpose.moveId, answer.state, nowMs)) this.isImageOld = true;
      return;
    }
    // One that is answered with `importing` has given way to a later one.
    const isSettled = answer.type === 'moveState' && !(purpose.kind === 'handover' && answer.state === 'importing');
    if (!isSettled) this.outgoing.targetSilent(purpose.moveId, nowMs);
    else if (this.outgoing.targetAnswered(purpose.moveId, answer.state, nowMs)) this.movesChanged();
  }

  private takeSilence(request: PendingRequest, reason: string, nowMs: number): void {
    const { purpose } = request;
    if (purpose.kind === 'heartbeat' || purpose.kind === 'watch') this.talk.unanswered(request, reason, nowMs);
    else if (purpose.kind !== 'promise') this.outgoing.targetSilent(purpose.moveId, nowMs);
  }

  private takeReport(report: MoveReport, nowMs: number): void {
    const change =
      report.role === 'source'
        ? this.outgoing.takeReport(report, nowMs)
        : this.incoming.takeReport(report, this.topology, nowMs);
    if (change === 'news') this.movesChanged();
    else if (change === 'marks') this.isImageOld = true;
  }

  private movesChanged(): void {
    this.isImageOld = true;
    this.talk.hasNews();
  }

  private takeTopology(base64: string, nowMs: number): void {
    const taken = this.intake.take(base64, this.topology);
    if (taken === null) this.talk.watchInVain(nowMs);
    else this.applyTopology(taken, nowMs);
  }

  private applyTopology({ topology: after, encoded }: TakenTopology, nowMs: number): void {
    const before = this.topology;
    const selfId = this.node.id;
    const { words } = this.image;
    raiseFences(this.fences, { words, before, after, unsure: this.outgoing.unsure(), nowMs });
    this.topology = after;
    this.isImageOld = true;
    this.output.add({ type: 'topology', topology: after, encoded });
    if (after.node(selfId) === null) {
      if (this.life === 'member') this.removed(nowMs);
      return;
    }
    if (this.life === 'joining') this.output.log('info', `joined the cluster as node ${shortNodeId(selfId)}`);
    this.life = 'member';
    const ended = this.outgoing.takeTopology(after, selfId, nowMs);
    const imports = this.incoming.takeTopology(after, selfId);
    const { gained, lost } = slotChanges({
      words,
      before,
      topology: after,
      selfId,
      continuing: [...ended.continuing, ...imports.continuing],
      unfinished: imports.unfinished,
      perhapsHanded: ended.perhapsHanded,
      keepsData: this.disk !== null,
      duties: this.duties,
    });
    this.purge(gained);
    this.purge(lost);
    this.incoming.begin(after, selfId);
    this.rights.epochApplied(after.epoch);
    this.talk.hasNews();
  }

  private purge(slots: readonly number[]): void {
    this.disk?.purged(slots);
    this.holds.purge(slots);
  }

  /** Others have the slots that were found on disk, with what came later. */
  private dropStored(): void {
    const slots = this.duties.dropStored(this.image);
    if (slots.length === 0) return;
    this.output.log(
      'warn',
      `what the disk has of ${slots.length} slots is of no use any more: others got them without it; it is deleted`,
    );
    this.purge(slots);
    this.isImageOld = true;
  }

  /** The coordinator gave this node up: others own its slots now, unless it keeps its data and is waited for. */
  private removed(nowMs: number): void {
    if (this.departure.isWanted) {
      this.leave();
      return;
    }
    const silentMs = Math.round(nowMs - this.rights.grantedSentMs);
    const alone = this.duties.aloneCount;
    const lost = alone === 0 ? '' : `, of which ${alone} changes were on no other node,`;
    const does = this.disk === null ? 'deletes what it has' : 'keeps what it owned, and deletes all else';
    this.output.log(
      'warn',
      `this node (${shortNodeId(this.node.id)}) was removed from the cluster, ${silentMs} ms after its last lease; it ${does}${lost} and joins anew`,
    );
    this.life = 'dropping';
    this.endAll();
    this.disk?.keepAll();
    this.output.add({ type: 'dropAll', kept: this.disk?.claimedSlots() ?? [] });
  }

  private leave(): void {
    this.life = 'left';
    this.endAll();
    this.output.log('info', `this node (${shortNodeId(this.node.id)}) has left the cluster`);
    this.output.add({ type: 'left', reason: this.departure.reason });
  }

  private endAll(): void {
    this.rights.clear();
    this.outgoing.clear();
    this.incoming.clear();
    this.holds.clearPurges();
    this.duties.clear();
    this.output.forgetAll();
    this.isImageOld = true;
  }

  private joinAnew(nodeId: string): void {
    this.node = { ...this.node, id: nodeId };
    this.life = 'joining';
    this.isImageOld = true;
    this.talk.restart();
  }

  /** What time alone ends. */
  private runOut(nowMs: number): void {
    for (const request of this.output.expire(nowMs)) this.takeSilence(request, 'no answer in time', nowMs);
    if (this.fences.lower(nowMs)) this.isImageOld = true;
    this.outgoing.tick(nowMs);
    if (this.incoming.tick(nowMs) === 'news') this.movesChanged();
    if (this.life === 'member' && this.departure.isPointless(this.topology, nowMs, this.talk.leaseMs)) {
      this.output.log('warn', 'no node stays that could take over what this one has');
      this.leave();
    }
  }

  private renewImage(): void {
    this.isImageOld = false;
    const withheld = this.holds.withheld(this.outgoing.doubtful());
    this.duties.addDoubts(withheld);
    this.outgoing.begin(withheld);
    this.image = this.makeImage(withheld);
    this.duties.addFlags(this.image);
    this.withheldCount = 0;
    const { selfIndex } = this.image;
    for (let slot = withheld.indexOf(1); slot >= 0 && slot < withheld.length; slot += 1) {
      if (withheld[slot] !== 0 && this.topology.ownerIndex(slot) === selfIndex) this.withheldCount += 1;
    }
    if (this.life === 'member') this.disk?.claimServed(this.topology, this.image, this.withheldCount);
    this.output.add({ type: 'slots', image: this.image });
    if (this.life === 'member') this.duties.direct(this.topology, this.image);
  }

  private makeImage(withheld: Uint8Array): SlotImage {
    const marks = new Map<number, MoveMark>();
    const isMember = this.life === 'member';
    if (isMember) {
      this.outgoing.addMarks(marks);
      this.incoming.addMarks(marks);
    }
    return slotImage({ topology: this.topology, selfId: isMember ? this.node.id : '', marks, withheld });
  }

  private tellRight(nowMs: number): void {
    const others = this.topology.nodes.map(({ id }) => id).filter((id) => id !== this.node.id);
    this.news.tellRight(this.life === 'member' ? this.rights.current(others) : NO_RIGHT, {
      leaseEnded: this.rights.leaseEnded(nowMs),
      silentMs: nowMs - this.rights.grantedSentMs,
      failure: this.talk.failure,
      otherCount: others.length,
    });
  }

  private send(nowMs: number): void {
    if (this.life === 'left' || this.life === 'dropping') return;
    const { topology, node } = this;
    if (this.life === 'member') this.promises.ask(topology, node.id, { nowMs, leaseMs: this.talk.leaseMs });
    this.talk.send(nowMs, () => this.heartbeat());
    this.talk.sendWatch(nowMs, topology.epoch, node.id);
  }

  private heartbeat(): HeartbeatContent {
    const replication = this.life === 'member' ? this.duties.told(this.topology, this.node.id) : null;
    return {
      ...(replication === null ? {} : { replication }),
      ...(this.disk === null ? {} : { disk: this.disk.told() }),
      node: this.node,
      // What another identity of this process has applied says nothing of this one.
      epoch: this.life === 'member' ? this.topology.epoch : 0,
      ...this.departure.said(),
      moves: [...this.outgoing.progress(), ...this.incoming.failed()],
      handed: this.incoming.handedIds(),
      figures: this.figures,
    };
  }

  /** Why this node may not serve at `nowMs`; null where it may. */
  private troubleText(nowMs: number): string | null {
    return troubleText(this.life, this.talk.failure, () =>
      this.news.right.untilMs > nowMs ? null : this.promises.missingText(this.topology, this.node.id, nowMs),
    );
  }
}
