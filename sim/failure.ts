/** What a run can fail with. Its kind is what shrinking holds on to: a shorter scenario must break the same promise. */

export type FailureKind =
  /** Two nodes could serve one slot at one moment. */
  | 'twoServe'
  /** What clients read of a key fits no order of what they wrote. */
  | 'notLinearizable'
  /** A node was taken for dead that no fault had touched. */
  | 'needlessDeath'
  /** After the faults the cluster did not come to rest in time. */
  | 'notConverged'
  /** At rest, something is not as it must be: a ghost, a mark that stayed, an owner that does not know. */
  | 'notAtRest'
  /** Code that runs in the simulation threw. */
  | 'crash';

export class SimulationFailure extends Error {
  override readonly name = 'SimulationFailure';
  readonly kind: FailureKind;
  /** The step in which it happened, where it shows only later. */
  readonly step: number | null;

  constructor(kind: FailureKind, message: string, step: number | null = null) {
    super(message);
    this.kind = kind;
    this.step = step;
  }
}
