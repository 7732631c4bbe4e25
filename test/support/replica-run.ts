/** A primary and a replica with a random workload, and what must be so once nothing is on its way. */
import { expect } from 'bun:test';
import { seededRandom } from '../../src/base/random.ts';
import { auditStore } from '../../src/store/audit.ts';
import { type NetNode, type NetNodeOptions, ReplicaNet } from './replica-net.ts';
import { slotOf, StoreModel } from './workload-model.ts';

export const REPLICA_KEYS: readonly string[] = Array.from({ length: 600 }, (_, number) => `key:${number}`);
/** All slots of the keys. */
export const REPLICA_SLOTS: readonly number[] = [...new Set(REPLICA_KEYS.map(slotOf))].toSorted(
  (left, right) => left - right,
);

/** With less a long value has no room. */
const MEMORY_BYTES: number = 16 * 2 ** 20;

export interface ReplicaRun {
  readonly net: ReplicaNet;
  readonly primary: NetNode;
  readonly replica: NetNode;
  readonly model: StoreModel;
  readonly random: () => number;
  /** So many random operations at the primary. */
  readonly operate: (count: number) => void;
}

/** Two nodes, the primary with items; there is no stream yet. Some values are longer than goes in one piece, unless the replica has hardly any memory. */
export function openReplicaRun(
  seed: number,
  options: NetNodeOptions = {},
  replicaOptions: NetNodeOptions = options,
): ReplicaRun {
  const random = seededRandom(seed);
  const net = new ReplicaNet(random);
  const primary = net.add('a', options);
  const replica = net.add('b', replicaOptions);
  const model = new StoreModel({
    random,
    keys: REPLICA_KEYS,
    longValueBytes: (replicaOptions.memoryBytes ?? MEMORY_BYTES) < MEMORY_BYTES ? 3000 : 2_500_000,
  });
  const operate = (count: number): void => {
    for (let index = 0; index < count; index += 1) model.operate(() => primary.store, net.wallMs);
  };
  operate(2000);
  return { net, primary, replica, model, random, operate };
}

/** Both sides agree that `slots` are synced, and the replica has confirmed all that was written. */
export function settle({ net, primary, replica }: ReplicaRun, slots: readonly number[] = REPLICA_SLOTS): void {
  net.tamper = (frame) => [frame];
  net.frameEveryMs = 0;
  const isSynced = (): boolean =>
    primary.syncedTo(replica).length === slots.length && replica.syncedFrom(primary).length === slots.length;
  net.run(isSynced, { ms: 5 });
  const { position } = primary.store.parts.changes;
  primary.mover.confirmNow();
  net.run(() => slots.every((slot) => primary.table.confirmedCount(slot, position) === 1));
  expect(primary.syncedTo(replica)).toEqual(slots);
  expect(replica.syncedFrom(primary)).toEqual(slots);
}

/** At rest the replica has what the primary has, byte for byte, and nothing else in `slots`. */
export function expectSame(run: ReplicaRun, slots: readonly number[] = REPLICA_SLOTS): void {
  const { net, primary, replica } = run;
  settle(run, slots);
  expect(replica.items(slots, net.wallMs)).toEqual(primary.items(slots, net.wallMs));
  expect(auditStore(primary.store.parts)).toEqual([]);
  expect(auditStore(replica.store.parts)).toEqual([]);
  // The next report comes by then.
  net.run(() => primary.last.targets[0]!.lag === 0, { ms: 50, ticksMax: 20 });
}

/** Whether each key of `part`, lines as `NetNode.items` gives them, is one of `whole`. */
export function isSubset(part: readonly string[], whole: readonly string[]): boolean {
  const known = new Set(whole.map((line) => line.split(' ')[0]));
  return part.every((line) => known.has(line.split(' ')[0]));
}
