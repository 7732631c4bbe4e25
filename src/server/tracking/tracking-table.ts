/**
 * The keys that clients of one thread have read and may hold, and which clients. Each key is counted in the thread's filter, where others see that it is here.
 *
 *     key (a binary string) ─► since, hash, slot, clients
 *
 * `since` is where the change log stood before the first of the reads that are remembered: changes before it were in what was read. A client that reads the key again is
 * not noted anew, since what it holds may be from the first time.
 *
 * Clients are ids, not sessions: one that is gone, or tracks no more, is found out when the key changes. Keys leave in the order in which they came when there are too many.
 */
import type { TrackingMemory } from './tracking-memory.ts';

export interface TrackedKey {
  readonly since: number;
  readonly hash: number;
  /** The key's hash slot, in a cluster. */
  readonly slot: number;
  /** One client's id, or several. */
  clients: number | Set<number>;
}

/** What a key takes beside its bytes, about, and what a further client of it takes. */
const KEY_BYTES = 160;
const CLIENT_BYTES = 40;
/** Above this many keys it is quicker to clear the filter than to count each down. */
const COUNTED_DOWN_MAX = 4096;

export class TrackingTable {
  private readonly memory: TrackingMemory;
  private readonly thread: number;
  private readonly keys = new Map<string, TrackedKey>();
  private oldest: MapIterator<string>;
  private bytes = 0;
  private hasStuckCounters = false;
  /** Pairs of a key and a client. */
  itemCount = 0;

  constructor(memory: TrackingMemory, thread: number) {
    this.memory = memory;
    this.thread = thread;
    this.oldest = this.keys.keys();
  }

  get keyCount(): number {
    return this.keys.size;
  }

  /** Remembers that the client may hold `key`, of which nobody has looked up the value yet. */
  add(key: string, hash: number, slot: number, client: number, since: number): void {
    const known = this.keys.get(key);
    if (known === undefined) {
      if (!this.memory.countKey(this.thread, hash)) this.hasStuckCounters = true;
      this.keys.set(key, { since, hash, slot, clients: client });
      this.bytes += KEY_BYTES + key.length;
    } else {
      const { clients } = known;
      if (clients === client) return;
      if (typeof clients === 'number') known.clients = new Set([clients, client]);
      else if (clients.has(client)) return;
      else clients.add(client);
      this.bytes += CLIENT_BYTES;
    }
    this.itemCount += 1;
    this.noteSize();
  }

  get(key: string): TrackedKey | null {
    return this.keys.get(key) ?? null;
  }

  delete(key: string, tracked: TrackedKey): void {
    this.keys.delete(key);
    this.memory.uncountKey(this.thread, tracked.hash);
    this.forgetClients(tracked.clients);
    this.bytes -= KEY_BYTES + key.length;
    if (this.keys.size === 0) this.clear();
    this.noteSize();
  }

  /** Takes away all clients of the key but one. */
  keepOne(tracked: TrackedKey, client: number): void {
    this.forgetClients(tracked.clients);
    tracked.clients = client;
    this.itemCount += 1;
    this.noteSize();
  }

  /** The key that has been here longest, or null. */
  takeOldest(): { readonly key: string; readonly tracked: TrackedKey } | null {
    if (this.keys.size === 0) return null;
    let next = this.oldest.next();
    // It goes on behind where it was last: looking for the first from the start each time would pass over all that were taken.
    if (next.done === true) {
      this.oldest = this.keys.keys();
      next = this.oldest.next();
    }
    const key = next.value!;
    const tracked = this.keys.get(key)!;
    this.delete(key, tracked);
    return { key, tracked };
  }

  all(): IterableIterator<[string, TrackedKey]> {
    return this.keys.entries();
  }

  clear(): void {
    const clearsAll = this.hasStuckCounters || this.keys.size > COUNTED_DOWN_MAX;
    if (clearsAll) this.memory.clearFilter(this.thread);
    else for (const { hash } of this.keys.values()) this.memory.uncountKey(this.thread, hash);
    this.hasStuckCounters = false;
    this.keys.clear();
    this.oldest = this.keys.keys();
    this.bytes = 0;
    this.itemCount = 0;
    this.noteSize();
  }

  /** Bytes that the table takes, about. */
  get tableBytes(): number {
    return this.bytes;
  }

  private forgetClients(clients: number | Set<number>): void {
    const count = typeof clients === 'number' ? 1 : clients.size;
    this.itemCount -= count;
    this.bytes -= CLIENT_BYTES * (count - 1);
  }

  private noteSize(): void {
    this.memory.setTableSize(this.thread, this.keys.size, this.bytes);
  }
}
