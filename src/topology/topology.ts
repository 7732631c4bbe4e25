/**
 * The topology: who is in the cluster, who owns each slot, who keeps copies of it, and which slots are on their way. An immutable value: the
 * coordinator makes the next one (`nextTopology`), all others take what they are given, in the order of its epoch.
 *
 *     nodes      ordered by id; a node's index in this list means something in this topology alone
 *     owners     a node's index per slot, NO_NODE where nobody owns it
 *     replicas   replicaCount indexes per slot, distinct, without the owner; NO_NODE behind the last
 *     lineage    whose copies are of any use, in a cluster with replicas (slot-lineage.ts)
 *     moves      each slot is in one at most; its source owns it until the move is over
 *
 * `Topology.of` checks all of that, so that nobody else need: what comes from a file or a peer goes through it.
 */
import { checkedLineage, copyOf, emptyLineage, keptMark, type SlotLineage, UNSURE } from './slot-lineage.ts';
import { checkedMoves, checkedName, checkedNodes, checkReplicas, invalid } from './topology-checks.ts';
import { SLOT_COUNT } from './slots.ts';

/** Index of no node. */
export const NO_NODE = 0xffff;
/** Highest epoch, and highest id of a move. */
export const EPOCH_MAX = 0xffff_ffff;
/** Copies of a slot besides its owner's. */
export const REPLICA_COUNT_MAX = 4;

/**
 * `joining`: known, but may not get slots before every live node knows of it. `active`: gets slots. `draining`: gives its slots away.
 */
export type NodeState = 'joining' | 'active' | 'draining';

export interface ClusterNode {
  /** 40 lower-case hexadecimal digits, new for each start of a process. */
  readonly id: string;
  /** Where clients and, at `peerPort`, other nodes reach it. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  /** 1 to 65535. */
  readonly peerPort: number;
  /** What it may fail together with; nodes of the same text are in the same zone, that of none too. */
  readonly zone: string;
  /** A whole number from 1 to WEIGHT_MAX. */
  readonly weight: number;
  readonly state: NodeState;
}

/** Some slots with one source and one target, which go over together. */
export interface SlotMove {
  /** 1 to EPOCH_MAX, never used twice in a cluster. */
  readonly id: number;
  /** Ids of nodes. */
  readonly from: string;
  readonly to: string;
  /** Ascending, one at least. */
  readonly slots: readonly number[];
}

export interface TopologyParts {
  readonly cluster: string;
  /** 0 to EPOCH_MAX. */
  readonly epoch: number;
  /** In any order. */
  readonly nodes: readonly ClusterNode[];
  /** For each slot an index into `nodes` as they stand here, or NO_NODE. */
  readonly owners: Uint16Array;
  /** 0 to REPLICA_COUNT_MAX. */
  readonly replicaCount: number;
  /** At slot * replicaCount + n an index into `nodes`, or NO_NODE. */
  readonly replicas: Uint16Array;
  /** Absent, or null: nothing is known of it. */
  readonly lineage?: SlotLineage | null;
  readonly moves: readonly SlotMove[];
}

export class Topology {
  readonly cluster: string;
  readonly epoch: number;
  readonly nodes: readonly ClusterNode[];
  readonly replicaCount: number;
  readonly moves: readonly SlotMove[];
  /** Null where nothing is known of it; not to be changed. */
  readonly lineage: SlotLineage | null;
  /** Slots that somebody owns. */
  readonly ownedCount: number;
  private readonly owners: Uint16Array;
  private readonly replicas: Uint16Array;
  private readonly indexes: ReadonlyMap<string, number>;
  private readonly slotCounts: Uint16Array;
  /** 1 + the index of a slot's move, 0 where it has none; null where there are no moves. */
  private readonly moveIndexes: Uint16Array | null;

