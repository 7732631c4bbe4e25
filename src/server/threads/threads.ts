/**
 * The other data threads of the node, as commands see them: ask all of them something, or send them something. With one thread
 * there is nobody else, and the same calls serve.
 */
import type { Mail } from './mail.ts';
import type { Question, Questions } from './questions.ts';

export interface Threads {
  /** This thread's number, from 0. */
  readonly own: number;
  readonly count: number;
  /** The answers of all threads, this one's first. Inside a batch; others may run commands meanwhile. */
  everywhere<Q extends Question>(question: Q, ask: Questions[Q]['ask']): Questions[Q]['answer'][];
  /** As `everywhere`, while no thread runs a command: for what must begin at one moment for all. */
  everywhereAtOnce<Q extends Question>(question: Q, ask: Questions[Q]['ask']): Questions[Q]['answer'][];
  /** Sends to one thread. `bytes`: how long the message is, where it is long; waits while that thread is far behind. */
  send(to: number, mail: Mail, bytes?: number): void;
  /** As `send`, but never waits. False: that thread is far behind, and nothing was sent. */
  offer(to: number, mail: Mail, bytes: number): boolean;
  /** Sends to all other threads. */
  sendToOthers(mail: Mail): void;
}

/** What other threads sent to this one. */
export interface MailSource {
  readonly hasMail: boolean;
  /** Does what the mail says; what it sends to sessions is scheduled, not sent. */
  readMail(): void;
}
