/**
 * Keeps replies back until what they tell of is where it should be: on disk, or with other nodes. One for each data thread.
 *
 *     batch ── rule.judge ─► null: the replies leave
 *                │ wait
 *                ▼
 *     session.held: the end of the session's output ──── look ─► over: leaves │ broken: the connection is closed
 *                                                         ▲
 *        progress: others have come further, and say so ──┘ (and time passes)
 *
 * A session whose replies wait goes on with its next requests, so that all that came meanwhile waits for one and the same thing:
 * that is what makes waiting for a disk cheap. Replies that nothing was waited for stay behind those that wait.
 *
 * Works between batches. Nobody is asked more often than something has moved, and each tick while somebody waits.
 */
import type { SlotGate } from '../cluster/slot-gate.ts';
import type { Clock, Log, TimerHandle, Timers } from '../environment.ts';
import type { Session } from '../session.ts';
import { HeldReplies } from './held-replies.ts';
import { type BatchRule, type BlockedCommand, type DetachedReplies, type ReplyWait, WaitState } from './reply-wait.ts';

/** How late a deadline may be noticed. */
const TICK_MS = 10;

/** How others tell that what is waited for may have come. */
export interface ProgressSource {
  /** Changes with each step. */
  readonly stamp: number;
  /** The thread is to be woken by the next step. */
  arm(): void;
}

/** What the data thread does for it. */
export interface ReplyGateHost {
  /** Replies may leave now. `areServed`: a node in a cluster has served some of what they answer. */
  repliesOpened(session: Session, areServed: boolean): void;
  /** Less of the session waits than before, outside of its output. */
  fewerWait(session: Session): void;
  /** The command that the session waited in is to be answered. */
  unblock(session: Session, blocked: BlockedCommand, state: WaitState): void;
}

export interface ReplyGateParts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  readonly progress: ProgressSource;
  /** What batches wait for, each behind those before it. */
  readonly rules: readonly BatchRule[];
  /** Of a node in a cluster. */
  readonly detached: DetachedReplies | null;
}

export class ReplyGate {
  private readonly rules: readonly BatchRule[];
  private readonly detached: DetachedReplies | null;
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly log: Log;
  private readonly progress: ProgressSource;
  private host: ReplyGateHost | null = null;
  /** Those with something to wait for. */
  private waiting: Session[] = [];
  private seenStamp = 0;
  private isLooking = false;
  /** Connections that were closed since somebody was told. */
  private lostCount = 0;
  /** Nobody waits, so progress wakes nobody. */
  private isIdle = true;
  private timer: TimerHandle | null = null;

  constructor({ clock, timers, log, progress, rules, detached }: ReplyGateParts) {
    this.clock = clock;
    this.timers = timers;
    this.log = log;
    this.progress = progress;
    this.rules = rules;
    this.detached = detached;
  }

  /** To be called once, before the first request. */
  serve(host: ReplyGateHost): void {
    this.host = host;
  }

  /** Whether something has moved since those who wait were looked at. */
  get isDue(): boolean {
    return this.hasWaiting && this.progress.stamp !== this.seenStamp;
  }

  /** A batch begins. */
  begin(): void {
    for (const rule of this.rules) rule.begin();
  }

  private get hasWaiting(): boolean {
    return this.waiting.length > 0 || this.detached?.isEmpty === false;
  }

  /**
   * Has what is written to the session from now on wait for what the batch has done since the last call, where it must. Whether the session's
   * requests are to wait too. `slots`: of a node in a cluster.
   */
  keep(session: Session, slots: SlotGate | null): boolean {
    for (const rule of this.rules) {
      const wait = rule.judge(session);
      if (wait !== null) this.hold(session, wait, rule.mark);
    }
    if (!session.holdsReplies) return false;
    if (slots !== null && slots.hasServed) session.held!.noteServed();
    return session.held!.holdsRequests;
  }

