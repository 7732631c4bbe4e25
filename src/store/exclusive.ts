/**
 * Several keys at once: one thread works while the others wait at their next command boundary. A thread says once per batch that it is
 * inside (one store and one load); a thread outside, asleep in its wait for the network, counts as parked. So single-key commands
 * pay nothing, and EXEC, RENAME and the like need no lock order of their own.
 */
import { assert } from '../base/assert.ts';
import { CONTROL_EXCLUSIVE, THREAD_INSIDE, THREAD_WORDS } from './layout.ts';
import type { StoreMemory } from './memory.ts';
import { backOff } from './spin-lock.ts';

/** How often a thread that is kept out calls `whileKeptOut`. */
const KEPT_OUT_MS = 1;

export class ExclusiveSection {
  private readonly control: Int32Array;
  private readonly memory: StoreMemory;
  private readonly insideWord: number;
  private readonly owner: number;
  private depth = 0;
  /** Called again and again while another thread keeps this one out of a batch; must not touch the store. */
  whileKeptOut: (() => void) | null = null;

  constructor(memory: StoreMemory) {
    this.memory = memory;
    this.control = memory.control;
    this.insideWord = memory.threadWord + THREAD_INSIDE;
    this.owner = memory.thread + 1;
  }

  /** Begins a batch; waits while another thread is exclusive. */
  enter(): void {
    for (;;) {
      Atomics.store(this.control, this.insideWord, 1);
      const owner = Atomics.load(this.control, CONTROL_EXCLUSIVE);
      if (owner === 0) return;
      Atomics.store(this.control, this.insideWord, 0);
      if (this.whileKeptOut === null) Atomics.wait(this.control, CONTROL_EXCLUSIVE, owner);
      else {
        this.whileKeptOut();
        Atomics.wait(this.control, CONTROL_EXCLUSIVE, owner, KEPT_OUT_MS);
      }
    }
  }

  leave(): void {
    Atomics.store(this.control, this.insideWord, 0);
  }

  /** Inside a batch, between commands: from its return to `end`, no other thread is inside one. Nests. */
  begin(): void {
    assert(this.control[this.insideWord] === 1, 'an exclusive section is inside a batch');
    this.depth += 1;
    if (this.depth > 1) return;
    while (Atomics.compareExchange(this.control, CONTROL_EXCLUSIVE, 0, this.owner) !== 0) {
      // Another thread was first and waits for us to be parked.
      this.leave();
      this.enter();
    }
    const end = this.memory.map.segments;
    for (let word = this.memory.map.threads + THREAD_INSIDE; word < end; word += THREAD_WORDS) {
      if (word === this.insideWord) continue;
      for (let spins = 0; Atomics.load(this.control, word) !== 0; spins += 1) backOff(spins);
    }
  }

  /** Inside a batch, with no operation under way: calls `isDone` until it says so. Others may be exclusive meanwhile, unless this thread is. */
  waitUntil(isDone: () => boolean): void {
    const steps = this.depth === 0;
    if (steps) this.leave();
    while (!isDone());
    if (steps) this.enter();
  }

  end(): void {
    this.depth -= 1;
    if (this.depth > 0) return;
    Atomics.store(this.control, CONTROL_EXCLUSIVE, 0);
    Atomics.notify(this.control, CONTROL_EXCLUSIVE);
  }
}
