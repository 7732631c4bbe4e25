/**
 * Nodes that are gone and kept their data: what they owned may be on their disks and nowhere else. Their slots wait without an owner until one of these is true
 * (docs/adr/0024-persistence-in-a-cluster.md):
 *  - a node has the disk, and claims the slot as of the last owner's time: it gets it with all that is there;
 *  - all disks that may have it are back and none has it, so nobody was ever told that anything was written there;
 *  - the wait is over, or an operator forgets the node: the slot begins empty.
 *
 * A last owner whose disk is back without the claim never served: a claim stands on the disk before all that is. So the slot is as if it had never had that owner, and the disk
 * of the one before is looked for.
 */
import type { DiskTold, Heartbeat } from '../protocol/cluster/messages.ts';
import { shortNodeId } from '../topology/short-node-id.ts';
import { slotRanges } from '../topology/slot-ranges.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import { type ClusterNode, NO_NODE, type Topology } from '../topology/topology.ts';
import type { CoordinatorState } from './coordinator-state.ts';
import type { Membership } from './membership.ts';
import type { SlotBook } from './slot-book.ts';

export interface AwaitedNode {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  /** Of its disk. */
  readonly dataSet: string;
  /** Of the last topology that had it. */
  readonly epoch: number;
  /** What it owned then, since the epoch `time`. */
  readonly owned: readonly { readonly time: number; readonly slots: readonly number[] }[];
  /** First and last of ranges, as all slots here. What was handed over to it, or may have been, and was never its own in a topology: if it is the last owner, then since its removal. */
  readonly handed: readonly number[];
}

/** What an awaited node had, made so that a slot can be looked up. */
interface AwaitedSlots {
  /** The time as of which it owned each; 0: it did not. */
  readonly times: Uint32Array;
  readonly handed: Uint8Array;
}

const slotsOfNodes = new WeakMap<AwaitedNode, AwaitedSlots>();

function slotsOf(node: AwaitedNode): AwaitedSlots {
  let found = slotsOfNodes.get(node);
  if (found === undefined) {
    found = { times: new Uint32Array(SLOT_COUNT), handed: new Uint8Array(SLOT_COUNT) };
    for (const { time, slots } of node.owned) fill(found.times, slots, time);
    fill(found.handed, node.handed, 1);
    slotsOfNodes.set(node, found);
  }
  return found;
}

function hadSlot(node: AwaitedNode, slot: number): boolean {
  const { times, handed } = slotsOf(node);
  return times[slot] !== 0 || handed[slot] === 1;
}

/** For what `returnSlots` had nothing to change, and what waits therefore: while that is the same it need not look again. */
interface Stillness {
  readonly topology: Topology;
  readonly awaited: readonly AwaitedNode[];
  readonly nodes: readonly ClusterNode[];
  readonly disksVersion: number;
  readonly held: ReadonlySet<number>;
}

/** Since when each node is awaited, by this coordinator, and what waits for them. */
export class AwaitedTimes {
  private readonly sinceMs = new Map<string, number>();
  private still: Stillness | null = null;

  /** After an election all are awaited anew. */
  clear(): void {
    this.sinceMs.clear();
    this.still = null;
  }

  /** The slots that wait, where nothing has changed since `rest` was told of them; else null. */
  heldAsBefore(now: Omit<Stillness, 'held'>): ReadonlySet<number> | null {
    const { still } = this;
    const isSame =
      still !== null &&
      still.topology === now.topology &&
      still.awaited === now.awaited &&
      still.disksVersion === now.disksVersion &&
      still.nodes.length === now.nodes.length &&
      still.nodes.every((node, index) => node === now.nodes[index]);
    return isSame ? still.held : null;
  }

  rest(still: Stillness): void {
    this.still = still;
  }

  waitedMs({ id }: AwaitedNode, nowMs: number): number {
    const since = this.sinceMs.get(id);
    if (since === undefined) this.sinceMs.set(id, nowMs);
    return since === undefined ? 0 : nowMs - since;
  }

