/**
 * How many slots each node shall have. By numbers alone: which slots they are, the planner decides.
 *
 * A node's fair share is in proportion to its weight. It may have up to 1.05 times that, or the share rounded up where slots are so few that this is more, and must have
 * 0.95 of it, rounded down. Where nodes are outside their bounds, slots have to move; the least that can is
 *
 *     max(slots above upper bounds + slots of nobody, slots missing below lower bounds)
 *
 * and that many move. Where this leaves a choice, slots come from the nodes that have most for their weight and go to those that have least, so that shares are
 * as even as so few moves can make them. Whole numbers throughout, so all machines agree.
 */
import { assert } from '../base/assert.ts';

/** Of a node. */
export interface SlotClaim {
  /** 0: it may have no slots. */
  readonly weight: number;
  /** Slots that it has. */
  readonly count: number;
  /** How many of them it cannot give away. */
  readonly fixed: number;
}

/**
 * The fewest and the most slots that a node may have.
 * `loose`: 0.95 to 1.05 of its fair share, rounded down (but up to the share rounded up). `tight`: its fair share, rounded down and up.
 */
export type Tolerance = 'loose' | 'tight';

/** Of a node with `weight` of `weightSum`, where there are `slotCount` slots. */
export function upperBound(weight: number, weightSum: number, slotCount: number, tolerance: Tolerance): number {
  const fair = Math.ceil((slotCount * weight) / weightSum);
  return tolerance === 'tight' ? fair : Math.max(fair, Math.floor((105 * slotCount * weight) / (100 * weightSum)));
}

/** As `upperBound`. */
export function lowerBound(weight: number, weightSum: number, slotCount: number, tolerance: Tolerance): number {
  return tolerance === 'tight'
    ? Math.floor((slotCount * weight) / weightSum)
    : Math.floor((95 * slotCount * weight) / (100 * weightSum));
}

/**
 * For each claim the slots that it shall have, `slotCount` in all. Slots of nobody are those that no claim has. At least one claim has a weight. What is fixed
 * stays, whatever the bounds say.
 */
export function targetCounts(claims: readonly SlotClaim[], slotCount: number, tolerance: Tolerance): Int32Array {
  const weightSum = claims.reduce((sum, { weight }) => sum + weight, 0);
  assert(weightSum > 0, 'some node may have slots');
  const count = claims.length;
  const lower = new Int32Array(count);
  const upper = new Int32Array(count);
  const fixed = Int32Array.from(claims, (claim) => claim.fixed);
  const targets = new Int32Array(count);
  let sum = 0;
  for (let index = 0; index < count; index += 1) {
    const { weight, count: owned } = claims[index]!;
    upper[index] = Math.max(fixed[index]!, upperBound(weight, weightSum, slotCount, tolerance));
    lower[index] = Math.max(fixed[index]!, lowerBound(weight, weightSum, slotCount, tolerance));
    targets[index] = Math.min(Math.max(owned, lower[index]!), upper[index]!);
    sum += targets[index]!;
  }
  if (sum < slotCount) raise(targets, { claims, limits: upper, amount: slotCount - sum });
  if (sum > slotCount) {
    const left = reduce(targets, { claims, limits: lower, amount: sum - slotCount });
    // Only where nodes cannot give what they have too much of, others get less than they must have.
    if (left > 0) reduce(targets, { claims, limits: fixed, amount: left });
  }
  return targets;
}

interface Levelling {
  readonly claims: readonly SlotClaim[];
  /** What a target may not pass. */
  readonly limits: Int32Array;
  readonly amount: number;
}

/** Adds `amount` to `targets`, always to the one that is lowest for its weight, as water fills a basin. */
function raise(targets: Int32Array, { claims, limits, amount }: Levelling): void {
  const valueAt = (level: number, index: number): number =>
    Math.max(targets[index]!, Math.min(limits[index]!, levelOf(claims[index]!.weight, level)));
  let level = 0;
  let above = LEVEL_MAX + 1;
  while (above - level > 1) {
    const middle = Math.floor((level + above) / 2);
    let added = 0;
    for (let index = 0; index < targets.length; index += 1) added += valueAt(middle, index) - targets[index]!;
    if (added <= amount) level = middle;
    else above = middle;
  }
  applyLevel(targets, { amount, valueAt, level, next: level + 1 });
}

/** Takes `amount` from `targets`, always from the one that is highest for its weight. Returns how much the limits did not let it take. */
function reduce(targets: Int32Array, { claims, limits, amount }: Levelling): number {
  const valueAt = (level: number, index: number): number =>
    Math.min(targets[index]!, Math.max(limits[index]!, levelOf(claims[index]!.weight, level)));
  let below = -1;
  let level = LEVEL_MAX;
  while (level - below > 1) {
    const middle = Math.floor((below + level) / 2);
    let taken = 0;
    for (let index = 0; index < targets.length; index += 1) taken += targets[index]! - valueAt(middle, index);
    if (taken <= amount) level = middle;
    else below = middle;
  }
  return applyLevel(targets, { amount, valueAt, level, next: Math.max(0, level - 1) });
}

/** Sets `targets` to `level` and takes what is left of `amount` to those that `next` changes, which it does by one each. Returns what is left then. */
function applyLevel(
  targets: Int32Array,
  step: {
    readonly amount: number;
    readonly valueAt: (level: number, index: number) => number;
    readonly level: number;
    readonly next: number;
  },
): number {
  const { amount, valueAt, level, next } = step;
  let left = amount;
  const atLevel = targets.map((_, index) => valueAt(level, index));
  const atNext = targets.map((_, index) => valueAt(next, index));
  for (let index = 0; index < targets.length; index += 1) {
    left -= Math.abs(atLevel[index]! - targets[index]!);
    targets[index] = atLevel[index]!;
  }
  for (let index = 0; index < targets.length && left > 0; index += 1) {
    const change = atNext[index]! - atLevel[index]!;
    targets[index]! += Math.sign(change);
    left -= Math.abs(Math.sign(change));
  }
  return left;
}

/** Slots of a node at `level`. */
function levelOf(weight: number, level: number): number {
  return Math.floor((level * weight) / LEVELS_PER_SLOT);
}

/** So many that one level more is not one slot more, even of the greatest weight. */
const LEVELS_PER_SLOT = 2 ** 20;
/** A weight of 1 has all slots there. */
const LEVEL_MAX: number = 2 ** 14 * LEVELS_PER_SLOT;
