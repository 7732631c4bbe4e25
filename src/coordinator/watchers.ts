/** Who waits for the next topology: nodes, and whoever else asks. Each is answered once. */
import type { CoordinatorAnswer } from '../protocol/cluster/messages.ts';
import { encodeTopology } from '../topology/encoding.ts';
import type { Topology } from '../topology/topology.ts';

/** More are answered at once that nothing is new, and ask again. */
const WATCHERS_MAX = 20_000;

interface Watcher {
  readonly epoch: number;
  readonly untilMs: number;
}

type Answer = (to: number, answer: CoordinatorAnswer) => void;

export class Watchers {
  /** By the number of the request. */
  private readonly waiting = new Map<number, Watcher>();
  private encoded: { readonly topology: Topology; readonly base64: string } | null = null;

  /** Answers at once where `topology` is news. */
  add(to: number, watcher: Watcher, topology: Topology, answer: Answer): void {
    if (topology.epoch > watcher.epoch) answer(to, this.news(topology));
    else if (this.waiting.size >= WATCHERS_MAX) answer(to, { type: 'unchanged' });
    else this.waiting.set(to, watcher);
  }

  forget(to: number): void {
    this.waiting.delete(to);
  }

  announce(topology: Topology, answer: Answer): void {
    for (const [to, { epoch }] of this.waiting) {
      if (topology.epoch <= epoch) continue;
      this.waiting.delete(to);
      answer(to, this.news(topology));
    }
  }

  expire(nowMs: number, answer: Answer): void {
    for (const [to, { untilMs }] of this.waiting) {
      if (nowMs < untilMs) continue;
      this.waiting.delete(to);
      answer(to, { type: 'unchanged' });
    }
  }

  /** This coordinator does not lead any more. */
  answerAll(reply: CoordinatorAnswer, answer: Answer): void {
    for (const to of this.waiting.keys()) answer(to, reply);
    this.waiting.clear();
  }

  private news(topology: Topology): CoordinatorAnswer {
    if (this.encoded?.topology !== topology) {
      this.encoded = { topology, base64: Buffer.from(encodeTopology(topology)).toString('base64') };
    }
    return { type: 'topology', epoch: topology.epoch, topology: this.encoded.base64 };
  }
}
