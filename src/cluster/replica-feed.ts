/**
 * Reads this node's change log for all of its replicas at once and hands each record to the streams of its slot. One follower for all: the log has room for few, and each
 * would read every record of the others. It follows all slots, since hardly one that this node serves has no replica: so who writes need not know the key's slot.
 *
 * The log is read as fast as it can be, however slow a replica is: a stream that cannot keep up falls behind by itself. Where the log was overrun, or could not be opened, every
 * stream begins again.
 */
import { type ChangeConsumer, type ChangeLog, ChangeReading, ChangeRecord } from '../changes/change-log.ts';
import { ChangeOperation } from '../store/change-ring.ts';
import { listsBySlot } from './slot-lists.ts';

/** Records read in one step: well below a millisecond. */
const STEP_RECORDS = 2048;

/** What a stream takes from the feed; `StreamSource`. */
export interface FeedFollower {
  take(record: ChangeRecord): void;
  takeFlush(record: ChangeRecord): void;
  restart(reason: string): void;
  logRead(position: number, isEnd: boolean): void;
}

export interface FeedRoute {
  readonly follower: FeedFollower;
  readonly slots: readonly number[];
}

export class ReplicaFeed {
  /** How often records were lost that had not been read. */
  lostCount = 0;
  private readonly log: ChangeLog;
  private readonly servesAll: () => boolean;
  private readonly record = new ChangeRecord();
  private consumer: ChangeConsumer | null = null;
  private followers: readonly FeedFollower[] = [];
  private bySlot: readonly (readonly FeedFollower[])[] = listsBySlot<FeedFollower>([]);

  /** `servesAll`: whether this node serves all of its slots right now, so that what its log ends with is all that there is. */
  constructor(log: ChangeLog, servesAll: () => boolean) {
    this.log = log;
    this.servesAll = servesAll;
  }

  /** Whether changes come; else nothing may be copied, since what changes meanwhile would be missed. */
  get isOpen(): boolean {
    return this.consumer !== null;
  }

  /** The position before which all records were handed out. */
  get position(): number {
    return this.consumer?.position ?? this.log.end;
  }

  /** Where the log ends now. */
  get end(): number {
    return this.log.end;
  }

  /** From now on records go so. A change of a slot after this returned is handed to the followers that it has here. */
  route(routes: readonly FeedRoute[]): void {
    this.bySlot = listsBySlot(routes.map(({ follower, slots }) => ({ item: follower, slots })));
    this.followers = routes.map(({ follower }) => follower);
    if (routes.length === 0) this.close();
    else if (this.consumer === null) this.open();
  }

  /** Hands out what is new, a step's worth at most; true where there is more. */
  read(): boolean {
    if (this.consumer === null && this.followers.length > 0) this.open();
    const { consumer, record } = this;
    if (consumer === null) return false;
    for (let count = 0; count < STEP_RECORDS; count += 1) {
      const reading = consumer.read(record);
      if (reading === ChangeReading.record) this.handOut();
      else {
        if (reading === ChangeReading.lost) this.lost();
        this.tellPosition(reading === ChangeReading.none);
        return false;
      }
    }
    this.tellPosition(false);
    return true;
  }

  close(): void {
    this.consumer?.close();
    this.consumer = null;
  }

  private handOut(): void {
    const { record } = this;
    if (record.operation === ChangeOperation.flushed) for (const follower of this.followers) follower.takeFlush(record);
    else if (record.operation === ChangeOperation.swapped)
      for (const follower of this.followers) follower.restart('databases were exchanged');
    else for (const follower of this.bySlot[record.slot]!) follower.take(record);
  }

  private lost(): void {
    this.lostCount += 1;
    this.close();
    this.open();
    for (const follower of this.followers) follower.restart('the change log overflowed');
  }

  private open(): void {
    this.consumer = this.log.open(null);
  }

  private tellPosition(isEnd: boolean): void {
    const isAll = isEnd && this.servesAll();
    for (const follower of this.followers) follower.logRead(this.position, isAll);
  }
}
