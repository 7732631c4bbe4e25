/**
 * Exact simulators of two cache policies, item by item: what the store's hit ratio is held against.
 *
 * They are naive on purpose (a `Map` and its order of insertion), so that they can serve as an oracle: every object counts
 * as one unit, nothing is batched, the ghosts are whole keys. S3-FIFO follows Yang et al., "FIFO queues are all you need
 * for cache eviction" (SOSP 2023), with the parameters of libCacheSim, whose
 * figures for the traces it reproduces to the digit.
 */

/** A policy fed with one key after the other. `access` tells whether the key was there, and takes it in where it was not. */
export interface PolicySimulator<K> {
  access(key: K): boolean;
  readonly size: number;
}

/** Evicts what was not used for the longest time. */
export class LruSimulator<K> implements PolicySimulator<K> {
  private readonly capacity: number;
  /** Oldest use first. */
  private readonly items = new Map<K, true>();

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.items.size;
  }

  access(key: K): boolean {
    const hit = this.items.delete(key);
    if (!hit && this.items.size >= this.capacity) this.items.delete(oldestOf(this.items));
    this.items.set(key, true);
    return hit;
  }
}

export interface S3FifoParameters {
  /** Part of the capacity that the small queue gets. */
  readonly smallRatio: number;
  /** Ghosts kept, as a part of the capacity. */
  readonly ghostRatio: number;
  /** Reads that an item needs in the small queue to go on to main. */
  readonly promotionFrequency: number;
}

export const S3_FIFO_PARAMETERS: S3FifoParameters = {
  smallRatio: 0.1,
  ghostRatio: 0.9,
  promotionFrequency: 2,
};

const FREQUENCY_MAX = 3;

export class S3FifoSimulator<K> implements PolicySimulator<K> {
  private readonly capacity: number;
  private readonly smallCapacity: number;
  private readonly ghostCapacity: number;
  private readonly parameters: S3FifoParameters;
  /** Both queues, oldest first; the value is the item's frequency. */
  private readonly small = new Map<K, number>();
  private readonly main = new Map<K, number>();
  private readonly ghosts = new Map<K, true>();

  constructor(capacity: number, parameters: S3FifoParameters = S3_FIFO_PARAMETERS) {
    this.capacity = capacity;
    this.parameters = parameters;
    this.smallCapacity = Math.max(1, Math.floor(capacity * parameters.smallRatio));
    this.ghostCapacity = Math.floor(capacity * parameters.ghostRatio);
  }

  get size(): number {
    return this.small.size + this.main.size;
  }

  access(key: K): boolean {
    if (this.use(this.small, key) || this.use(this.main, key)) return true;
    const known = this.ghosts.delete(key);
    while (this.size >= this.capacity) this.evict();
    (known ? this.main : this.small).set(key, 0);
    return false;
  }

  private use(queue: Map<K, number>, key: K): boolean {
    const frequency = queue.get(key);
    if (frequency === undefined) return false;
    if (frequency < FREQUENCY_MAX) queue.set(key, frequency + 1);
    return true;
  }

  private evict(): void {
    if (this.main.size > this.capacity - this.smallCapacity || this.small.size === 0) this.evictFromMain();
    else this.evictFromSmall();
  }

  private evictFromSmall(): void {
    for (const [key, frequency] of this.small) {
      this.small.delete(key);
      if (frequency < this.parameters.promotionFrequency) {
        this.remember(key);
        return;
      }
      this.main.set(key, 0);
    }
  }

  private evictFromMain(): void {
    for (const [key, frequency] of this.main) {
      this.main.delete(key);
      if (frequency === 0) return;
      this.main.set(key, frequency - 1);
    }
  }

  private remember(key: K): void {
    if (this.ghostCapacity === 0) return;
    if (this.ghosts.size >= this.ghostCapacity) this.ghosts.delete(oldestOf(this.ghosts));
    this.ghosts.set(key, true);
  }
}

function oldestOf<K>(map: Map<K, unknown>): K {
  return map.keys().next().value as K;
}
