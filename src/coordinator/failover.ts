/**
 * Who gets the slots of a node that has died: the replica whose copy is the most advanced, slot by slot. Part of a proposal.
 *
 * Where there is but one copy, and it is known to be whole, its node has the slot at once. Else the slot waits without an owner (vacancies.ts), and so does one whose new owner does not have its items. A node that
 * may have a copy is waited for until it has spoken or is dead, and no longer than for a lease's time.
 */
import { shortNodeId } from '../topology/short-node-id.ts';
import { NO_NODE, type Topology } from '../topology/topology.ts';
import { isLater } from './heard-copies.ts';
import type { Membership } from './membership.ts';
import type { SlotBook } from './slot-book.ts';
import type { Vacancies } from './vacancies.ts';

export interface FailoverInput {
  readonly membership: Membership;
  readonly vacancies: Vacancies;
  /** Whether a node that is gone may come back with the slot on its disk. */
  readonly mayComeBack: (slot: number) => boolean;
  /** So long a node is waited for, in ms. */
  readonly waitMsMax: number;
  readonly nowMs: number;
}

/** Gives slots to copies in `book`, which was begun from `topology`. Returns the slots that nobody is to be given yet. Tells `reasons` what changes. */
export function failOver(
  topology: Topology,
  book: SlotBook,
  { membership, vacancies, mayComeBack, waitMsMax, nowMs }: FailoverInput,
  reasons: string[],
): ReadonlySet<number> {
  const waiting = new Set<number>();
  const promoted = new Map<number, number>();
  const note = (to: number): void => void promoted.set(to, (promoted.get(to) ?? 0) + 1);
  let bereavedCount = 0;
  for (const slot of book.bereaved) {
    if (book.owner(slot) !== NO_NODE) continue;
    const candidates = book.columnsOf(slot);
    if (candidates.length === 0) continue;
    const [only] = candidates;
    const owner = topology.ownerOf(slot)!.id;
    if (candidates.length === 1 && isKnownWhole(book, slot, owner, membership)) {
      book.promote(slot, only!.index, 'following', () => false);
      note(only!.index);
    } else {
      waiting.add(slot);
      bereavedCount += 1;
    }
  }
  if (bereavedCount > 0) reasons.push(`${bereavedCount} slots wait for what is known of their copies`);

  let emptied = 0;
  let rewound = 0;
  for (const slot of vacancies.observe(topology, nowMs)) {
    const owner = book.owner(slot);
    const isUnsure = book.isUnsure(slot);
    // Its owner was there and is not: it waits anew, as one of the bereaved.
    if (waiting.has(slot) || (owner !== NO_NODE && !isUnsure)) continue;
    const epoch = vacancies.epochOf(slot);
    const hasSpoken = (index: number): boolean => membership.copiesOf(book.nodes[index]!.id).epoch >= epoch;
    const isLate = vacancies.waitedMs(slot, nowMs) >= waitMsMax;
    if (isUnsure) {
      if (!hasSpoken(owner)) continue;
      if (!membership.copiesOf(book.nodes[owner]!.id).isVacant(slot)) {
        book.confirm(slot);
        continue;
      }
    }
    const columns = book.columnsOf(slot);
    if (!isLate && !columns.every(({ index }) => hasSpoken(index))) {
      if (!isUnsure) waiting.add(slot);
      continue;
    }
    const throughOf = (index: number): number | null | undefined =>
      hasSpoken(index) ? membership.copiesOf(book.nodes[index]!.id).keptThrough(slot) : undefined;
    const own = isUnsure ? [{ index: owner, kept: true }] : [];
    const best = bestOf([...own, ...columns], throughOf);
    if (best !== null) {
      // Who has not spoken may have one.
      const mayBeWhole = (id: string): boolean => {
        const copies = membership.copiesOf(id);
        return copies.epoch < epoch || copies.keptThrough(slot) !== undefined;
      };
      book.promote(slot, best.index, best.kept ? 'kept' : 'following', mayBeWhole);
      note(best.index);
    } else if (isUnsure && mayComeBack(slot)) {
      book.rewind(slot);
      rewound += 1;
    } else if (isUnsure) {
      book.give(slot, owner);
      emptied += 1;
    } else {
      // Nobody has anything: whoever is given the slot begins with none.
      book.setColumns(slot, []);
      emptied += 1;
    }
  }
  for (const [to, count] of promoted) {
    reasons.push(`node ${shortNodeId(book.nodes[to]!.id)} goes on with its copies of ${count} slots`);
  }
  if (rewound > 0) reasons.push(`${rewound} slots were not taken over when their owner died`);
  if (emptied > 0) reasons.push(`of ${emptied} slots there is no whole copy`);
  return waiting;
}

/** Whether the only replica of `slot` has a whole copy of its dead owner. */
function isKnownWhole(book: SlotBook, slot: number, owner: string, membership: Membership): boolean {
  const [{ index, kept }] = book.columnsOf(slot) as [{ index: number; kept: boolean }];
  return !kept && membership.isSynced(book.nodes[index]!.id, { slot, owner, since: book.since(slot) });
}

/** Those that followed the last owner go before those that have kept what was before it; then the most advanced. */
function bestOf(
  candidates: readonly { readonly index: number; readonly kept: boolean }[],
  throughOf: (index: number) => number | null | undefined,
): { readonly index: number; readonly kept: boolean } | null {
  let best: { readonly index: number; readonly kept: boolean; readonly through: number | null } | null = null;
  for (const { index, kept } of candidates) {
    const through = throughOf(index);
    if (through === undefined) continue;
    const isBetter = best === null || (best.kept && !kept) || (best.kept === kept && isLater(through, best.through));
    if (isBetter) best = { index, kept, through };
  }
  return best;
}
