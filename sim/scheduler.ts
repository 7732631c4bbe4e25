/**
 * Virtual time: a queue of things that will happen, taken in the order of their true time, and of their making where the time is
 * equal. Nothing else moves time, so a run takes as long as its events and is the same each time.
 *
 * True time is what no process of the simulation can see; each has a clock of its own (process.ts).
 */
import { assert } from '../src/base/assert.ts';

/** Something that is going to happen, until it has or is cancelled. */
export interface Happening {
  readonly timeMs: number;
  cancelled: boolean;
}

interface Entry extends Happening {
  readonly sequence: number;
  readonly run: () => void;
}

export class Scheduler {
  /** True ms since the run began. */
  nowMs = 0;
  /** Events that have run: a failure names the step. */
  step = 0;
  /** Changes with every event: two runs with equal digests took the same path. */
  digest = 0;
  private readonly heap: Entry[] = [];
  private sequence = 0;

  /** Runs `run` at `timeMs`, not before now. */
  at(timeMs: number, run: () => void): Happening {
    assert(Number.isFinite(timeMs), 'an event has a time');
    this.sequence += 1;
    const entry: Entry = { timeMs: Math.max(timeMs, this.nowMs), sequence: this.sequence, cancelled: false, run };
    this.push(entry);
    return entry;
  }

  after(delayMs: number, run: () => void): Happening {
    return this.at(this.nowMs + delayMs, run);
  }

  /** Runs the next event; false where there is none. */
  runNext(): boolean {
    for (let entry = this.pop(); entry !== undefined; entry = this.pop()) {
      if (entry.cancelled) continue;
      this.nowMs = entry.timeMs;
      this.step += 1;
      this.digest = (Math.imul(this.digest ^ entry.sequence, 0x01000193) ^ Math.floor(entry.timeMs * 1024)) | 0;
      entry.cancelled = true;
      entry.run();
      return true;
    }
    return false;
  }

  /** Runs all events up to `timeMs`, and lets that be the time. */
  runTo(timeMs: number): void {
    for (let next = this.heap[0]; next !== undefined && next.timeMs <= timeMs; next = this.heap[0]) {
      if (next.cancelled) this.pop();
      else this.runNext();
    }
    this.nowMs = timeMs;
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  private pop(): Entry | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || first === last) return first;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(left: Entry, right: Entry): boolean {
  return left.timeMs < right.timeMs || (left.timeMs === right.timeMs && left.sequence < right.sequence);
}
