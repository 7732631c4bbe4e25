/** Topologies with replicas at the side of node a, for tests of the agent: who owns a slot, since when, and who copies or keeps it. */
import type { ReplicaReport } from '../../src/cluster/mover.ts';
import { emptyLineage, keptMark, UNSURE } from '../../src/topology/slot-lineage.ts';
import { SLOT_COUNT } from '../../src/topology/slots.ts';
import { NO_NODE, type SlotMove, Topology } from '../../src/topology/topology.ts';
import { OWNER_MASK } from '../../src/cluster/slot-table.ts';
import { AgentBench, CLUSTER, idOf, LEASE_MS, nodeOf } from './agent-bench.ts';

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
  for (const [n, [, digit, mark]] of [...columns.matchAll(/([a-d])(k?)/g)].entries()) {
    replicas[SLOT * COLUMNS + n] = digits.indexOf(digit!);
    if (mark === 'k') lineage.marks[SLOT]! |= keptMark(n);
  }
  if (isUnsure) lineage.marks[SLOT]! |= UNSURE;
  return Topology.of({ cluster: CLUSTER, epoch, nodes, owners, replicaCount: COLUMNS, replicas, lineage, moves });
}

export function reportOf(epoch: number, parts: Partial<ReplicaReport> = {}): ReplicaReport {
  return { epoch, targets: [], sources: [], kept: [], alone: 0, ...parts };
}

/** Node a, with this topology as its first one. */
export function joined(setting: SlotSetting, options: Parameters<typeof replicated>[2] = {}): AgentBench {
  const bench = new AgentBench();
  bench.apply(replicated(1, setting, options));
  // What it was when it began need not be told again.
  bench.effects = bench.effects.filter(({ type }) => type !== 'purge');
  return bench;
}

export function reported(bench: AgentBench, report: ReplicaReport): void {
  bench.step({ type: 'replicasChanged', report });
}

export function flags(bench: AgentBench): number {
  return bench.table.wordOf(SLOT) & ~OWNER_MASK;
}

/** a copies the slot of b, and its copy is whole. */
export function replica(through = 40): AgentBench {
  const bench = joined({ owner: 'b', since: 1, replicas: 'a' });
  reported(bench, reportOf(1, { sources: [{ id: idOf('b'), through, synced: [SLOT] }] }));
  bench.effects = [];
  return bench;
}

/** What the mover says once the copy of b's slot is kept. */
export function kept(epoch: number, through = 40): ReplicaReport {
  return reportOf(epoch, { kept: [{ id: idOf('b'), through, slots: [SLOT] }] });
}

export function purged(bench: AgentBench): readonly (readonly number[])[] {
  return bench.wanted('purge').map(({ slots }) => slots);
}

/** The slots that a takes from each node by the last word to the mover, by its digit. */
export function sources(bench: AgentBench): Readonly<Record<string, readonly number[]>> {
  const last = bench.wanted('copyFrom').at(-1);
  return Object.fromEntries((last?.sources ?? []).map(({ node, slots }) => [node.id[0]!, slots]));
}

export function targets(bench: AgentBench): Readonly<Record<string, readonly number[]>> {
  const last = bench.wanted('replicateTo').at(-1);
  return Object.fromEntries((last?.targets ?? []).map(({ node, slots }) => [node.id[0]!, slots]));
}

/** What the coordinator hears with the next heartbeat. */
export function told(bench: AgentBench): unknown {
  bench.pass(LEASE_MS);
  return bench.heartbeats.at(-1)!.replication;
}
