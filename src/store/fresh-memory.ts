/**
 * Memory that was never used. The system gives it out page by page when it is first written, zeroed, and whoever writes waits for that:
 * microseconds for a small page, up to milliseconds for a large one. So the janitor's thread writes to the segments that writers will take
 * next, a few ahead of them; it adds 0 to a word of each page, which changes nothing even where a writer was faster.
 */
import { CONTROL_FRESH_END, CONTROL_FRESH_FIRST, WORD_SHIFT } from './layout.ts';
import type { StoreMemory } from './memory.ts';

/** How far ahead of the writers, as a share of the store and at most: it is memory in use that holds nothing yet. */
const AHEAD_SHARE = 1 / 64;
const AHEAD_SEGMENTS_MAX = 16;
const PAGE_WORDS = 1024;

export class FreshMemory {
  private readonly memory: StoreMemory;
  private readonly aheadSegments: number;
  /** The first segment that is not known to have its pages. */
  private next = 0;

  constructor(memory: StoreMemory) {
    this.memory = memory;
    this.aheadSegments = Math.min(AHEAD_SEGMENTS_MAX, Math.floor(memory.segmentCount * AHEAD_SHARE));
  }

  /** Touches one segment. True where there is another to do at once. */
  step(): boolean {
    const used = Atomics.load(this.memory.control, CONTROL_FRESH_FIRST);
    const end = Math.min(Atomics.load(this.memory.control, CONTROL_FRESH_END), used + this.aheadSegments);
    this.next = Math.max(this.next, used);
    if (this.next >= end) return false;
    this.touch(this.next);
    this.next += 1;
    return this.next < end;
  }

  private touch(segment: number): void {
    const { memory } = this;
    const words = memory.words[memory.arenaOf(segment)]!;
    const start = memory.segmentStart(segment) >> WORD_SHIFT;
    const end = start + (memory.segmentBytes >> WORD_SHIFT);
    for (let word = start; word < end; word += PAGE_WORDS) Atomics.add(words, word, 0);
  }
}
