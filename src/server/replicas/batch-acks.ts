/**
 * RESP under `--ack`: the replies of a batch leave together, once so many replicas have what each of its commands did and saw. Replies of RESP have no
 * numbers, so those behind them wait too. Where the wait is over in vain, the replies of the commands that it was for become errors, in
 * their places, and the others leave as they are.
 *
 *     writer   [ reply | reply | reply ]        notes: slot, where its reply begins and ends
 */
import { MINUS } from '../../protocol/resp/type-bytes.ts';
import { type BatchRule, type ReplyWait, WaitState } from '../reply-gate/reply-wait.ts';
import type { Session } from '../session.ts';
import { notReplicatedLine } from './ack-texts.ts';
import type { ThreadReplicas } from './thread-replicas.ts';

/** Where the reply to a command stands, and the slot that it depends on. */
interface Note {
  readonly slot: number;
  readonly start: number;
  readonly end: number;
}

const NOTE_NUMBERS = 3;

/** What replies wait for: so many replicas, and for how long. */
export interface AckDemand {
  readonly replicaCount: number;
  readonly timeoutMs: number;
}

export class BatchAcks implements BatchRule {
  /** The position that the last wait is for. */
  mark = 0;
  private readonly replicas: ThreadReplicas;
  private readonly demand: AckDemand;
  /** Of the commands since the last call of `judge`: slot, start and end of each. */
  private readonly noted: number[] = [];

  constructor(replicas: ThreadReplicas, demand: AckDemand) {
    this.replicas = replicas;
    this.demand = demand;
  }

  begin(): void {
    this.noted.length = 0;
  }

  /** A command on `slot`, or EVERY_SLOT, was answered in the bytes of the writer from `start` to `end`. */
  note(slot: number, start: number, end: number): void {
    if (start < end) this.noted.push(slot, start, end);
  }

  judge(session: Session): ReplyWait | null {
    const { noted, replicas, demand } = this;
    if (noted.length === 0) return null;
    const { position } = replicas;
    const notes: Note[] = [];
    for (let index = 0; index < noted.length; index += NOTE_NUMBERS) {
      const slot = noted[index]!;
      if (replicas.areAt(slot, position, demand.replicaCount)) continue;
      notes.push({ slot, start: noted[index + 1]!, end: noted[index + 2]! });
    }
    noted.length = 0;
    if (notes.length === 0) return null;
    this.mark = position;
    replicas.ask();
    // What stands behind replies of other nodes is not where the notes say.
    const isInPlace = session.forwards === null || session.forwards.count === 0;
    return new AckWait(replicas, demand, position, notes, isInPlace);
  }
}

class AckWait implements ReplyWait {
  readonly holdsRequests = false;
  private readonly replicas: ThreadReplicas;
  private readonly demand: AckDemand;
  private readonly position: number;
  private readonly notes: readonly Note[];
  private readonly isInPlace: boolean;
  /** How many of the first are done with. */
  private doneCount = 0;

  constructor(
    replicas: ThreadReplicas,
    demand: AckDemand,
    position: number,
    notes: readonly Note[],
    isInPlace: boolean,
  ) {
    this.replicas = replicas;
    this.demand = demand;
    this.position = position;
    this.notes = notes;
    this.isInPlace = isInPlace;
  }

  look(_mark: number, sinceMs: number, monotonicMs: number): WaitState {
    const { notes, position, replicas, demand } = this;
    while (
      this.doneCount < notes.length &&
      replicas.areAt(notes[this.doneCount]!.slot, position, demand.replicaCount)
    ) {
      this.doneCount += 1;
    }
    if (this.doneCount === notes.length) return WaitState.over;
    if (monotonicMs - sinceMs < demand.timeoutMs) return WaitState.waiting;
    // Nobody can tell the client which of its commands it was.
    return this.isInPlace ? WaitState.late : WaitState.broken;
  }

  rewrite(bytes: Uint8Array): Uint8Array {
    const { replicas, position, demand } = this;
    const { replicaCount, timeoutMs } = demand;
    const parts: Uint8Array[] = [];
    let at = 0;
    for (const { slot, start, end } of this.notes.slice(this.doneCount)) {
      if (bytes[start] === MINUS || replicas.areAt(slot, position, replicaCount)) continue;
      const line = notReplicatedLine(replicas.countOf(slot, position), replicaCount, timeoutMs);
      parts.push(bytes.subarray(at, start), Buffer.from(`-${line}\r\n`, 'latin1'));
      at = end;
    }
    parts.push(bytes.subarray(at));
    return Buffer.concat(parts);
  }
}