  private constructor(parts: TopologyParts & { readonly lineage: SlotLineage | null }) {
    const { cluster, epoch, nodes, owners, replicaCount, replicas, lineage, moves } = parts;
    this.cluster = cluster;
    this.epoch = epoch;
    this.nodes = nodes;
    this.owners = owners;
    this.replicaCount = replicaCount;
    this.replicas = replicas;
    this.lineage = lineage;
    this.moves = moves;
    this.indexes = new Map(nodes.map(({ id }, index) => [id, index]));
    const slotCounts = new Uint16Array(nodes.length);
    let ownedCount = 0;
    // Not for … of, which takes ten times as long over a typed array.
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      const index = owners[slot]!;
      if (index === NO_NODE) continue;
      slotCounts[index]! += 1;
      ownedCount += 1;
    }
    this.slotCounts = slotCounts;
    this.ownedCount = ownedCount;
    this.moveIndexes = moves.length === 0 ? null : indexMoves(moves);
  }

  /** Copies what it is given. Throws `InvalidTopology`, which says what is wrong with it. */
  static of(parts: TopologyParts): Topology {
    const { owners, replicas, lineage = null } = parts;
    return Topology.made({
      ...parts,
      owners: owners.slice(),
      replicas: replicas.slice(),
      lineage: lineage === null ? null : copyOf(lineage),
    });
  }

  /** As `of`, of arrays that nobody else has: they are kept. */
  static made(parts: TopologyParts): Topology {
    const { epoch, replicaCount } = parts;
    const cluster = checkedName('the cluster', parts.cluster);
    if (!isWholeNumber(epoch, EPOCH_MAX)) throw invalid(`the epoch ${epoch} is not a whole number up to ${EPOCH_MAX}`);
    if (!isWholeNumber(replicaCount, REPLICA_COUNT_MAX)) {
      throw invalid(`${replicaCount} replicas of a slot are not 0 to ${REPLICA_COUNT_MAX}`);
    }
    const { nodes, newIndexes } = checkedNodes(parts.nodes);
    const { owners, replicas } = parts;
    reindex('owners', owners, SLOT_COUNT, newIndexes);
    reindex('replicas', replicas, SLOT_COUNT * replicaCount, newIndexes);
    checkReplicas(owners, replicas, { replicaCount, noNode: NO_NODE });
    const lineage =
      parts.lineage === undefined || parts.lineage === null
        ? null
        : checkedLineage(parts.lineage, { epoch, owners, replicaCount, replicas, noNode: NO_NODE });
    const moves = checkedMoves(parts.moves, { nodes, owners, idMax: EPOCH_MAX });
    return new Topology({ cluster, epoch, nodes, owners, replicaCount, replicas, lineage, moves });
  }

  /** Of a cluster that has no nodes yet: epoch 0. Throws `InvalidTopology` for a name that cannot be. */
  static empty(cluster: string): Topology {
    const owners = new Uint16Array(SLOT_COUNT).fill(NO_NODE);
    return Topology.of({
      cluster,
      epoch: 0,
      nodes: [],
      owners,
      replicaCount: 0,
      replicas: new Uint16Array(0),
      moves: [],
    });
  }

  /** Null where nobody owns `slot`, and where it is no slot. */
  ownerOf(slot: number): ClusterNode | null {
    return this.nodes[this.ownerIndex(slot)] ?? null;
  }

  /** NO_NODE where nobody owns `slot`, and where it is no slot. */
  ownerIndex(slot: number): number {
    return this.owners[slot] ?? NO_NODE;
  }

  /** Those that copy the slot's owner, the nearest first; not those that only keep what they have. */
  replicasOf(slot: number): readonly ClusterNode[] {
    const found: ClusterNode[] = [];
    for (let n = 0; n < this.replicaCount; n += 1) {
      const node = this.nodes[this.replicaIndex(slot, n)];
      if (node !== undefined && !this.isKept(slot, n)) found.push(node);
    }
    return found;
  }

  /** Of the replica `n` of `slot`, 0 to replicaCount - 1; NO_NODE where there is none. */
  replicaIndex(slot: number, n: number): number {
    return n < this.replicaCount ? (this.replicas[slot * this.replicaCount + n] ?? NO_NODE) : NO_NODE;
  }

  /** The place of the node `index` among the replicas of `slot`; −1 where it is none of them. */
  columnOf(slot: number, index: number): number {
    for (let n = 0; n < this.replicaCount; n += 1) if (this.replicas[slot * this.replicaCount + n] === index) return n;
    return -1;
  }

  /** Whether the replica `n` of `slot` keeps a copy of `beforeOf` instead of copying the owner. */
  isKept(slot: number, n: number): boolean {
    return this.lineage !== null && (this.lineage.marks[slot]! & keptMark(n)) !== 0;
  }

  /** Whether any replica of `slot` keeps a copy of `beforeOf`. */
  hasKept(slot: number): boolean {
    return this.lineage !== null && (this.lineage.marks[slot]! & (UNSURE - 1)) !== 0;
  }

  /** Whether the owner of `slot` may not have its items. */
  isUnsure(slot: number): boolean {
    return this.lineage !== null && (this.lineage.marks[slot]! & UNSURE) !== 0;
  }

  /** Whether the target of `move` copies its slots: then nothing need be sent, and the copy goes on as the slots' items. */
  isToReplica({ to, slots }: SlotMove): boolean {
    const n = this.columnOf(slots[0]!, this.indexOf(to));
    return n >= 0 && !this.isKept(slots[0]!, n);
  }

  /** The epoch in which the slot's owner, or its last one, got it; 0: not known. */
  sinceOf(slot: number): number {
    return this.lineage?.since[slot] ?? 0;
  }

  /** The `sinceOf` of the owner whose items the present one has taken over; 0: of none. */
  beforeOf(slot: number): number {
    return this.lineage?.before[slot] ?? 0;
  }

  node(id: string): ClusterNode | null {
    return this.nodes[this.indexOf(id)] ?? null;
  }

  /** NO_NODE where no node has this id. */
  indexOf(id: string): number {
    return this.indexes.get(id) ?? NO_NODE;
  }

  /** Slots that the node owns; those on their way to it are not among them yet. 0 for a node that is not there. */
  slotCountOf(id: string): number {
    return this.slotCounts[this.indexOf(id)] ?? 0;
  }

  /** Ascending. Looks at every slot. */
  slotsOf(id: string): number[] {
    const index = this.indexOf(id);
    const slots: number[] = [];
    if (index === NO_NODE) return slots;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) if (this.owners[slot] === index) slots.push(slot);
    return slots;
  }

  /** The move that `slot` is in, or null. */
  moveOf(slot: number): SlotMove | null {
    return this.moveIndexes === null ? null : (this.moves[this.moveIndexes[slot]! - 1] ?? null);
  }
}

