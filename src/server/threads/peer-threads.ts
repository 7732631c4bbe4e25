/**
 * `Threads` of a node with several data threads: questions and messages by mail, and what comes by mail given to whom it is for.
 *
 * A thread that waits for answers reads its own mail meanwhile and is outside the store, so two that ask each other
 * both get an answer, and a thread that waits to be exclusive is not held up. A thread that is kept out of the store by an exclusive one reads
 * its mail too (`ExclusiveSection.whileKeptOut`): EXEC may ask from inside its exclusive section.
 */
import type { ExclusiveSection } from '../../store/exclusive.ts';
import { answer, answerAny, type Answering } from './answers.ts';
import type { AnyQuestion, Mail } from './mail.ts';
import type { Mailbox } from './mailbox.ts';
import type { Question, Questions } from './questions.ts';
import type { Threads } from './threads.ts';

/** Above this much untaken mail of one receiver a sender of messages waits: what a thread may have to hold for slow subscribers of another. */
const BACKLOG_BYTES_MAX = 64 * 1024 * 1024;
/** How often a thread that waits looks again without being notified. */
const LOOK_AGAIN_MS = 1;

/** What mail is for, beside questions. */
export interface MailTarget {
  readonly answering: Answering;
  /** An accepted connection was handed over. */
  adopt(descriptor: number): void;
  /** The node stops. */
  stop(): void;
}

export class PeerThreads implements Threads {
  readonly own: number;
  readonly count: number;
  private readonly mailbox: Mailbox;
  private readonly section: ExclusiveSection;
  private target: MailTarget | null = null;
  private questionId = 0;
  private answers: unknown[] = [];
  /** The node stops: nobody may answer any more. */
  private stopping = false;

  constructor(own: number, count: number, mailbox: Mailbox, section: ExclusiveSection) {
    this.own = own;
    this.count = count;
    this.mailbox = mailbox;
    this.section = section;
    section.whileKeptOut = () => {
      this.target?.answering.control.sendGathered();
      this.readMail();
    };
  }

  /** Who gets the mail; until then it waits. */
  serve(target: MailTarget): void {
    this.target = target;
  }

  everywhere<Q extends Question>(question: Q, ask: Questions[Q]['ask']): Questions[Q]['answer'][] {
    this.questionId += 1;
    this.answers = [];
    const { questionId: id, answers, own: from } = this;
    this.sendToOthers({ kind: 'question', from, id, question: { name: question, ask } as AnyQuestion });
    const ownAnswer = answer(this.expectTarget().answering, question, ask);
    this.readMailUntil(() => answers.length >= this.count - 1);
    return [ownAnswer, ...(answers as Questions[Q]['answer'][])];
  }

  everywhereAtOnce<Q extends Question>(question: Q, ask: Questions[Q]['ask']): Questions[Q]['answer'][] {
    this.section.begin();
    try {
      return this.everywhere(question, ask);
    } finally {
      this.section.end();
    }
  }

  send(to: number, mail: Mail, bytes = 0): void {
    const keepsUp = (): boolean => this.mailbox.backlogOf(to) <= BACKLOG_BYTES_MAX;
    if (bytes > 0 && !keepsUp()) this.readMailUntil(keepsUp);
    this.mailbox.post(to, mail, bytes);
  }

  offer(to: number, mail: Mail, bytes: number): boolean {
    if (this.mailbox.backlogOf(to) > BACKLOG_BYTES_MAX) return false;
    this.mailbox.post(to, mail, bytes);
    return true;
  }

  sendToOthers(mail: Mail): void {
    for (let thread = 0; thread < this.count; thread += 1) if (thread !== this.own) this.mailbox.post(thread, mail);
  }

  get hasMail(): boolean {
    return this.mailbox.hasMail;
  }

  /** Does what the mail says. What it sends to sessions is scheduled, not sent. */
  readMail(): void {
    if (!this.mailbox.hasMail) return;
    const target = this.expectTarget();
    target.answering.control.sendGathered();
    for (const mail of this.mailbox.take()) this.read(mail, target);
  }

  /** Waits outside the store, or until the node stops. */
  private readMailUntil(isDone: () => boolean): void {
    this.section.waitUntil(() => {
      this.readMail();
      if (isDone() || this.stopping) return true;
      this.mailbox.sleep(LOOK_AGAIN_MS);
      return false;
    });
  }

  private read(mail: Mail, target: MailTarget): void {
    const { answering } = target;
    const { pubsub, monitors, tracking } = answering.node;
    switch (mail.kind) {
      case 'message':
        pubsub.deliverHere(mail.channel, mail.message);
        break;
      case 'subscribers':
        pubsub.countElsewhere(mail.from, mail.changes);
        break;
      case 'monitors':
        monitors.countElsewhere(mail.from, mail.count);
        break;
      case 'monitorLine':
        monitors.showHere(mail.line);
        break;
      case 'keysChanged':
        tracking.take(mail.changes);
        break;
      case 'allChanged':
        tracking.heardAll();
        break;
      case 'tellClient':
        tracking.takeRedirected(mail.client, mail.keys, mail.from, mail.source);
        break;
      case 'redirectBroken':
        tracking.redirectBroken(mail.source, mail.target);
        break;
      case 'connection':
        target.adopt(mail.descriptor);
        break;
      case 'question':
        this.mailbox.post(mail.from, { kind: 'answer', id: mail.id, answer: answerAny(answering, mail.question) });
        break;
      case 'answer':
        if (mail.id === this.questionId) this.answers.push(mail.answer);
        break;
      case 'cluster':
        answering.control.clusterNews(mail.news);
        break;
      case 'slots':
        answering.control.slotsChanged();
        break;
      case 'stop':
        this.stopping = true;
        target.stop();
        break;
    }
  }

  private expectTarget(): MailTarget {
    if (this.target === null) throw new Error('mail is read before the thread is assembled');
    return this.target;
  }
}
