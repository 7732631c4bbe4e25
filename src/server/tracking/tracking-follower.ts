/**
 * The one follower of the change log for all clients of the node that cache: reads what has changed and gives each thread the keys that its clients may hold.
 *
 * No thread is its own. Whoever has changed something reads the log up to there before it answers (`match`), and takes along what others have left; and a thread
 * with such clients does so on time, for what nobody answers: expiry, eviction, what other nodes send. One at a time, by a lock. So when a client is told that its write was done, each
 * thread with clients that may hold the key has the news in its mail, which it reads before its next batch.
 *
 * Nobody waits for a reader. A log that was overrun, or a thread that takes no mail, comes to the one word that everything may have changed.
 */
import { type ChangeConsumer, ChangeLog, ChangeReading, ChangeRecord } from '../../changes/change-log.ts';
import { isBefore } from '../../changes/log-position.ts';
import { NO_KEY_SLOT } from '../../store/change-ring.ts';
import type { Store } from '../../store/store.ts';
import type { Threads } from '../threads/threads.ts';
import { EVERYTHING, type KeyChanges, KeyChangeList } from './key-changes.ts';
import { trackingHash, type TrackingMemory } from './tracking-memory.ts';

export class TrackingFollower {
  private readonly memory: TrackingMemory;
  private readonly store: Store;
  private readonly threads: Threads;
  private log: ChangeLog | null = null;
  private consumer: ChangeConsumer | null = null;
  private record: ChangeRecord | null = null;
  /** By thread. */
  private readonly lists: KeyChangeList[] = [];
  /** Threads with clients that track. */
  private readonly concerned: number[] = [];
  /** By thread: whether its clients want to hear of every key. */
  private readonly hearsAll: boolean[] = [];

  constructor(memory: TrackingMemory, store: Store, threads: Threads) {
    this.memory = memory;
    this.store = store;
    this.threads = threads;
  }

  /** Counts one more client of this thread, whose reads are followed from now on. False where the log has no room for one more follower, or there is none. */
  join(): boolean {
    const { memory, store, threads } = this;
    if (store.parts.changes.ringWords === 0) return false;
    memory.lock();
    try {
      if (memory.follower === null) {
        this.log ??= new ChangeLog(store.handle);
        const consumer = this.log.open(null);
        if (consumer === null) return false;
        memory.position = consumer.position;
        memory.follower = consumer.number;
      }
      memory.addClients(threads.own, 1);
      return true;
    } finally {
      memory.unlock();
    }
  }

  /** Counts one client less; without any, nobody follows. */
  leave(): void {
    const { memory, threads } = this;
    memory.lock();
    try {
      memory.addClients(threads.own, -1);
      if (memory.clientCount > 0) return;
      this.attach()?.close();
      this.consumer = null;
      memory.follower = null;
    } finally {
      memory.unlock();
    }
  }

  /** Hands out what is in the log now. What is for this thread's clients it returns. */
  match(): KeyChanges | typeof EVERYTHING | null {
    const { memory, threads, concerned } = this;
    memory.lock();
    try {
      const consumer = this.attach();
      if (consumer === null) return null;
      this.read(consumer);
      memory.position = consumer.position;
      for (const thread of concerned) if (thread !== threads.own) this.post(thread);
    } finally {
      memory.unlock();
    }
    const own = this.lists[threads.own];
    return own === undefined || own.isEmpty ? null : own.take();
  }

  /** This thread's object for the follower, where it goes on; null where nobody follows. */
  private attach(): ChangeConsumer | null {
    const { memory } = this;
    const number = memory.follower;
    if (number === null) return null;
    if (this.consumer?.number !== number) {
      this.log ??= new ChangeLog(this.store.handle);
      this.consumer = this.log.attach(number);
    }
    this.consumer.resume(memory.position);
    return this.consumer;
  }

  private read(consumer: ChangeConsumer): void {
    const record = (this.record ??= new ChangeRecord());
    const { end } = consumer;
    // In this order: who tracks since a record before `end` was written is among them.
    this.lookForConcerned();
    while (isBefore(consumer.position, end)) {
      const reading = consumer.read(record);
      if (reading === ChangeReading.none) return;
      if (reading === ChangeReading.lost) {
        consumer.skipToEnd();
        this.memory.countOverrun();
        this.handOutAll();
        return;
      }
      if (record.slot === NO_KEY_SLOT) this.handOutAll();
      else this.handOut(record);
    }
  }

  private lookForConcerned(): void {
    const { memory, concerned, hearsAll, lists } = this;
    concerned.length = 0;
    for (let thread = 0; thread < memory.threadCount; thread += 1) {
      if (!memory.hasClients(thread)) continue;
      concerned.push(thread);
      hearsAll[thread] = memory.hasBroadcasters(thread);
      lists[thread] ??= new KeyChangeList();
    }
  }

  private handOut({ bytes, length, sequence }: ChangeRecord): void {
    const { memory, concerned, hearsAll } = this;
    const hash = trackingHash(bytes, 0, length);
    for (let index = 0; index < concerned.length; index += 1) {
      const thread = concerned[index]!;
      const isWanted = hearsAll[thread] === true || memory.mayHold(thread, hash);
      if (isWanted) this.lists[thread]!.add(bytes, length, sequence);
    }
  }

  private handOutAll(): void {
    for (const thread of this.concerned) this.lists[thread]!.isEverything = true;
  }

  private post(thread: number): void {
    const list = this.lists[thread]!;
    if (list.isEmpty) return;
    const changes = list.take();
    if (changes !== EVERYTHING) {
      const bytes = changes.bytes.length + changes.ends.byteLength + changes.sequences.byteLength;
      if (this.threads.offer(thread, { kind: 'keysChanged', changes }, bytes)) return;
    }
    if (this.memory.tellAll(thread)) this.threads.send(thread, { kind: 'allChanged' });
  }
}
