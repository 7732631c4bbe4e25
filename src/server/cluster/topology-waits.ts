/**
 * Clients that wait to be told of the next topology: what pushes it to them, since nothing but replies comes on their connections. A session has
 * one such request at a time; another one takes its place.
 */
import type { ShoalWriter } from '../../protocol/shoal/writer.ts';
import { Status } from '../../protocol/shoal/frame.ts';
import { encodeTopology } from '../../topology/encoding.ts';
import type { Topology } from '../../topology/topology.ts';
import type { Outbox } from '../outbox.ts';
import type { Session } from '../session.ts';

export interface TopologyRequest {
  readonly requestId: number;
  /** Only a newer one is news to the client. */
  readonly knownEpoch: number;
  /** Monotonic ms at which it is told that there is none. */
  readonly untilMs: number;
}

export class TopologyWaits {
  private readonly outbox: Outbox;
  private readonly writer: ShoalWriter;
  private readonly waiting = new Map<Session, TopologyRequest>();

  /** `writer`: one of its own, for frames outside a batch. */
  constructor(outbox: Outbox, writer: ShoalWriter) {
    this.outbox = outbox;
    this.writer = writer;
  }

  wait(session: Session, request: TopologyRequest): void {
    const before = this.waiting.get(session);
    if (before !== undefined) this.answer(session, before, null);
    this.waiting.set(session, request);
  }

  /** The session is gone. */
  forget(session: Session): void {
    this.waiting.delete(session);
  }

  /** Answers all that wait for this topology. What is written is scheduled, not sent. */
  announce(topology: Topology): void {
    let encoded: Uint8Array | null = null;
    for (const [session, request] of this.waiting) {
      if (topology.epoch <= request.knownEpoch) continue;
      encoded ??= encodeTopology(topology);
      this.writer.epoch = topology.epoch;
      this.waiting.delete(session);
      this.answer(session, request, encoded);
    }
  }

  /** Answers those whose time is over. */
  expire(monotonicMs: number): void {
    for (const [session, request] of this.waiting) {
      if (monotonicMs < request.untilMs) continue;
      this.waiting.delete(session);
      this.answer(session, request, null);
    }
  }

  private answer(session: Session, { requestId }: TopologyRequest, encoded: Uint8Array | null): void {
    const { writer } = this;
    writer.start(requestId, session.shoalVersion);
    if (encoded === null) writer.answer(Status.miss);
    else writer.bulk(encoded, 0, encoded.length);
    this.outbox.deliver(session, writer.bytes, 0, writer.length);
    writer.reset();
  }
}
