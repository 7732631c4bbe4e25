/**
 * One thread's mail: a port to each other thread, and a word in shared memory that says whether something waits. The word makes
 * looking cost one load, so a data thread looks before each batch: whatever was sent before a client's
 * request is known when that request is served.
 *
 * Order: as if all threads' mail went through one queue. Of two messages of which the second was sent because of the first (two PUBLISH
 * of one client through different threads), the first is given first: stamps order what several ports hold, and all ports
 * are read again until a round finds nothing, so a message that is seen brings along those before it.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Mail } from './mail.ts';
import type { SharedState } from './shared-state.ts';

interface Envelope {
  readonly stamp: number;
  /** What it counts for in the backlog. */
  readonly bytes: number;
  readonly mail: Mail;
}

export class Mailbox {
  private readonly state: SharedState;
  private readonly words: Int32Array;
  private readonly thread: number;
  private readonly countWord: number;
  /** By the number of the thread at the other end; null in one's own place. */
  private readonly ports: readonly (MessagePort | null)[];
  private readonly wake: (descriptor: number) => void;
  private closed = false;

  /** `wake`: writes to a thread's eventfd. */
  constructor(
    state: SharedState,
    thread: number,
    ports: readonly (MessagePort | null)[],
    wake: (descriptor: number) => void,
  ) {
    this.state = state;
    this.words = state.words;
    this.thread = thread;
    this.countWord = state.mailCountWord(thread);
    this.ports = ports;
    this.wake = wake;
  }

  /** Sends to thread `to`; never waits. `bytes`: its share of the receiver's backlog. */
  post(to: number, mail: Mail, bytes = 0): void {
    const port = this.ports[to];
    if (port === null || port === undefined) throw new RangeError(`no mail from thread ${this.thread} to ${to}`);
    if (bytes > 0) Atomics.add(this.words, this.state.mailBacklogWord(to), bytes);
    port.postMessage({ stamp: this.state.takeMailStamp(), bytes, mail } satisfies Envelope);
    wakeThread(this.state, to, this.wake);
  }

  get hasMail(): boolean {
    return Atomics.load(this.words, this.countWord) !== 0;
  }

  /** All that has come, in the order of the node. */
  take(): Mail[] {
    const envelopes: Envelope[] = [];
    for (;;) {
      const before = envelopes.length;
      Atomics.store(this.words, this.countWord, 0);
      for (const port of this.ports) {
        if (port === null) continue;
        for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port)) {
          envelopes.push(got.message as Envelope);
        }
      }
      if (envelopes.length === before) break;
    }
    if (envelopes.length === 0) return [];
    envelopes.sort((left, right) => left.stamp - right.stamp);
    let bytes = 0;
    for (const envelope of envelopes) bytes += envelope.bytes;
    if (bytes > 0) Atomics.sub(this.words, this.state.mailBacklogWord(this.thread), bytes);
    return envelopes.map(({ mail }) => mail);
  }

  /** Bytes of messages that thread `to` has not taken. */
  backlogOf(to: number): number {
    return Atomics.load(this.words, this.state.mailBacklogWord(to));
  }

  /** Sleeps until there is mail, at most `timeoutMs`. */
  sleep(timeoutMs: number): void {
    Atomics.wait(this.words, this.countWord, 0, timeoutMs);
  }

  /** Calls `onMail` on this thread's event loop after each arrival; it must take the mail. Resolves once closed. For threads without an eventfd. */
  async listen(onMail: () => void): Promise<void> {
    while (!this.closed) {
      const arrival = Atomics.waitAsync(this.words, this.countWord, 0);
      if (arrival.async) await arrival.value;
      if (!this.closed) onMail();
    }
  }

  close(): void {
    this.closed = true;
    Atomics.notify(this.words, this.countWord);
    for (const port of this.ports) port?.close();
  }
}

/** Has thread `to` look for mail and for what else may have come. `wake`: writes to a thread's eventfd. */
export function wakeThread(state: SharedState, to: number, wake: (descriptor: number) => void): void {
  const word = state.mailCountWord(to);
  if (Atomics.add(state.words, word, 1) !== 0) return;
  Atomics.notify(state.words, word);
  const descriptor = state.wakeDescriptor(to);
  if (descriptor !== null) wake(descriptor);
}

/** A channel between each two of `count` threads: the port of thread i to thread j is at [i][j]. */
export function connectAll(count: number): (MessagePort | null)[][] {
  const ports = Array.from({ length: count }, () => Array<MessagePort | null>(count).fill(null));
  for (let one = 0; one < count; one += 1) {
    for (let other = 0; other < one; other += 1) {
      const { port1, port2 } = new MessageChannel();
      ports[one]![other] = port1;
      ports[other]![one] = port2;
    }
  }
  return ports;
}
