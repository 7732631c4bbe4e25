/**
 * What clients did with each key and what they were told, with true times; and whether some order of it explains it all: every
 * operation at one moment between its call and its answer, every read giving what was written last (linearizability, key by key).
 *
 * - A write without an answer may have been done, at any time after its call, or never. A call that is tried twice is two writes.
 * - When the owner of a key dies, the key may become absent, once, at any time after that. Only then.
 * - With replicas, it may instead go back to what it was at some moment before, or to nothing: once, at any time after that. But a write that was answered when k replicas had it
 *   is not gone back behind, as long as no more than k nodes have died since it was called.
 * - Values are never written twice by different calls, so a value names its write.
 */

/** No value: the key is absent. */
export const ABSENT = 0;
const NEVER = Number.POSITIVE_INFINITY;

export type OperationKind = 'read' | 'write' | 'erase' | 'revert';

export interface Operation {
  readonly kind: OperationKind;
  /** Written, or read; ABSENT where there was none, and for an erase. */
  value: number;
  readonly calledAtMs: number;
  /** Infinity: no answer, or a failure that leaves open whether it was done. */
  answeredAtMs: number;
  /** The step at which the answer came. */
  answeredAtStep: number;
  /** Replicas that had it when it was answered. */
  copies: number;
  /** It certainly did not happen. */
  void: boolean;
  /** Who called, for people. */
  readonly who: string;
}

export interface HistoryProblem {
  readonly key: string;
  /** The first answer that nothing explains. */
  readonly operation: Operation;
  readonly recent: readonly Operation[];
}

/** Operations before the one that fails which a report shows. */
const RECENT_OPERATIONS = 12;

export class History {
  private readonly keys = new Map<string, Operation[]>();
  private readonly deaths: Death[] = [];

  /** A call begins; the returned record is to be completed by `answer`, `refuse`, or left as it is. */
  call(key: string, kind: OperationKind, value: number, nowMs: number, who: string): Operation {
    const operation: Operation = {
      kind,
      value,
      calledAtMs: nowMs,
      answeredAtMs: NEVER,
      answeredAtStep: 0,
      copies: 0,
      void: false,
      who,
    };
    let operations = this.keys.get(key);
    if (operations === undefined) this.keys.set(key, (operations = []));
    operations.push(operation);
    return operation;
  }

  /** The call was done, at some moment from its call to now; a read gave `value`. `copies`: replicas that have a write by now. */
  answer(operation: Operation, value: number, nowMs: number, step: number, copies = 0): void {
    operation.value = value;
    operation.copies = copies;
    operation.answeredAtMs = nowMs;
    operation.answeredAtStep = step;
  }

  /** The call was refused before anything happened. */
  refuse(operation: Operation): void {
    operation.void = true;
  }

  /** The owner of `key` died: its value may be gone from now on. */
  erase(key: string, nowMs: number, who: string): void {
    this.call(key, 'erase', ABSENT, nowMs, who);
  }

  /** The owner of `key` died: its value may be an earlier one from now on. */
  revert(key: string, nowMs: number, who: string): void {
    this.call(key, 'revert', ABSENT, nowMs, who);
  }

  /**
   * A node died, or was removed, with all copies that it had. `areCopiesEnough`: there were so many nodes that each slot could have as many copies as are wanted, and one more. One that was removed may
   * run on for a while and take part in what others are told: `untilMs` of the returned record says when that was over.
   */
  died(nowMs: number, areCopiesEnough: boolean): Death {
    const death = { atMs: nowMs, untilMs: nowMs, areCopiesEnough };
    this.deaths.push(death);
    return death;
  }

  /** Writes of `key` whose outcome is open: what makes checking dear, so clients keep this low. */
  openWrites(key: string): number {
    let count = 0;
    for (const { kind, answeredAtMs, void: isVoid } of this.keys.get(key) ?? []) {
      if (kind === 'write' && answeredAtMs === NEVER && !isVoid) count += 1;
    }
    return count;
  }

  get operationCount(): number {
    let count = 0;
    for (const operations of this.keys.values()) count += operations.length;
    return count;
  }

  /** What was done with each key, in the order of the calls. */
  entries(): IterableIterator<[string, readonly Operation[]]> {
    return this.keys.entries();
  }

  /** Null where everything is explained. Of several problems, the one that shows first. */
  check(): HistoryProblem | null {
    let first: HistoryProblem | null = null;
    for (const [key, operations] of this.keys) {
      const operation = firstUnexplained(operations, this.deaths);
      if (operation === null || (first !== null && first.operation.answeredAtMs <= operation.answeredAtMs)) continue;
      const before = operations.filter(({ calledAtMs }) => calledAtMs <= operation.answeredAtMs);
      first = { key, operation, recent: before.slice(-RECENT_OPERATIONS) };
    }
    return first;
  }
}