  keepOnly(awaited: readonly AwaitedNode[]): void {
    if (this.sinceMs.size <= awaited.length) return;
    for (const id of this.sinceMs.keys()) if (!awaited.some((node) => node.id === id)) this.sinceMs.delete(id);
  }
}

/** What a node of the next topology says of its disk, made so that a slot can be looked up. */
interface HeardDisk {
  readonly index: number;
  readonly node: ClusterNode;
  readonly dataSet: string;
  readonly found: FoundSlots;
}

/** What a disk had of each slot. */
interface FoundSlots {
  /** 0: nothing. */
  readonly times: Uint32Array;
  readonly taken: Uint8Array;
}

/** By what was told: heartbeats are read when there is somebody to wait for, and once each. */
const foundSlots = new WeakMap<DiskTold, FoundSlots>();

const NOTHING_FOUND: FoundSlots = { times: new Uint32Array(SLOT_COUNT), taken: new Uint8Array(SLOT_COUNT) };

function foundOn(told: DiskTold): FoundSlots {
  if (told.copies.length === 0) return NOTHING_FOUND;
  let found = foundSlots.get(told);
  if (found === undefined) {
    found = { times: new Uint32Array(SLOT_COUNT), taken: new Uint8Array(SLOT_COUNT) };
    for (const { time, isTaken, slots } of told.copies) {
      fill(found.times, slots, time);
      fill(found.taken, slots, Number(isTaken));
    }
    foundSlots.set(told, found);
  }
  return found;
}

export interface AwaitedFacts {
  readonly membership: Membership;
  readonly awaitedTimes: AwaitedTimes;
  /** So long a node is awaited, in ms; 0: none is. */
  readonly dataWaitMs: number;
}

/** The data sets of `nodes` that keep their data, by the node's id. */
export function nextKeepers(
  keepers: ReadonlyMap<string, string>,
  nodes: readonly ClusterNode[],
  membership: Membership,
): ReadonlyMap<string, string> {
  const next = new Map<string, string>();
  for (const { id } of nodes) {
    const dataSet = membership.lastOf(id)?.heartbeat.disk?.dataSet ?? keepers.get(id);
    if (dataSet !== undefined) next.set(id, dataSet);
  }
  const isSame = next.size === keepers.size && [...next].every(([id, dataSet]) => keepers.get(id) === dataSet);
  return isSame ? keepers : next;
}

/**
 * Who is awaited in the next state: those who have gone with it, and those of before, but for who has waited for too long and who is needed no more. `nodes`: those of the next topology. `owners`: as moves that are
 * over have left them. Tells `reasons` what changes.
 */
export function nextAwaited(
  { topology, keepers, awaited }: CoordinatorState,
  nodes: readonly ClusterNode[],
  owners: ReadonlyMap<number, string | null>,
  { membership, awaitedTimes, dataWaitMs }: AwaitedFacts,
  nowMs: number,
  reasons: string[],
): readonly AwaitedNode[] {
  const alive = new Set(nodes.map(({ id }) => id));
  const gone = topology.nodes.filter(({ id }) => !alive.has(id) && keepers.has(id));
  if (awaited.length === 0 && (gone.length === 0 || dataWaitMs === 0)) return awaited;
  const disks = heardDisks(nodes, membership, nowMs);
  const staying = awaited.filter((node) => {
    if (isSettled(node, topology, alive, membership)) return false;
    const isLate = awaitedTimes.waitedMs(node, nowMs) >= dataWaitMs && !isBack(node, disks);
    const count = isLate ? vacantCount(node, topology) : 0;
    const at = `node ${shortNodeId(node.id)} at ${node.host}:${node.port}`;
    if (count > 0) reasons.push(`${at} has not come back with its data in time: ${count} slots begin empty`);
    return !isLate;
  });
  const added: AwaitedNode[] = [];
  for (const { id, host, port } of dataWaitMs === 0 ? [] : gone) {
    const owned = timesOf(topology, id);
    const handed = slotRanges(
      topology.moves
        .flatMap(({ from, to, slots: moved }) =>
          to === id ? moved.filter((slot) => owners.get(slot) === null || !alive.has(from)) : [],
        )
        .toSorted((left, right) => left - right),
    ).flat();
    if (owned.length + handed.length === 0) continue;
    added.push({ id, host, port, dataSet: keepers.get(id)!, epoch: topology.epoch, owned, handed });
  }
  const isSame = added.length === 0 && staying.length === awaited.length;
  const next = isSame ? awaited : [...staying, ...added];
  awaitedTimes.keepOnly(next);
  return next;
}