/** What is to be different. What is left out stays, as far as it can. */
export interface TopologyChange {
  /** All nodes from now on. Slots, replicas and moves of those that are gone end, unless the other fields say otherwise. */
  readonly nodes?: readonly ClusterNode[];
  /** New owners by slot, as ids of nodes; null: nobody. */
  readonly owners?: ReadonlyMap<number, string | null>;
  /** All moves from now on. */
  readonly moves?: readonly SlotMove[];
  readonly replicaCount?: number;
  /** All replicas from now on, as `planReplicas` makes them: indexes into the next topology's nodes. */
  readonly replicas?: Uint16Array;
  /** Of all slots from now on. Where it is left out, new owners begin with nothing, and no replica keeps a copy of theirs. */
  readonly lineage?: SlotLineage;
}

/** The topology that follows `topology`: its epoch is greater by 1. Throws `InvalidTopology` where it would contradict itself. */
export function nextTopology(topology: Topology, change: TopologyChange): Topology {
  const nodes = (change.nodes ?? topology.nodes).toSorted(byId);
  const indexes = new Map(nodes.map(({ id }, index) => [id, index]));
  const newIndexes = topology.nodes.map(({ id }) => indexes.get(id) ?? NO_NODE);
  const owners = new Uint16Array(SLOT_COUNT);
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) owners[slot] = newIndexes[topology.ownerIndex(slot)] ?? NO_NODE;
  for (const [slot, id] of change.owners ?? []) {
    const index = id === null ? NO_NODE : indexes.get(id);
    if (!isWholeNumber(slot, SLOT_COUNT - 1)) throw invalid(`the owner of ${slot}, which is no slot`);
    if (index === undefined) throw invalid(`slot ${slot} shall belong to ${id}, which is no node`);
    owners[slot] = index;
  }
  const replicaCount = change.replicaCount ?? topology.replicaCount;
  const { lineage } = change;
  return Topology.made({
    cluster: topology.cluster,
    epoch: topology.epoch + 1,
    nodes,
    owners,
    replicaCount,
    replicas: change.replicas?.slice() ?? keptReplicas(topology, { replicaCount, owners, newIndexes }),
    lineage: lineage === undefined ? keptLineage(topology, { owners, newIndexes }) : copyOf(lineage),
    moves: change.moves ?? topology.moves.filter(({ from, to }) => indexes.has(from) && indexes.has(to)),
  });
}

