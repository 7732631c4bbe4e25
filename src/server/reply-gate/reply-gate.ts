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
import { type BatchRule, type BlockedCommand, type ReplyWait, WaitState } from './reply-wait.ts';

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
  /** The command that the session waited in is to be answered. */
  unblock(session: Session, blocked: BlockedCommand, state: WaitState): void;
}

export interface ReplyGateParts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  readonly progress: ProgressSource;
  /** Null where no batch ever waits. */
  readonly rule: BatchRule | null;
}

export class ReplyGate {
  readonly rule: BatchRule | null;
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
  private timer: TimerHandle | null = null;

  constructor({ clock, timers, log, progress, rule }: ReplyGateParts) {
    this.clock = clock;
    this.timers = timers;
    this.log = log;
    this.progress = progress;
    this.rule = rule;
  }

  /** To be called once, before the first request. */
  serve(host: ReplyGateHost): void {
    this.host = host;
  }

  /** Whether something has moved since those who wait were looked at. */
  get isDue(): boolean {
    return this.waiting.length > 0 && this.progress.stamp !== this.seenStamp;
  }

  /**
   * Has what is written to the session from now on wait for what the batch has done since the last call, where it must. Whether the session's
   * requests are to wait too. `slots`: of a node in a cluster.
   */
  keep(session: Session, slots: SlotGate | null): boolean {
    const { rule } = this;
    if (rule === null) return false;
    const { mark } = rule;
    const wait = rule.judge();
    if (rule.mark !== mark) session.changeMark = rule.mark;
    if (wait !== null) this.hold(session, wait, rule.mark);
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

  /** Looks at all that wait. No batch runs. */
  look(): void {
    if (this.isLooking || this.waiting.length === 0) return;
    this.isLooking = true;
    try {
      do {
        // In this order: a step after this is a new one, or wakes the thread.
        this.progress.arm();
        this.seenStamp = this.progress.stamp;
        const sessions = this.waiting;
        this.waiting = [];
        for (const session of sessions) this.lookAt(session);
      } while (this.isDue);
    } finally {
      this.isLooking = false;
    }
    if (this.lostCount === 0) return;
    // All that a disk's failure closes, in one line.
    this.log('warn', `${this.lostCount} connections are closed, whose writes may be lost and are not confirmed`);
    this.lostCount = 0;
  }

  /** Lets go of everything: the node stops. */
  close(): void {
    this.timer?.stop();
    this.timer = null;
    this.waiting = [];
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
    if (this.waiting.length === 0 && !this.isLooking) {
      this.progress.arm();
      // What moved before this is seen at the end of the batch.
      this.seenStamp = NO_STAMP;
    }
    this.waiting.push(session);
    this.timer ??= this.timers.every(TICK_MS, () => this.tick());
  }

  /** A timer is not made and stopped for each batch: it runs on until a tick finds nobody. */
  private tick(): void {
    if (this.waiting.length > 0) this.look();
    else this.close();
  }

  private lookAt(session: Session): void {
    const held = session.held!;
    held.isListed = false;
    if (session.closed) return;
    const host = this.host!;
    const monotonicMs = this.clock.monotonicMs();
    let state = held.open(monotonicMs);
    // What is behind may be lost all the same.
    for (; state === WaitState.over; state = held.open(monotonicMs)) {
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

/** No source's stamp is this one. */
const NO_STAMP = Number.NaN;
