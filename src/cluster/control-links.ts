/**
 * The node's connections for control messages: one to each coordinator and node that it talks to, made when it is needed. An answer that does
 * not come on a connection over which nothing has come since ends that connection: the other machine may be gone without a
 * word, and a new one would get through.
 */
import { FrameLink, type LinkAnswer } from '../control/frame-link.ts';
import { splitAddress } from '../io/address.ts';
import { Opcode } from '../protocol/shoal/frame.ts';

/** Connections at once; beyond them, those that nobody waits for are closed. */
const LINKS_MAX = 1024;

export interface ControlLinksOptions {
  /** Empty: none. */
  readonly password: string;
  /** What the other side shows of us. */
  readonly name: string;
  readonly monotonicMs: () => number;
}

export interface ControlAnswer {
  /** The bytes are valid during the call. */
  answered(value: Uint8Array): void;
  failed(reason: string): void;
}

const NOTHING = new Uint8Array(0);
const NOBODY: LinkAnswer = { answered: () => {}, failed: () => {} };

interface Link {
  readonly address: string;
  readonly frames: FrameLink;
  heardAtMs: number;
  readonly waiting: Set<number>;
}

interface Question {
  readonly link: Link;
  readonly frameId: number;
  readonly sentAtMs: number;
}

export class ControlLinks {
  private readonly options: ControlLinksOptions;
  private readonly links = new Map<string, Link>();
  private readonly questions = new Map<number, Question>();

  constructor(options: ControlLinksOptions) {
    this.options = options;
  }

  /** Sends `value` to `address`, `host:port`. `requestId` is the caller's, for `forget`. `answer` may be called at once. */
  ask(requestId: number, address: string, value: Uint8Array, answer: ControlAnswer): void {
    const link = this.links.get(address) ?? this.open(address);
    if (link === null) {
      answer.failed(`${address} is not an address of the form HOST:PORT`);
      return;
    }
    link.waiting.add(requestId);
    let isOver = false;
    const end = (): boolean => {
      const isFirst = !isOver;
      isOver = true;
      link.waiting.delete(requestId);
      this.questions.delete(requestId);
      return isFirst;
    };
    const events: LinkAnswer = {
      answered: (bytes) => {
        link.heardAtMs = this.options.monotonicMs();
        if (end()) answer.answered(bytes);
      },
      failed: (reason) => {
        if (end()) answer.failed(reason);
      },
    };
    const sentAtMs = this.options.monotonicMs();
    const frameId = link.frames.send(Opcode.control, value, events);
    if (!isOver) this.questions.set(requestId, { link, frameId, sentAtMs });
  }

  /** Something will be asked of `address` soon, and then at once: has a connection made. */
  prepare(address: string): void {
    if (!this.links.has(address)) this.open(address)?.frames.send(Opcode.ping, NOTHING, NOBODY);
  }

  /** The answer to `requestId` did not come in time, or is of no interest any more. */
  forget(requestId: number): void {
    const question = this.questions.get(requestId);
    if (question === undefined) return;
    const { link, frameId, sentAtMs } = question;
    this.questions.delete(requestId);
    link.waiting.delete(requestId);
    link.frames.forget(frameId);
    if (link.heardAtMs < sentAtMs) this.drop(link);
  }

  close(): void {
    this.questions.clear();
    for (const link of this.links.values()) link.frames.close();
    this.links.clear();
  }

  private open(address: string): Link | null {
    const target = splitAddress(address);
    if (target === null) return null;
    if (this.links.size >= LINKS_MAX) this.dropIdle();
    const { password, name } = this.options;
    const frames = new FrameLink({ ...target, password, name });
    const link: Link = { address, frames, heardAtMs: Number.NEGATIVE_INFINITY, waiting: new Set() };
    this.links.set(address, link);
    return link;
  }

  private dropIdle(): void {
    for (const link of this.links.values()) if (link.waiting.size === 0) this.drop(link);
  }

  /** What waits on it fails; the next question makes a new connection. */
  private drop(link: Link): void {
    if (this.links.get(link.address) === link) this.links.delete(link.address);
    link.frames.close();
  }
}
