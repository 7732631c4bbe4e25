/**
 * Which changes clients of this thread have made themselves, for those that do not want to hear of their own (NOLOOP). Records of the change log do not say who wrote; but a client's
 * writes are recorded by its own thread, which notes the number of each while such a client's command runs.
 *
 * The numbers of records come round after 2^32 of them. What is kept for long is kept as a number that does not: `widen` makes it, and is to be called at least every 2^31 records.
 */
import { recordsBetween } from '../../changes/log-position.ts';
import type { ChangeRing } from '../../store/change-ring.ts';

/** Notes that are kept: of records that nobody's table has, nothing comes that would take them away. Who is forgotten hears of a change of its own. */
const NOTES_MAX = 4096;

export const NOBODY = 0;

export class ChangeAuthors {
  private readonly ring: ChangeRing;
  private readonly requested: number[] = [];
  /** By the widened number of the record. */
  private readonly authors = new Map<number, number>();
  private author = NOBODY;
  private position = 0;
  private wide = 0;

  constructor(ring: ChangeRing) {
    this.ring = ring;
  }

  /** The log's position now. */
  now(): number {
    return this.widen(this.ring.position);
  }

  /** `sequence`, within 2^31 of the last one, as a number that does not come round. */
  widen(sequence: number): number {
    const wide = this.wide + recordsBetween(this.position, sequence);
    if (wide > this.wide) {
      this.position = sequence;
      this.wide = wide;
    }
    return wide;
  }

  /** Nothing is remembered any more, however long ago it was. */
  restart(): void {
    this.authors.clear();
    this.position = this.ring.position;
  }

  /** What is recorded from here on is the client's. */
  begin(client: number): void {
    this.author = client;
    this.ring.requested = this.requested;
  }

  end(): void {
    this.settle();
    this.ring.requested = null;
  }

  /** The client of this thread that made the change, or NOBODY; asked once. */
  takeAuthor(wide: number): number {
    this.settle();
    const author = this.authors.get(wide);
    if (author === undefined) return NOBODY;
    this.authors.delete(wide);
    return author;
  }

  private settle(): void {
    const { requested, authors } = this;
    if (requested.length === 0) return;
    for (const sequence of requested) authors.set(this.widen(sequence), this.author);
    requested.length = 0;
    if (authors.size <= NOTES_MAX) return;
    for (const wide of authors.keys()) {
      authors.delete(wide);
      if (authors.size <= NOTES_MAX) break;
    }
  }
}