/** Whether the slot was a node's that is awaited. */
export function mayComeBack(awaited: readonly AwaitedNode[], slot: number): boolean {
  return awaited.some((node) => hadSlot(node, slot));
}

/**
 * Whether nobody waits for what a member tells of its disk: in all of `states` its former self is neither awaited, nor still a member, and no slot that it has waits for
 * another's.
 */
export function isDiskUseless({ node, disk }: Heartbeat, states: readonly CoordinatorState[]): boolean {
  if (disk === undefined || disk.copies.length === 0) return false;
  return states.every(
    ({ awaited, keepers, topology }) =>
      !disk.copies.some(({ slots }) => hasUnowned(slots, topology)) &&
      !awaited.some(({ dataSet }) => dataSet === disk.dataSet) &&
      ![...keepers].some(([id, dataSet]) => dataSet === disk.dataSet && id !== node.id),
  );
}

/** Whether nobody owns one of the slots, which somebody owned before. */
function hasUnowned(ranges: readonly number[], topology: Topology): boolean {
  for (let at = 0; at < ranges.length; at += 2) {
    for (let slot = ranges[at]!; slot <= ranges[at + 1]!; slot += 1)
      if (topology.ownerIndex(slot) === NO_NODE && topology.sinceOf(slot) > 0) return true;
  }
  return false;
}

/** Slots of the node that nobody owns. */
export function vacantCount(node: AwaitedNode, topology: Topology): number {
  let count = 0;
  for (let slot = 0; slot < SLOT_COUNT; slot += 1)
    if (topology.ownerIndex(slot) === NO_NODE && hadSlot(node, slot)) count += 1;
  return count;
}

/**
 * Gives slots that nobody owns in `book` to nodes that have them on their disks. Returns those that are to wait; `waiting`: those that do so for other reasons. Tells `reasons` what
 * changes.
 */
export function returnSlots(
  book: SlotBook,
  awaited: readonly AwaitedNode[],
  waiting: ReadonlySet<number>,
  membership: Membership,
  nowMs: number,
  reasons: string[],
): ReadonlySet<number> {
  const held = new Set<number>();
  if (awaited.length === 0) return held;
  const disks = heardDisks(book.nodes, membership, nowMs);
  const returned = new Map<number, number>();
  let unserved = 0;
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    if (book.owner(slot) !== NO_NODE || waiting.has(slot)) continue;
    const nodes = awaited.filter((node) => hadSlot(node, slot));
    if (nodes.length === 0) continue;
    while (
      book.since(slot) > 0 &&
      claimantOf(book, slot, nodes, disks) === null &&
      isUnserved(book, slot, nodes, disks)
    ) {
      book.rewind(slot, timeBefore(book, slot, nodes));
      unserved += 1;
    }
    const claimant = book.since(slot) === 0 ? null : claimantOf(book, slot, nodes, disks);
    if (claimant !== null && claimant.node.state !== 'joining') {
      book.restore(slot, claimant.index, claimant.found.times[slot]!);
      returned.set(claimant.index, (returned.get(claimant.index) ?? 0) + 1);
    } else if (book.since(slot) > 0 && (claimant !== null || nodes.some((node) => !isBack(node, disks)))) {
      held.add(slot);
    }
  }
  for (const [index, count] of returned)
    reasons.push(`node ${shortNodeId(book.nodes[index]!.id)} goes on with what its disk has of ${count} slots`);
  if (unserved > 0) reasons.push(`the last owners of ${unserved} slots never served them, by their disks`);
  return held;
}

