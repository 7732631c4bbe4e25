/**
 * A source's connection to the target of a move, or a primary's to a replica: greets, tells the mover when it stands, and is made anew after it was lost, until it
 * is closed. Frames that are sent while it does not stand are dropped; the mover sends them again.
 */
import { FrameLink, type FrameLinkOptions } from '../control/frame-link.ts';
import { Opcode } from '../protocol/shoal/frame.ts';
import type { LinkPurpose, MoveLink, MoveLinkEvents } from './move-link.ts';

/** Between the loss of a connection and the next attempt. */
const RETRY_MS = 100;
/** A connection that does not greet is given up after this. */
const GREETING_MS_MAX = 2500;
const NOTHING = new Uint8Array(0);

export class MoveConnection implements MoveLink {
  private readonly options: FrameLinkOptions;
  private readonly opcode: Opcode;
  private readonly events: MoveLinkEvents;
  private link: FrameLink | null = null;
  private isUp = false;
  private isClosed = false;
  private nowMs = Number.NEGATIVE_INFINITY;
  private dueMs = Number.NEGATIVE_INFINITY;

  constructor(options: FrameLinkOptions, purpose: LinkPurpose, events: MoveLinkEvents) {
    this.options = options;
    this.opcode = purpose === 'move' ? Opcode.moveItems : Opcode.replicate;
    this.events = events;
  }

  /** Call it often: connects when that is due. */
  tick(nowMs: number): void {
    this.nowMs = nowMs;
    if (this.isClosed || this.isUp || nowMs < this.dueMs) return;
    this.link?.close();
    const link = new FrameLink(this.options);
    this.link = link;
    this.dueMs = nowMs + GREETING_MS_MAX;
    // The answer to the first request says that there is a connection, and that it speaks as we do.
    link.send(Opcode.ping, NOTHING, {
      answered: () => {
        if (this.link !== link || this.isClosed) return;
        this.isUp = true;
        this.events.up();
      },
      failed: () => this.lost(link),
    });
  }

  send(frame: Uint8Array): void {
    const { link } = this;
    if (link === null || !this.isUp) return;
    link.send(this.opcode, frame, {
      answered: (reply) => {
        if (this.link === link) this.events.replied(reply);
      },
      failed: () => this.lost(link),
    });
  }

  close(): void {
    this.isClosed = true;
    this.isUp = false;
    this.link?.close();
    this.link = null;
  }

  /** Also where the target refuses: it may be another process by now. */
  private lost(link: FrameLink): void {
    if (this.link !== link) return;
    const wasUp = this.isUp;
    this.isUp = false;
    this.link = null;
    this.dueMs = this.nowMs + RETRY_MS;
    link.close();
    if (wasUp && !this.isClosed) this.events.down();
  }
}