/** What may be so at one moment: the value, and which of the operations that are open have taken effect. */
interface Possibility {
  readonly value: number;
  /** The write of the value; null: none, or one of before what is known of the past. */
  readonly writer: Operation | null;
  /** What a revert may bring back, the last first; null: nothing but absence. Only where nodes with replicas have died. */
  readonly past: Past | null;
  readonly done: ReadonlySet<Operation>;
}

/** Writes that have taken effect, and those before. */
interface Past {
  readonly writer: Operation;
  readonly past: Past | null;
}

/**
 * Goes through calls and answers in the order of time and keeps all that may be so. An operation takes effect only when an answer forces it
 * to (or, for a read, when its value is the current one), which leaves nothing out: later is always possible while nothing forces it.
 */
export function firstUnexplained(all: readonly Operation[], nodeDeaths: readonly Death[] = []): Operation | null {
  const facts = factsOf(all, nodeDeaths);
  const operations = all.filter((operation) => counts(operation, all));
  const calls = operations.map((operation) => ({ timeMs: operation.calledAtMs, isAnswer: false, operation }));
  const answers = operations
    .filter(({ answeredAtMs }) => answeredAtMs !== NEVER)
    .map((operation) => ({ timeMs: operation.answeredAtMs, isAnswer: true, operation }));
  const moments = [...calls, ...answers]
    // At one moment calls come first: what overlaps by a point overlaps.
    .toSorted((left, right) => left.timeMs - right.timeMs || Number(left.isAnswer) - Number(right.isAnswer));
  const open = new Set<Operation>();
  let possible: readonly Possibility[] = [{ value: ABSENT, writer: null, past: null, done: new Set() }];
  for (const { isAnswer, operation } of moments) {
    if (!isAnswer) {
      open.add(operation);
      if (operation.kind === 'read') possible = possible.map((one) => withReads(one, one.done, open));
      continue;
    }
    possible = afterAnswer(possible, operation, open, facts);
    if (possible.length === 0) return operation;
    open.delete(operation);
  }
  return null;
}

/** Leaves out what cannot change any verdict: refused calls, reads without an answer, open writes of values that nobody saw. */
function counts(operation: Operation, all: readonly Operation[]): boolean {
  if (operation.void) return false;
  if (operation.answeredAtMs !== NEVER || operation.kind === 'erase' || operation.kind === 'revert') return true;
  if (operation.kind === 'read') return false;
  return all.some((other) => other.kind === 'read' && other.answeredAtMs !== NEVER && other.value === operation.value);
}

/** All that may be so once `answered` has taken effect, from what may be so before it had to. */
function afterAnswer(
  possible: readonly Possibility[],
  answered: Operation,
  open: ReadonlySet<Operation>,
  facts: Facts,
): readonly Possibility[] {
  const reached: Possibility[] = [];
  const seen = new Set<string>();
  const numbers = new Map([...open].map((operation, index) => [operation, index]));
  const queue = [...possible];
  for (let one = queue.pop(); one !== undefined; one = queue.pop()) {
    const name = `${one.value}:${pastName(one.past, answered.answeredAtMs, facts)}:${[...one.done]
      .map((operation) => numbers.get(operation)!)
      .toSorted((left, right) => left - right)
      .join()}`;
    if (seen.has(name)) continue;
    seen.add(name);
    if (one.done.has(answered)) {
      const done = new Set(one.done);
      done.delete(answered);
      reached.push({ ...one, done });
      continue;
    }
    let erased = false;
    let reverted = false;
    for (const operation of open) {
      if (operation.kind === 'read' || one.done.has(operation)) continue;
      if (operation.kind === 'revert') {
        // To go back is of use only for a read that saw it; until then later is as good, and more is left to go back to.
        if (reverted || answered.kind !== 'read') continue;
        reverted = true;
        const back = goneBack(one, answered, facts);
        if (back !== null) queue.push(withReads(back, new Set(one.done).add(operation), open));
        continue;
      }
      if (operation.kind === 'erase') {
        // One erase is as good as another, and none is of use while there is nothing to erase.
        if (erased || one.value === ABSENT) continue;
        erased = true;
      }
      queue.push(withReads(after(one, operation, facts), new Set(one.done).add(operation), open));
    }
  }
  return undominated(reached, answered.answeredAtMs, facts);
}

type State = Omit<Possibility, 'done'>;

export interface Death {
  readonly atMs: number;
  untilMs: number;
  readonly areCopiesEnough: boolean;
}

/** What is to be known of a key's whole history. */
interface Facts {
  readonly hasReverts: boolean;
  readonly deaths: readonly Death[];
  /** When a value was last read. */
  readonly lastReadAtMs: ReadonlyMap<number, number>;
  /** Writes that nothing goes back behind, ever. */
  readonly alwaysSafe: ReadonlySet<Operation>;
}

