/**
 * Which nodes of a cluster must be scanned so that each key that was there throughout is seen, although slots move meanwhile. Pure: it is
 * told of scans and of topologies, and says which node comes next and which keys count.
 *
 * A scan of a node shows all keys of the slots that the node owned from its beginning to its end; of others it may show none. So a slot is
 *
 *     covered   once a node was scanned that owned it all the time, as all topologies from before to after say;
 *     half      once the source of a move was scanned and the move goes on: the source may have handed the slot over at any time, and no topology
 *               says so yet. Either it still owned the slot at the end, or the target owns it from before the end on. So a scan of the target that
 *               begins afterwards covers it; and so does the end of the move, where the source keeps the slot.
 *
 * Topologies between two that were seen may have been skipped. A slot goes away and comes back in three epochs at the least, in two where it is on
 * its way already: after such a gap what was not covered before begins anew.
 *
 * A key of a slot that moves may be seen twice. After `next` a scan runs between `begin` and `end`, and before each of the two the topology
 * must be at least as new as that of the scanned node.
 */
import { ShoalError } from '../base/errors.ts';
import { keySlot, SLOT_COUNT } from '../topology/slots.ts';
import type { Topology } from '../topology/topology.ts';

interface HalfCovered {
  readonly moveId: number;
  readonly from: string;
  readonly to: string;
  /** The move is over, and the target has the slot. */
  readonly isTaken: boolean;
}

export class ScanCoverage {
  private topology: Topology;
  private readonly covered = new Uint8Array(SLOT_COUNT);
  private readonly halves = new Map<number, HalfCovered>();
  private node: string | null = null;
  /** Of the scan that runs: what it may cover, as nothing spoke against it yet. */
  private owned = new Set<number>();
  private taken = new Set<number>();
  private readonly scanCounts = new Map<string, number>();
  private readonly failed = new Set<string>();

  constructor(topology: Topology) {
    this.topology = topology;
  }

  /**
   * The node that is to be scanned next; null: all is covered but for nodes that failed. Throws `NoAvailableNodes` where slots move so much
   * that one node was scanned SCANS_MAX times.
   */
  next(): string | null {
    let chosen: string | null = null;
    let least = Number.POSITIVE_INFINITY;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      const node = this.wantedNode(slot);
      if (node === null || node === chosen || this.failed.has(node)) continue;
      const count = this.scanCounts.get(node) ?? 0;
      if (count >= least) continue;
      chosen = node;
      least = count;
    }
    this.node = chosen;
    if (chosen === null) return null;
    if (least < SCANS_MAX) return chosen;
    throw new ShoalError(
      'NoAvailableNodes',
      `slots moved during all of ${SCANS_MAX} scans of the node ${chosen}: try again later`,
    );
  }

  /** The scan of the node that `next` named begins. */
  begin(): void {
    const { node } = this;
    this.owned = new Set();
    this.taken = new Set();
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (this.covered[slot] === 1) continue;
      if (this.halves.get(slot)?.to === node) this.taken.add(slot);
      else if (this.topology.ownerOf(slot)?.id === node) this.owned.add(slot);
    }
  }

  /** Whether a key that the scan shows counts: its slot is the node's, and was not covered before. */
  wants(key: Uint8Array): boolean {
    const slot = keySlot(key, 0, key.length);
    if (this.covered[slot] === 1) return false;
    return this.topology.ownerOf(slot)?.id === this.node || this.halves.get(slot)?.to === this.node;
  }

  /** There is a new topology. */
  observe(topology: Topology): void {
    const before = this.topology;
    this.topology = topology;
    const step = topology.epoch - before.epoch;
    if (step < 1 || step >= EPOCHS_THERE_AND_BACK) {
      this.halves.clear();
      this.owned.clear();
      this.taken.clear();
      return;
    }
    if (step > 1) {
      for (const slot of before.moves.flatMap(({ slots }) => slots)) {
        this.halves.delete(slot);
        this.owned.delete(slot);
        this.taken.delete(slot);
      }
    }
    for (const [slot, half] of this.halves) this.follow(slot, half);
    for (const slot of this.owned) if (topology.ownerOf(slot)?.id !== this.node) this.owned.delete(slot);
    for (const slot of this.taken) if (!this.halves.has(slot)) this.taken.delete(slot);
  }

  /** `complete`: the scan showed all; `left`: the node is no longer part of the cluster; `failed`: it is left out from now on. */
  end(outcome: 'complete' | 'left' | 'failed'): void {
    const { node } = this;
    this.node = null;
    if (node === null) return;
    this.scanCounts.set(node, (this.scanCounts.get(node) ?? 0) + 1);
    if (outcome === 'failed') this.failed.add(node);
    if (outcome !== 'complete') return;
    for (const slot of this.taken) this.cover(slot);
    for (const slot of this.owned) {
      const move = this.topology.moveOf(slot);
      if (move === null) this.cover(slot);
      else this.halves.set(slot, { moveId: move.id, from: move.from, to: move.to, isTaken: false });
    }
  }

  /** Null: nobody; what nobody owns holds no key that was there throughout. */
  private wantedNode(slot: number): string | null {
    if (this.covered[slot] === 1) return null;
    return this.halves.get(slot)?.to ?? this.topology.ownerOf(slot)?.id ?? null;
  }

  /** What the new topology says of a slot whose source was scanned. */
  private follow(slot: number, half: HalfCovered): void {
    const owner = this.topology.ownerOf(slot)?.id;
    if (owner === half.to) {
      if (!half.isTaken) this.halves.set(slot, { ...half, isTaken: true });
    } else if (half.isTaken || owner !== half.from) this.halves.delete(slot);
    else if (this.topology.moveOf(slot)?.id !== half.moveId) this.cover(slot);
  }

  private cover(slot: number): void {
    this.covered[slot] = 1;
    this.halves.delete(slot);
  }
}

/** Begin a move, commit it and begin the one back, commit that. */
const EPOCHS_THERE_AND_BACK = 3;
/** A node is scanned more than twice only where slots come to it while others are scanned. */
const SCANS_MAX = 64;