interface Kept {
  readonly replicaCount: number;
  readonly owners: Uint16Array;
  readonly newIndexes: readonly number[];
}

/** The replicas whose nodes are still there and do not own the slot now; those behind move up. */
function keptReplicas(topology: Topology, { replicaCount, owners, newIndexes }: Kept): Uint16Array {
  const replicas = new Uint16Array(SLOT_COUNT * replicaCount).fill(NO_NODE);
  if (topology.replicaCount === 0 || replicaCount === 0) return replicas;
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    let keptCount = 0;
    for (let n = 0; n < topology.replicaCount && keptCount < replicaCount; n += 1) {
      const index = newIndexes[topology.replicaIndex(slot, n)] ?? NO_NODE;
      if (index === NO_NODE || index === owners[slot]) continue;
      replicas[slot * replicaCount + keptCount] = index;
      keptCount += 1;
    }
  }
  return replicas;
}

/** The lineage where nothing keeps copies: that of the owners that stay, and new ones for others. */
function keptLineage(topology: Topology, { owners, newIndexes }: Omit<Kept, 'replicaCount'>): SlotLineage | null {
  if (topology.lineage === null) return null;
  const { since, before } = topology.lineage;
  const kept = { ...emptyLineage(), since: since.slice(), before: before.slice() };
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    if (owners[slot] === NO_NODE || owners[slot] === newIndexes[topology.ownerIndex(slot)]) continue;
    kept.since[slot] = topology.epoch + 1;
    kept.before[slot] = 0;
  }
  return kept;
}

/** Makes each index the one that `newIndexes` has for it. */
function reindex(what: string, indexes: Uint16Array, length: number, newIndexes: Uint16Array): void {
  if (indexes.length !== length) throw invalid(`there are ${indexes.length} ${what} instead of ${length}`);
  const nodeCount = newIndexes.length;
  const isSame = newIndexes.every((newIndex, index) => newIndex === index);
  for (let at = 0; at < length; at += 1) {
    const index = indexes[at]!;
    if (index === NO_NODE || (isSame && index < nodeCount)) continue;
    if (index >= nodeCount) throw invalid(`${what} name node ${index}, but there are ${nodeCount}`);
    indexes[at] = newIndexes[index]!;
  }
}

function indexMoves(moves: readonly SlotMove[]): Uint16Array {
  const indexes = new Uint16Array(SLOT_COUNT);
  for (const [index, { slots }] of moves.entries()) for (const slot of slots) indexes[slot] = index + 1;
  return indexes;
}

function byId(left: ClusterNode, right: ClusterNode): number {
  return left.id < right.id ? -1 : 1;
}

function isWholeNumber(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}
