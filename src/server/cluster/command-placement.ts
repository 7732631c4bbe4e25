/**
 * Where a command of a node in a cluster is run: here, by its slot or from a copy; not yet; at the node that has its keys; or nowhere, with an error that says why.
 */
import type { Command } from '../../protocol/command.ts';
import { Executed } from '../executed.ts';
import { type CommandEntry, Trait } from '../command-table.ts';
import { COPY_TOO_OLD } from '../dispatch-errors.ts';
import { isSplittable } from '../forwarding/split-command.ts';
import type { NodeServices } from '../node-services.ts';
import { noteAnswered, noteWritten } from '../replicas/served-notes.ts';
import { CopyVerdict } from '../replicas/thread-copies.ts';
import type { AnswerWriter } from '../reply-writer.ts';
import type { Session } from '../session.ts';
import { NO_SLOT, type SlotGate, SlotVerdict } from './slot-gate.ts';

/** How long a command waits for a hand-over of its slot to be finished. */
const SLOT_HOLD_MS_MAX = 5000;
const SLOT_HELD_TOO_LONG = 'TRYAGAIN The slot is being handed over, which takes longer than it should';

export class CommandPlacement {
  private readonly slots: SlotGate;
  private readonly node: NodeServices;
  /** The command that is run here reads a copy of another node's slot. */
  private readsCopy = false;

  constructor(slots: SlotGate, node: NodeServices) {
    this.slots = slots;
    this.node = node;
  }

  /** Null where the command is to be run here and now; a text where it is refused, the line of the error. */
  place(session: Session, entry: CommandEntry, command: Command): Executed | string | null {
    const { slots } = this;
    const { forwards, incoming } = session;
    this.readsCopy = false;
    if (forwards !== null && forwards.mustAwait(traitsOf(session, entry))) return Executed.behindOthers;
    const isForwarded = incoming !== null && incoming.isRunning;
    let verdict = judge(session, entry, command, slots);
    if (isForwarded) verdict = incoming.order(verdict, slots);
    else verdict = this.holdAtMost(session, verdict);
    if (verdict === SlotVerdict.hold) return Executed.postponed;
    // Words have changed since what is under way was sent: it may come to where this would be run.
    if (forwards !== null && slots.slot !== NO_SLOT && forwards.isOfAnotherVersion(slots.version)) {
      return Executed.behindOthers;
    }
    if (verdict === SlotVerdict.serve) return null;
    if (verdict === SlotVerdict.elsewhere) return this.placeElsewhere(session, entry, isForwarded);
    return !isForwarded && this.splits(session, entry, command) ? Executed.split : slots.refusal;
  }

  /** The command that `place` let run was answered from `mark` on. Null, or the line of the error that it is to be answered with instead. */
  finish(session: Session, writer: AnswerWriter, mark: number, writes: boolean): string | null {
    const { slots, node } = this;
    if (this.readsCopy) {
      if (node.copies!.isSame) return null;
      writer.rewind(mark);
      return slots.movedLine;
    }
    if (writes) noteWritten(session, slots.concerned);
    noteAnswered(node, session, slots.concerned, mark, writer.length);
    return null;
  }

  private placeElsewhere(session: Session, entry: CommandEntry, isForwarded: boolean): Executed | string | null {
    const { copies } = this.node;
    // A client that caches is not given what other nodes have, which this one hears too late of, or not at all.
    const isTracked = session.tracking !== null;
    const copy = copies === null || isTracked ? CopyVerdict.none : copies.judge(session, entry, this.slots.slot);
    if (copy === CopyVerdict.tooOld) return COPY_TOO_OLD;
    this.readsCopy = copy === CopyVerdict.read;
    if (this.readsCopy) return null;
    if (isForwarded || !this.passesOn(session, entry)) return this.slots.movedLine;
    // In a transaction it is queued here, and EXEC is passed on with all.
    return session.transaction === null || (entry.traits & Trait.exec) !== 0 ? Executed.elsewhere : null;
  }

  /** Whether a request for another node's keys goes to that node; else the client is told where they are. */
  private passesOn(session: Session, entry: CommandEntry): boolean {
    const { redirect } = this.node.options.cluster;
    if (redirect === 'moved' || session.tracking !== null) return false;
    if (redirect === 'auto' && session.knowsCluster) return false;
    const { transaction } = session;
    if (transaction === null || (entry.traits & Trait.exec) === 0)
      return (entry.traits & Trait.changesConnection) === 0;
    // What was watched is here, and what would change the connection is not there.
    return session.watches.length === 0 && (transaction.traits & Trait.changesConnection) === 0;
  }

  /** Whether a request that was refused because its keys are in several slots is passed on in parts. */
  private splits(session: Session, entry: CommandEntry, command: Command): boolean {
    if (!this.slots.hasManySlots || session.speaksShoal || session.transaction !== null) return false;
    return isSplittable(entry, command) && this.passesOn(session, entry);
  }

  /** A session waits for a slot no longer than it should. */
  private holdAtMost(session: Session, verdict: SlotVerdict): SlotVerdict {
    if (verdict !== SlotVerdict.hold) {
      session.heldForSlotSinceMs = 0;
      return verdict;
    }
    const nowMs = this.node.clock.monotonicMs();
    if (session.heldForSlotSinceMs === 0) session.heldForSlotSinceMs = nowMs;
    if (nowMs - session.heldForSlotSinceMs < SLOT_HOLD_MS_MAX) return verdict;
    session.heldForSlotSinceMs = 0;
    this.slots.refusal = SLOT_HELD_TOO_LONG;
    return SlotVerdict.refuse;
  }
}

/** Those of a command; for EXEC, also of all that it would run. */
function traitsOf({ transaction }: Session, { traits }: CommandEntry): number {
  return (traits & Trait.exec) !== 0 && transaction !== null ? traits | transaction.traits : traits;
}

/** What the slots of the command's keys say; for EXEC, of the keys of all that it would run. */
function judge(session: Session, entry: CommandEntry, command: Command, slots: SlotGate): SlotVerdict {
  const { transaction } = session;
  const runsQueue = (entry.traits & Trait.exec) !== 0 && transaction !== null && !session.transactionFailed;
  return runsQueue ? slots.judgeTransaction(transaction) : slots.judge(entry, command);
}
