/** `Threads` of a node with one data thread: all that is to be asked is asked here. */
import { answer, type Answering } from './answers.ts';
import type { Question, Questions } from './questions.ts';
import type { Threads } from './threads.ts';

export class SoleThread implements Threads {
  readonly own = 0;
  readonly count = 1;
  private readonly answering: () => Answering;

  /** `answering` is called for each question, not before. */
  constructor(answering: () => Answering) {
    this.answering = answering;
  }

  everywhere<Q extends Question>(question: Q, ask: Questions[Q]['ask']): Questions[Q]['answer'][] {
    return [answer(this.answering(), question, ask)];
  }

  everywhereAtOnce<Q extends Question>(question: Q, ask: Questions[Q]['ask']): Questions[Q]['answer'][] {
    return this.everywhere(question, ask);
  }

  send(): void {
    throw new RangeError('there is no other thread');
  }

  offer(): boolean {
    throw new RangeError('there is no other thread');
  }

  sendToOthers(): void {
    // There is nobody.
  }
}
