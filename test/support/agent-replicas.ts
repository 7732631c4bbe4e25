/** Topologies with replicas at the side of node a, for tests of the agent: who owns a slot, since when, and who copies or keeps it. */
import type { ReplicaReport } from '../../src/cluster/mover.ts';
import { emptyLineage, keptMark, UNSURE } from '../../src/topology/slot-lineage.ts';
import { SLOT_COUNT } from '../../src/topology/slots.ts';
import { NO_NODE, type SlotMove, Topology } from '../../src/topology/topology.ts';
import { CLUSTER, nodeOf } from './agent-bench.ts';

/** Slot 5, to which all of this is about; the others are c's since epoch 1, without copies. */
export const SLOT = 5;
export const COLUMNS = 3;

export interface SlotSetting {
  /** A digit; '' for nobody. */
  readonly owner: string;
  readonly since: number;
  readonly before?: number;
  /** Digits of replicas, each with a k behind it where it keeps a copy: `bck`. */
  readonly replicas?: string;
  readonly isUnsure?: boolean;
}

export function replicated(
  epoch: number,
  setting: SlotSetting,
  options: { readonly digits?: string; readonly moves?: readonly SlotMove[] } = {},
): Topology {
  const { digits = 'abcd', moves = [] } = options;
  const nodes = digits.split('').map((digit) => nodeOf(digit));
  const owners = new Uint16Array(SLOT_COUNT).fill(digits.indexOf('c'));
  const replicas = new Uint16Array(SLOT_COUNT * COLUMNS).fill(NO_NODE);
  const lineage = emptyLineage();
  lineage.since.fill(1);
  const { owner, since, before = 0, replicas: columns = '', isUnsure = false } = setting;
  owners[SLOT] = owner === '' ? NO_NODE : digits.indexOf(owner);
  lineage.since[SLOT] = since;
  lineage.before[SLOT] = before;
  for (const [n, [, digit, kept]] of [...columns.matchAll(/([a-d])(k?)/g)].entries()) {
    replicas[SLOT * COLUMNS + n] = digits.indexOf(digit!);
    if (kept === 'k') lineage.marks[SLOT]! |= keptMark(n);
  }
  if (isUnsure) lineage.marks[SLOT]! |= UNSURE;
  return Topology.of({ cluster: CLUSTER, epoch, nodes, owners, replicaCount: COLUMNS, replicas, lineage, moves });
}

export function reportOf(epoch: number, parts: Partial<ReplicaReport> = {}): ReplicaReport {
  return { epoch, targets: [], sources: [], kept: [], alone: 0, ...parts };
}
