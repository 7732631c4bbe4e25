/**
 * Reads from copies of other nodes' slots, for clients that ask for that: RESP connections after READONLY, which take what there is, and requests that say how old an answer may
 * be. A copy's age is known by this node's own clock (src/cluster/copy-table.ts); who wants less than it can vouch for is sent to the owner.
 *
 * What was read counts only if the copies are the same afterwards: the control thread takes a copy out of the table before it deletes anything of it.
 */
import type { CopyTable } from '../../cluster/copy-table.ts';
import { type CommandEntry, Trait } from '../command-table.ts';
import type { Clock } from '../environment.ts';
import type { Session } from '../session.ts';

/** What a command may read. */
export const CopyVerdict = {
  /** It goes to the owner. */
  none: 0,
  read: 1,
  /** The copy may be older than the request allows. */
  tooOld: 2,
} as const;
export type CopyVerdict = (typeof CopyVerdict)[keyof typeof CopyVerdict];

const NOT_ASKED = -1;

export class ThreadCopies {
  readonly table: CopyTable;
  private readonly clock: Clock;
  private ageMsMax = NOT_ASKED;
  /** Of the table, when the command was judged that reads a copy. */
  private judgedVersion = 0;

  constructor(table: CopyTable, clock: Clock) {
    this.table = table;
    this.clock = clock;
  }

  /** The request that runs next may be answered with what was so `ageMsMax` ago; 0: however long ago. */
  ask(ageMsMax: number): void {
    this.ageMsMax = ageMsMax;
  }

  /** The requests to come do not ask. */
  endAsking(): void {
    this.ageMsMax = NOT_ASKED;
  }

  /** Whether a command of `session` on `slot`, which another node has, reads the copy that is here. */
  judge(session: Session, entry: CommandEntry, slot: number): CopyVerdict {
    const { table, ageMsMax } = this;
    if (!session.readsCopies && ageMsMax === NOT_ASKED) return CopyVerdict.none;
    if ((entry.traits & Trait.readonly) === 0 || session.transaction !== null) return CopyVerdict.none;
    this.judgedVersion = table.version;
    if ((this.judgedVersion & 1) !== 0 || !table.has(slot)) return CopyVerdict.none;
    if (ageMsMax <= 0) return CopyVerdict.read;
    return this.clock.monotonicMs() - table.freshAtMs(slot) <= ageMsMax ? CopyVerdict.read : CopyVerdict.tooOld;
  }

  /** Whether all copies are still there that there were when the command was judged. */
  get isSame(): boolean {
    return this.table.version === this.judgedVersion;
  }
}