function heardDisks(nodes: readonly ClusterNode[], membership: Membership, nowMs: number): readonly HeardDisk[] {
  return nodes.flatMap((node, index) => {
    const told = membership.isHeard(node.id, nowMs) ? membership.lastOf(node.id)?.heartbeat.disk : undefined;
    return told === undefined ? [] : [{ index, node, dataSet: told.dataSet, found: foundOn(told) }];
  });
}

function isBack(node: AwaitedNode, disks: readonly Pick<HeardDisk, 'dataSet' | 'node'>[]): boolean {
  return disks.some((disk) => disk.dataSet === node.dataSet && disk.node.id !== node.id);
}

/** Whether `node` was the last owner of `slot`. */
function wasLastOwner(node: AwaitedNode, slot: number, book: SlotBook): boolean {
  const { times, handed } = slotsOf(node);
  const since = book.since(slot);
  return times[slot] === since || (handed[slot] === 1 && since === node.epoch + 1);
}

/** The time of the owner before the last one: several owners may have died one after the other without serving. 0: none is known. */
function timeBefore(book: SlotBook, slot: number, nodes: readonly AwaitedNode[]): number {
  const before = book.before(slot);
  if (before > 0) return before;
  const times = nodes.map((node) => slotsOf(node).times[slot]!).filter((time) => time < book.since(slot));
  return Math.max(0, ...times);
}

/** The node whose disk has the slot as its last owner left it; null: none that is there. */
function claimantOf(
  book: SlotBook,
  slot: number,
  nodes: readonly AwaitedNode[],
  disks: readonly HeardDisk[],
): HeardDisk | null {
  for (const disk of disks) {
    const time = disk.found.times[slot]!;
    if (time === 0) continue;
    if (disk.found.taken[slot] === 0) {
      if (time === book.since(slot)) return disk;
      continue;
    }
    // What followed that time at this disk's node: only where that was the owner.
    const isOwners = nodes.some((node) => node.dataSet === disk.dataSet && wasLastOwner(node, slot, book));
    if (isOwners && time === book.before(slot)) return disk;
  }
  return null;
}

/** Whether the last owner's disk is back, without a claim of its time. */
function isUnserved(book: SlotBook, slot: number, nodes: readonly AwaitedNode[], disks: readonly HeardDisk[]): boolean {
  return nodes.some((node) => wasLastOwner(node, slot, book) && isBack(node, disks));
}

/** Whether all slots of the node have owners that have everything on their disks, if they keep their data: then its own disk is needed no more. */
function isSettled(node: AwaitedNode, topology: Topology, alive: ReadonlySet<string>, membership: Membership): boolean {
  const epochs = topology.nodes.map(({ id }) => {
    const heartbeat = alive.has(id) ? membership.lastOf(id)?.heartbeat : undefined;
    return heartbeat === undefined ? -1 : (heartbeat.disk?.epoch ?? heartbeat.epoch);
  });
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    if (!hadSlot(node, slot)) continue;
    const owner = topology.ownerIndex(slot);
    if (owner === NO_NODE || topology.isUnsure(slot) || epochs[owner]! < topology.sinceOf(slot)) return false;
  }
  return true;
}

/** The slots of a node, by the time since when it owned them. */
function timesOf(topology: Topology, id: string): AwaitedNode['owned'] {
  const times = new Map<number, number[]>();
  for (const slot of topology.slotsOf(id)) {
    const time = topology.sinceOf(slot);
    const slots = times.get(time);
    if (slots === undefined) times.set(time, [slot]);
    else slots.push(slot);
  }
  times.delete(0);
  return [...times].map(([time, slots]) => ({ time, slots: slotRanges(slots).flat() }));
}

function fill(to: Uint8Array | Uint32Array, ranges: readonly number[], value: number): void {
  for (let at = 0; at < ranges.length; at += 2) to.fill(value, ranges[at], ranges[at + 1]! + 1);
}