  /** The session waits in a command, which `unblock` answers. */
  block(session: Session, blocked: BlockedCommand): void {
    session.blocked = blocked;
    session.held ??= new HeldReplies();
    this.list(session);
  }

  /** Has all that wait looked at after this batch. */
  request(): void {
    this.seenStamp = NO_STAMP;
  }

  /** Replies of `session` were detached in this batch. Whether its requests are to wait. */
  noteDetached(session: Session): boolean {
    this.awaken();
    return this.holdsRequests(session);
  }

  /** Whether so much of the session waits that it reads no further requests. */
  holdsRequests(session: Session): boolean {
    return (session.held !== null && session.held.holdsRequests) || this.detached?.isFull(session) === true;
  }

  /** Looks at all that wait. No batch runs. */
  look(isTick = false): void {
    if (this.isLooking || !this.hasWaiting) return;
    this.isLooking = true;
    let looksAtAll = isTick;
    try {
      do {
        // In this order: a step after this is a new one, or wakes the thread.
        this.progress.arm();
        this.seenStamp = this.progress.stamp;
        const sessions = this.waiting;
        this.waiting = [];
        for (const session of sessions) this.lookAt(session);
        const sentTo = this.detached?.look(this.clock.monotonicMs(), looksAtAll) ?? NOBODY;
        for (const session of sentTo) this.host!.fewerWait(session);
        looksAtAll = false;
      } while (this.isDue);
    } finally {
      this.isLooking = false;
    }
    this.isIdle = !this.hasWaiting;
    if (this.lostCount === 0) return;
    // All that a disk's failure closes, in one line.
    this.log('warn', `${this.lostCount} connections are closed, whose writes may be lost and are not confirmed`);
    this.lostCount = 0;
  }

  /** Lets go of everything that waits. */
  close(): void {
    this.timer?.stop();
    this.timer = null;
    this.waiting = [];
    this.detached?.close();
  }

  private hold(session: Session, wait: ReplyWait, mark: number): void {
    const held = (session.held ??= new HeldReplies());
    held.add(wait, mark, this.clock.monotonicMs());
    this.list(session);
  }

  private list(session: Session): void {
    const held = session.held!;
    if (held.isListed) return;
    held.isListed = true;
    this.waiting.push(session);
    this.awaken();
  }

  private awaken(): void {
    if (this.isIdle) {
      this.isIdle = false;
      this.progress.arm();
      // What moved before this is seen at the end of the batch.
      this.seenStamp = NO_STAMP;
    }
    this.timer ??= this.timers.every(TICK_MS, () => this.tick());
  }

  /** A timer is not made and stopped for each batch: it runs on until a tick finds nobody. */
  private tick(): void {
    if (this.hasWaiting) this.look(true);
    else this.close();
  }

  private lookAt(session: Session): void {
    const held = session.held!;
    held.isListed = false;
    if (session.closed) return;
    const host = this.host!;
    const monotonicMs = this.clock.monotonicMs();
    let state = held.open(session.output, monotonicMs);
    // What is behind may be lost all the same.
    for (; state === WaitState.over; state = held.open(session.output, monotonicMs)) {
      host.repliesOpened(session, held.hasOpenedServed);
      if (session.closed) return;
    }
    if (state === WaitState.broken) {
      this.lostCount += 1;
      session.connection.destroy();
      return;
    }
    this.lookAtBlocked(session, monotonicMs, host);
    if (!session.closed && (!held.isEmpty || session.blocked !== null)) this.list(session);
  }

  private lookAtBlocked(session: Session, monotonicMs: number, host: ReplyGateHost): void {
    const { blocked } = session;
    if (blocked === null || session.closed) return;
    const state = blocked.wait.look(blocked.mark, monotonicMs, monotonicMs);
    if (state === WaitState.waiting && monotonicMs < blocked.deadlineMs) return;
    session.blocked = null;
    host.unblock(session, blocked, state);
  }
}

const NOBODY: readonly Session[] = [];
/** No source's stamp is this one. */
const NO_STAMP = Number.NaN;