function factsOf(operations: readonly Operation[], deaths: readonly Death[]): Facts {
  const hasReverts = operations.some(({ kind }) => kind === 'revert');
  const lastReadAtMs = new Map<number, number>();
  const alwaysSafe = new Set<Operation>();
  for (const operation of operations) {
    const { kind, value, answeredAtMs } = operation;
    if (kind === 'read' && answeredAtMs !== NEVER)
      lastReadAtMs.set(value, Math.max(answeredAtMs, lastReadAtMs.get(value) ?? 0));
    if (kind === 'write' && isSafe(operation, NEVER, deaths)) alwaysSafe.add(operation);
  }
  return { hasReverts, deaths, lastReadAtMs, alwaysSafe };
}

/** The state once `operation`, a write or an erase, has taken effect. */
function after({ writer, past }: State, operation: Operation, { hasReverts }: Facts): State {
  if (operation.kind === 'erase') return { value: ABSENT, writer: null, past: null };
  const before = writer === null || !hasReverts ? past : { writer, past };
  return { value: operation.value, writer: operation, past: hasReverts ? before : null };
}

/** The state in which a revert has brought back what `read` saw; null where it cannot have. */
function goneBack(one: State, read: Operation, facts: Facts): State | null {
  if (one.value === read.value) return null;
  for (
    let at: Past | null = one.writer === null ? one.past : { writer: one.writer, past: one.past };
    at !== null;
    at = at.past
  ) {
    if (at.writer.value === read.value) return { value: read.value, writer: at.writer, past: at.past };
    if (isSafe(at.writer, read.answeredAtMs, facts.deaths)) return null;
  }
  return read.value === ABSENT ? { value: ABSENT, writer: null, past: null } : null;
}

/** Whether some copy of what `write` wrote must be there still at `nowMs`. */
function isSafe({ copies, calledAtMs }: Operation, nowMs: number, deaths: readonly Death[]): boolean {
  if (copies === 0) return false;
  const since = deaths.filter(({ atMs, untilMs }) => untilMs >= calledAtMs && atMs <= nowMs);
  return since.length <= copies && since.every(({ areCopiesEnough }) => areCopiesEnough);
}

/** Equal for pasts that explain the same of what is answered from `nowMs` on: a value that nobody reads any more is only of use where it ends them. */
function pastName(past: Past | null, nowMs: number, { lastReadAtMs, alwaysSafe }: Facts): string {
  let name = '';
  for (let at = past; at !== null; at = at.past) {
    const { writer } = at;
    const isEnd = alwaysSafe.has(writer);
    const isRead = (lastReadAtMs.get(writer.value) ?? 0) >= nowMs;
    if (isRead || (writer.copies > 0 && !isEnd)) name += `${writer.value},`;
    if (isEnd) return `${name}!`;
  }
  return name;
}

/** `state`, in which all open reads of its value have had it. */
function withReads(state: State, before: ReadonlySet<Operation>, open: ReadonlySet<Operation>): Possibility {
  let done: Set<Operation> | null = null;
  for (const operation of open) {
    if (operation.kind !== 'read' || operation.value !== state.value || before.has(operation)) continue;
    done ??= new Set(before);
    done.add(operation);
  }
  const { value, writer, past } = state;
  return { value, writer, past, done: done ?? before };
}

/**
 * Without what is worse than another one of the same value: what has done less that may be left undone, and no less that must be done, can do
 * all that the other can.
 */
function undominated(all: readonly Possibility[], nowMs: number, facts: Facts): readonly Possibility[] {
  const groups = new Map<string, Possibility[]>();
  for (const one of all) {
    const name = `${one.value}:${pastName(one.past, nowMs, facts)}`;
    const alike = groups.get(name);
    if (alike === undefined) groups.set(name, [one]);
    else alike.push(one);
  }
  return [...groups.values()].flatMap(undominatedOf);
}

function undominatedOf(alike: readonly Possibility[]): readonly Possibility[] {
  const kept: Possibility[] = [];
  for (const one of alike) {
    if (kept.some((other) => dominates(other, one))) continue;
    for (let index = kept.length - 1; index >= 0; index -= 1) {
      if (dominates(one, kept[index]!)) kept.splice(index, 1);
    }
    kept.push(one);
  }
  return kept;
}

/** Of two of the same value, whose pasts are as good. */
function dominates(better: Possibility, worse: Possibility): boolean {
  for (const operation of better.done) {
    if (isOptional(operation) && !worse.done.has(operation)) return false;
  }
  for (const operation of worse.done) {
    if (!isOptional(operation) && !better.done.has(operation)) return false;
  }
  return mandatoryWrites(better) === mandatoryWrites(worse);
}

function isOptional({ answeredAtMs }: Operation): boolean {
  return answeredAtMs === NEVER;
}

/** A write that will be answered is done once: having it still to do is another state, not a better one. */
function mandatoryWrites({ done }: Possibility): number {
  let count = 0;
  for (const operation of done) if (operation.kind === 'write' && !isOptional(operation)) count += 1;
  return count;
}
