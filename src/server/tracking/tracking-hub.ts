/**
 * Clients of one thread that cache what they read, and want to be told when it changes (CLIENT TRACKING; docs/adr/0025-client-caches.md).
 *
 *     command that reads ─► remember: key into the table, then the value is looked up
 *     change, anywhere ─► change log ─► follower ─► take: who has the key in the table, or a prefix of it ─► message
 *
 * What makes it safe to hold what was read until a message comes:
 *  - The key is in the table, and counted in the filter that other threads look at, before the value is looked up under its bucket's lock. A change behind that is recorded under
 *    the same lock later, so whoever reads its record finds the key.
 *  - A message never comes before the reply to a read that was before the change: both go through the session's output, and a message for the session whose batch runs is put behind its
 *    replies so far.
 *  - What cannot be told key by key is told as `null`: everything.
 */
import { binaryString } from '../../base/bytes.ts';
import { keySlot } from '../../base/key-slot.ts';
import type { Limits } from '../../config/node-options.ts';
import type { Command } from '../../protocol/command.ts';
import type { Store } from '../../store/store.ts';
import type { ClientRegistry } from '../client-registry.ts';
import type { ThreadCluster } from '../cluster/thread-cluster.ts';
import { type CommandEntry, Trait } from '../command-table.ts';
import type { Clock, TimerHandle, Timers } from '../environment.ts';
import { Gate, type Session } from '../session.ts';
import type { Threads } from '../threads/threads.ts';
import { ChangeAuthors, NOBODY } from './change-authors.ts';
import { EVERYTHING, type KeyChanges } from './key-changes.ts';
import { type PrefixedChange, PrefixTable } from './prefix-table.ts';
import { type Redirect, SessionTracking, type TrackingChoice } from './session-tracking.ts';
import { TrackedSlots } from './tracked-slots.ts';
import { TrackingFollower } from './tracking-follower.ts';
import { trackingHash, type TrackingMemory } from './tracking-memory.ts';
import type { ChangedKeys, TrackingMessages } from './tracking-messages.ts';
import { type TrackedKey, TrackingTable } from './tracking-table.ts';

export interface TrackingParts {
  readonly memory: TrackingMemory;
  readonly store: Store;
  readonly threads: Threads;
  readonly clients: ClientRegistry;
  readonly messages: TrackingMessages;
  /** Sends what was scheduled outside a batch. */
  readonly sendScheduled: () => void;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly limits: Limits;
  /** Null where the node is in no cluster. */
  readonly cluster: ThreadCluster | null;
}

export interface TrackingFigures {
  readonly clientCount: number;
  readonly keyCount: number;
  readonly itemCount: number;
  readonly prefixCount: number;
}

/** How late clients may hear of what no request of a client did: expiry, eviction, lost slots. */
const TICK_MS = 10;
/** Keys of one node's tables where no other limit is set: what the maps of one thread hold for sure. */
const KEYS_MAX = 16_000_000;
/** Bytes of the tables for each key that there may be: so many clients of the same keys, or so long keys, are a limit as well. */
const BYTES_PER_KEY = 512;
/** Where slots are lost, a larger table is not gone through: its clients are told that everything has changed. */
const WALKED_KEYS_MAX = 100_000;
const NO_SLOT = 0;

export class TrackingHub {
  private readonly memory: TrackingMemory;
  private readonly threads: Threads;
  private readonly clients: ClientRegistry;
  private readonly messages: TrackingMessages;
  private readonly sendScheduled: () => void;
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly limits: Limits;
  private readonly ring: Store['parts']['changes'];
  private readonly follower: TrackingFollower;
  private readonly authors: ChangeAuthors;
  private readonly table: TrackingTable;
  private readonly prefixes = new PrefixTable();
  private readonly slots: TrackedSlots | null;
  private readonly sessions = new Set<Session>();
  private timer: TimerHandle | null = null;
  /** Up to where this thread's own changes are matched. */
  private matchedEnd = 0;

