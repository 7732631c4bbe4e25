/** One request that another node answers: all that is kept of it until its reply has gone to the client. Objects are used again. */
import type { PeerLink } from '../../cluster/peer-link.ts';
import type { LinkFault, LinkReply, LinkRequest } from '../../cluster/link-requests.ts';
import { ForwardForm, ForwardFrame } from '../../protocol/shoal/forward.ts';
import type { Session } from '../session.ts';
import { KeptBytes } from './kept-bytes.ts';

/** Who is told how a request ended at a link. */
export interface ForwardedOutcome {
  replied(request: ForwardedRequest, reply: LinkReply): void;
  failed(request: ForwardedRequest, fault: LinkFault, reason: string): void;
}

export class ForwardedRequest implements LinkRequest {
  private readonly outcome: ForwardedOutcome;
  readonly frame = new ForwardFrame();
  /** Null where it is gone: the reply is of no interest. */
  session: Session | null = null;
  /** The session's request behind it. */
  next: ForwardedRequest | null = null;
  slot = 0;
  /** May be run twice. */
  isReadonly = false;
  /** CLIENT REPLY drops the reply. */
  isMuted = false;
  form: ForwardForm = ForwardForm.resp2;
  /** The client's, where it speaks the Shoal protocol. */
  requestId = 0;
  deadlineMs = 0;
  /** How often it was sent on because the keys had moved. */
  hopCount = 0;
  /** Over which it is under way; null while it waits to be sent again. */
  link: PeerLink | null = null;
  retryAtMs = 0;
  isAnswered = false;
  /** What is for the client, where others come before it. */
  readonly reply = new KeptBytes();
  /** Replies of this node to what the client sent behind it. */
  readonly behind = new KeptBytes();

  constructor(outcome: ForwardedOutcome) {
    this.outcome = outcome;
  }

  /** Bytes that it keeps. */
  get keptBytes(): number {
    return this.frame.length + this.reply.length + this.behind.length;
  }

  onReply(reply: LinkReply): void {
    this.outcome.replied(this, reply);
  }

  onFault(fault: LinkFault, reason: string): void {
    this.outcome.failed(this, fault, reason);
  }

  /** For another use. */
  reset(): void {
    this.frame.reset();
    this.reply.reset();
    this.behind.reset();
    this.session = null;
    this.link = null;
    this.next = null;
    this.isAnswered = false;
    this.hopCount = 0;
  }
}
