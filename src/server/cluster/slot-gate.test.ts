import { expect, test } from 'bun:test';
import { MOVING, OWNED, PAUSED, ServingRight, SlotTable } from '../../cluster/slot-table.ts';
import { Command } from '../../protocol/command.ts';
import type { StoreApi } from '../../store/api.ts';
import { encodeTopology } from '../../topology/encoding.ts';
import { keySlot, SLOT_COUNT } from '../../topology/slots.ts';
import { nextTopology, NO_NODE, Topology } from '../../topology/topology.ts';
import { CommandTable } from '../command-table.ts';
import { ALL_COMMANDS } from '../commands/all-commands.ts';
import { SlotGate, SlotVerdict } from './slot-gate.ts';
import { ThreadCluster } from './thread-cluster.ts';

const OWN = 'a'.repeat(40);
const OTHER = 'b'.repeat(40);
const table = new CommandTable(ALL_COMMANDS);
const SLOT = keySlot(Buffer.from('key'), 0, 3);

/** A gate of the first of two nodes; `words` by slot, all others are the other node's. */
function start(words: ReadonlyMap<number, number>) {
  const node = { host: '127.0.0.1', peerPort: 1, zone: '', weight: 1, state: 'active' } as const;
  const nodes = [
    { ...node, id: OWN, port: 7600 },
    { ...node, id: OTHER, port: 7601 },
  ];
  const topology = nextTopology(Topology.empty('test'), { nodes });
  const slots = SlotTable.create();
  const apply = (changed: ReadonlyMap<number, number>): void => {
    const image = new Int32Array(SLOT_COUNT).fill(1);
    for (const [slot, word] of changed) image[slot] = word;
    slots.apply({ epoch: topology.epoch, selfIndex: 0, words: image });
  };
  apply(words);
  slots.setServeUntil(1000, ServingRight.lease);
  const cluster = new ThreadCluster(slots, 'test');
  cluster.takeNews({ nodeId: OWN, topology: encodeTopology(topology), trouble: null });
  const clock = { now: 0, nowMs: () => 0, monotonicMs: () => clock.now };
  const writers = { wait: false };
  const store = { writersWait: () => writers.wait } as unknown as StoreApi;
  const gate = new SlotGate(cluster, clock, store);
  const judge = (...given: readonly string[]): SlotVerdict => {
    const command = new Command();
    command.reset(Buffer.from(given.join('')));
    let at = 0;
    for (const word of given) {
      command.push(at, word.length);
      at += word.length;
    }
    return gate.judge(table.named(given[0]!.toLowerCase())!, command);
  };
  return { gate, judge, apply, clock, writers, slots, cluster };
}

test('serves what the node owns while it may, and says why it may not', () => {
  const { gate, judge, clock, cluster } = start(new Map([[SLOT, OWNED]]));
  expect(judge('GET', 'key')).toBe(SlotVerdict.serve);
  expect(gate.mayAnswer(999)).toBe(true);
  expect(gate.mayAnswer(1000)).toBe(false);
  clock.now = 1000;
  cluster.trouble = 'no coordinator answers';
  expect(judge('GET', 'key')).toBe(SlotVerdict.refuse);
  expect(gate.refusal).toBe('CLUSTERDOWN The cluster is down: no coordinator answers');
  expect(judge('PING')).toBe(SlotVerdict.serve);
});

test('sends others to the owner, and nobody’s to nobody', () => {
  const { gate, judge, apply } = start(new Map());
  expect(judge('GET', 'key')).toBe(SlotVerdict.elsewhere);
  expect([gate.movedLine, gate.owner!.id]).toEqual([`MOVED ${SLOT} 127.0.0.1:7601`, OTHER]);
  apply(new Map([[SLOT, NO_NODE]]));
  expect(judge('GET', 'key')).toBe(SlotVerdict.refuse);
  expect(gate.refusal).toBe('CLUSTERDOWN Hash slot not served');
  expect(judge('MGET', 'key', 'other')).toBe(SlotVerdict.refuse);
  expect(gate.hasManySlots).toBe(true);
});

test('waits while a slot is handed over, and until the topology of the table has come', () => {
  const { judge, apply, slots } = start(new Map([[SLOT, OWNED | PAUSED]]));
  expect(judge('GET', 'key')).toBe(SlotVerdict.hold);
  expect(judge('SET', 'key', 'x')).toBe(SlotVerdict.hold);
  apply(new Map());
  slots.apply({ epoch: 2, selfIndex: 0, words: new Int32Array(SLOT_COUNT).fill(0) });
  expect(judge('GET', 'key')).toBe(SlotVerdict.hold);
});

test('writes to a slot that moves too slowly wait, and reads do not', () => {
  const { judge, writers } = start(new Map([[SLOT, OWNED | MOVING]]));
  expect(judge('SET', 'key', 'x')).toBe(SlotVerdict.serve);
  writers.wait = true;
  expect(judge('SET', 'key', 'x')).toBe(SlotVerdict.hold);
  expect(judge('GET', 'key')).toBe(SlotVerdict.serve);
});

test('nothing is done to all keys while any slot is handed over', () => {
  const { judge, apply } = start(new Map([[SLOT, OWNED | PAUSED]]));
  for (const words of [['FLUSHALL'], ['FLUSHDB'], ['SWAPDB', '0', '1']]) expect(judge(...words)).toBe(SlotVerdict.hold);
  expect(judge('DBSIZE')).toBe(SlotVerdict.serve);
  apply(new Map([[SLOT, OWNED]]));
  expect(judge('FLUSHALL')).toBe(SlotVerdict.serve);
});