  constructor(parts: TrackingParts) {
    const { memory, store, threads, cluster } = parts;
    this.memory = memory;
    this.threads = threads;
    this.clients = parts.clients;
    this.messages = parts.messages;
    this.sendScheduled = parts.sendScheduled;
    this.clock = parts.clock;
    this.timers = parts.timers;
    this.limits = parts.limits;
    this.ring = store.parts.changes;
    this.follower = new TrackingFollower(memory, store, threads);
    this.authors = new ChangeAuthors(this.ring);
    this.table = new TrackingTable(memory, threads.own);
    this.slots = cluster === null ? null : new TrackedSlots(cluster);
  }

  /** Turns tracking on for the session, or changes how. False where nobody can follow the changes of this store now. */
  enable(session: Session, choice: TrackingChoice, prefixes: readonly Uint8Array[]): boolean {
    let { tracking } = session;
    if (tracking === null) {
      // What was changed before is nothing to it.
      this.match();
      if (!this.follower.join()) return false;
      if (this.sessions.size === 0) this.begin();
      tracking = new SessionTracking(choice, this.authors.now());
      session.tracking = tracking;
      session.setGate(Gate.tracking, true);
      this.sessions.add(session);
      if (choice.kind === 'prefixes') this.memory.addBroadcasters(this.threads.own, 1);
    } else {
      tracking.choice = choice;
      tracking.isRedirectBroken = false;
    }
    if (choice.kind === 'prefixes') {
      for (const prefix of prefixes.length === 0 ? [NO_BYTES] : prefixes) this.addPrefix(session, tracking, prefix);
    }
    return true;
  }

  /** Turns it off, if it is on. */
  disable(session: Session): void {
    const { tracking } = session;
    if (tracking === null) return;
    session.tracking = null;
    session.setGate(Gate.tracking, false);
    for (const prefix of tracking.prefixes) this.prefixes.remove(prefix, session);
    if (tracking.choice.kind === 'prefixes') this.memory.addBroadcasters(this.threads.own, -1);
    this.sessions.delete(session);
    if (this.sessions.size === 0) {
      this.table.clear();
      this.timer?.stop();
      this.timer = null;
    }
    this.follower.leave();
  }

  /** A command of a session that tracks begins: it has passed its checks, and nothing is looked up yet. */
  beginCommand(session: Session, tracking: SessionTracking, entry: CommandEntry, command: Command): void {
    if (tracking.choice.noLoop) this.authors.begin(session.id);
    this.remember(session, tracking, entry, command);
  }

  /** One of a transaction's has run: what it changed is told with the others'. */
  endQueued(): void {
    this.authors.end();
  }

  /** It has been answered, if not sent. What it changed is told at once, so a client that writes and reads on does not lose what it read behind its write. Of prefixes it is told at the end of the batch, once of each key. */
  endCommand({ choice }: SessionTracking): void {
    this.authors.end();
    if (choice.kind === 'read') this.matchOwn();
    this.trim();
  }

  /** Notes the keys that the command reads, where the session wants that. */
  private remember(session: Session, tracking: SessionTracking, entry: CommandEntry, command: Command): void {
    const { firstKey, lastKey, keyStep } = entry.spec;
    if ((entry.traits & Trait.readonly) === 0 || firstKey === 0 || !tracking.remembers) return;
    const since = this.authors.now();
    const { bytes } = command;
    const last = lastKey < 0 ? command.count + lastKey : Math.min(lastKey, command.count - 1);
    for (let index = firstKey; index <= last; index += keyStep) {
      const [start, length] = [command.start(index), command.length(index)];
      const slot = this.slots === null ? NO_SLOT : keySlot(bytes, start, length);
      const key = binaryString(bytes, start, length);
      this.table.add(key, trackingHash(bytes, start, length), slot, session.id, since);
    }
  }

  /** Hands out what has changed, if clients of this thread have changed something. What is told to clients of this thread is scheduled, not sent. */
  matchOwn(): void {
    if (this.ring.requestedEnd !== this.matchedEnd) this.match();
  }

