/** One request that another node answers: all that is kept of it until its reply has gone to the client. Objects are used again. */
import type { PeerLink } from '../../cluster/peer-link.ts';
import type { LinkFault, LinkReply, LinkRequest } from '../../cluster/link-requests.ts';
import { ForwardForm, ForwardFrame } from '../../protocol/shoal/forward.ts';
import { Trait } from '../command-table.ts';
import type { Session } from '../session.ts';
import { KeptBytes } from '../kept-bytes.ts';
import type { CommandPart, JoinedReply } from './split-command.ts';

/** Who is told how a request ended at a link. */
export interface ForwardedOutcome {
  replied(request: ForwardedRequest, reply: LinkReply): void;
  failed(request: ForwardedRequest, fault: LinkFault, reason: string): void;
}

/** One part's place in the reply of a command that was split. */
export interface ReplyShare {
  readonly part: CommandPart;
  readonly joined: JoinedReply;
  /** The request of the last part: where the client's reply goes. */
  last: ForwardedRequest;
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
  /** Between the last refusal and the attempt after it; 0: it was not refused. */
  retryMs = 0;
  /** While it waits to be sent again: the error, should there be no more time for that. */
  trouble = '';
  isAnswered = false;
  /** What is for the client, where others come before it. */
  readonly reply = new KeptBytes();
  /** Replies of this node to what the client sent behind it. */
  readonly behind = new KeptBytes();
  /** Of a part of a command that was split: what becomes of its reply. */
  share: ReplyShare | null = null;

  constructor(outcome: ForwardedOutcome) {
    this.outcome = outcome;
  }

  /** For the request that `session` has sent last, or a part of it. */
  begin(session: Session, slot: number, isMuted: boolean, deadlineMs: number): void {
    this.session = session;
    this.slot = slot;
    this.isReadonly = (session.lastCommand!.traits & Trait.readonly) !== 0;
    this.isMuted = isMuted;
    this.deadlineMs = deadlineMs;
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
    this.share = null;
    this.session = null;
    this.link = null;
    this.trouble = '';
    this.next = null;
    this.isAnswered = false;
    this.hopCount = 0;
    this.retryMs = 0;
  }
}