  private match(): void {
    this.matchedEnd = this.ring.requestedEnd;
    if (this.memory.follower === null) return;
    const changes = this.follower.match();
    if (changes !== null) this.take(changes);
  }

  /** Tells this thread's clients of what has changed. */
  take(changes: KeyChanges | typeof EVERYTHING): void {
    if (changes === EVERYTHING) {
      this.takeEverything();
      return;
    }
    const { bytes, ends, sequences } = changes;
    let start = 0;
    for (let index = 0; index < ends.length; index += 1) {
      const end = ends[index]!;
      const position = this.authors.widen(sequences[index]!);
      const author = this.authors.takeAuthor(position);
      const key = bytes.subarray(start, end);
      start = end;
      const isRead = this.memory.mayHold(this.threads.own, trackingHash(key, 0, key.length));
      if (!isRead && this.prefixes.count === 0) continue;
      const name = binaryString(key, 0, key.length);
      this.prefixes.note({ name, key, position, author });
      const tracked = this.table.get(name);
      // What was changed before it was read was read.
      if (tracked !== null && position >= tracked.since) this.invalidate(name, key, tracked, author);
    }
    this.prefixes.flush((session, noted) => this.tellOfPrefix(session, noted));
  }

  /** As `take`, by mail: everything may have changed. */
  heardAll(): void {
    this.memory.heardAll(this.threads.own);
    this.takeEverything();
  }

  /** A message of the client `source` of thread `from`, which redirects to a client of this one. */
  takeRedirected(target: number, keys: ChangedKeys, from: number, source: number): void {
    const session = this.liveClient(target);
    if (session === null) this.threads.send(from, { kind: 'redirectBroken', source, target });
    else this.messages.tell(session, keys, true);
  }

  /** The client that `source` redirects to is gone. */
  redirectBroken(source: number, target: number): void {
    const session = this.clients.get(source);
    const tracking = session?.tracking ?? null;
    if (session === null || tracking === null || tracking.redirectId !== target) return;
    tracking.isRedirectBroken = true;
    this.messages.tellBroken(session, target);
  }

  /** Looks whether this node has lost slots: of their keys nobody tells it any more. */
  slotsChanged(): void {
    if (this.sessions.size === 0 || this.slots === null) return;
    const lost = this.slots.look(this.clock.monotonicMs());
    if (lost === null) return;
    if (lost === 'everything' || this.table.keyCount > WALKED_KEYS_MAX) {
      this.takeEverything();
      return;
    }
    for (const session of this.sessions) {
      if (session.tracking!.choice.kind === 'prefixes') this.tell(session, null);
    }
    for (const [name, tracked] of this.table.all()) {
      if (lost.has(tracked.slot)) this.invalidate(name, Buffer.from(name, 'latin1'), tracked, NOBODY);
    }
  }

  get figures(): TrackingFigures {
    return {
      clientCount: this.sessions.size,
      keyCount: this.table.keyCount,
      itemCount: this.table.itemCount,
      prefixCount: this.prefixes.count,
    };
  }

  /** How often the change log was overrun, so that all clients of the node were told everything. */
  get overrunCount(): number {
    return this.memory.overrunCount;
  }

  private begin(): void {
    this.authors.restart();
    this.slots?.begin(this.clock.monotonicMs());
    this.timer ??= this.timers.every(TICK_MS, () => this.tick());
  }

  private tick(): void {
    this.authors.now();
    if (this.memory.position !== this.ring.position) this.match();
    this.slotsChanged();
    this.trim();
    this.sendScheduled();
  }

  private addPrefix(session: Session, tracking: SessionTracking, prefix: Uint8Array): void {
    const name = binaryString(prefix, 0, prefix.length);
    if (tracking.prefixes.has(name)) return;
    tracking.prefixes.add(name);
    tracking.prefixBytes += name.length + PREFIX_BYTES;
    this.prefixes.add(name, session);
  }

  /** Tells all who may hold the key. Who made the change and does not want to hear of it may still hold the key. */
  private invalidate(name: string, key: Uint8Array, tracked: TrackedKey, author: number): void {
    const { clients } = tracked;
    let keeps = false;
    const keys = [key];
    if (typeof clients === 'number') keeps = this.tellReader(clients, keys, author);
    else for (const client of clients) if (this.tellReader(client, keys, author)) keeps = true;
    if (keeps) this.table.keepOne(tracked, author);
    else this.table.delete(name, tracked);
  }

  /** Whether the client is the author, and does not want to hear of it. */
  private tellReader(client: number, keys: readonly Uint8Array[], author: number): boolean {
    const session = this.clients.get(client);
    const tracking = session?.tracking ?? null;
    if (session === null || tracking === null || tracking.choice.kind !== 'read') return false;
    if (client === author && tracking.choice.noLoop) return true;
    this.tell(session, keys);
    return false;
  }

  private tellOfPrefix(session: Session, noted: readonly PrefixedChange[]): void {
    const tracking = session.tracking!;
    const { noLoop } = tracking.choice;
    const keys = new Map<string, Uint8Array>();
    for (const { name, key, position, author } of noted) {
      const isMeant = position >= tracking.since && !(noLoop && author === session.id);
      if (isMeant) keys.set(name, key);
    }
    // Each once, in the order of their bytes, as Redis tells of them.
    const names = [...keys.keys()].toSorted();
    if (names.length > 0)
      this.tell(
        session,
        names.map((name) => keys.get(name)!),
      );
  }

  private takeEverything(): void {
    this.table.clear();
    for (const session of this.sessions) this.tell(session, null);
  }

  private tell(session: Session, keys: ChangedKeys): void {
    const tracking = session.tracking!;
    const { redirect } = tracking.choice;
    if (redirect === null) this.messages.tell(session, keys, false);
    else if (redirect.thread !== this.threads.own) this.tellElsewhere(session, redirect, keys);
    else {
      const target = this.liveClient(redirect.client);
      if (target === null) this.redirectBroken(session.id, redirect.client);
      else this.messages.tell(target, keys, true);
    }
  }

  /** That client of this thread; null where it is gone, or will be once it has read its replies. */
  private liveClient(id: number): Session | null {
    const session = this.clients.get(id);
    return session === null || session.closing ? null : session;
  }

  private tellElsewhere(session: Session, { client, thread }: Redirect, keys: ChangedKeys): void {
    const { threads } = this;
    const mail = { kind: 'tellClient', client, from: threads.own, source: session.id } as const;
    if (keys !== null) {
      const bytes = keys.reduce((sum, key) => sum + key.length, 0);
      // Copies: what is cloned of a view is all that it is a view of.
      if (threads.offer(thread, { ...mail, keys: keys.map((key) => new Uint8Array(key)) }, bytes)) return;
    }
    threads.send(thread, { ...mail, keys: null });
  }

  /** Forgets keys, and tells who read them, where there are too many on all threads and more than its share on this one. */
  private trim(): void {
    const { memory, table } = this;
    const keyCountMax = this.limits.trackedKeyCountMax === 0 ? KEYS_MAX : this.limits.trackedKeyCountMax;
    const bytesMax = keyCountMax * BYTES_PER_KEY;
    const { count } = this.threads;
    while (memory.keyCount > keyCountMax || memory.tableBytes > bytesMax) {
      if (table.keyCount <= keyCountMax / count && table.tableBytes <= bytesMax / count) return;
      const oldest = table.takeOldest();
      if (oldest === null) return;
      const keys = [Buffer.from(oldest.key, 'latin1')];
      const { clients } = oldest.tracked;
      for (const client of typeof clients === 'number' ? [clients] : clients) this.tellReader(client, keys, NOBODY);
    }
  }
}

const NO_BYTES = new Uint8Array(0);
/** What a prefix takes beside its bytes, about. */
const PREFIX_BYTES = 256;
