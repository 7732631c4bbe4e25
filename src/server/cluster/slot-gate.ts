/**
 * Whether this node may run a command: by the slots of its keys, by the slot table, and by the node's right to serve. Asked for each
 * command of a node in a cluster; others never come here.
 *
 *     right to serve? ─► slot of the keys ─► paused: a hand-over of the slot is being finished ─► hold
 *            │ no ─► CLUSTERDOWN           │ owned ─► serve
 *                                          │ somebody else's ─► MOVED, or forward
 *                                          └ nobody's ─► CLUSTERDOWN
 */
import type { Clock } from '../environment.ts';
import { Command } from '../../protocol/command.ts';
import { MOVING, OWNED, type OwnerReading, PAUSED } from '../../cluster/slot-table.ts';
import { type ClusterNode, NO_NODE } from '../../topology/topology.ts';
import { keySlot } from '../../topology/slots.ts';
import type { StoreApi } from '../../store/api.ts';
import { Operation } from '../../protocol/shoal/operation.ts';
import { type CommandEntry, Trait } from '../command-table.ts';
import type { TransactionQueue } from '../transaction-queue.ts';
import type { ThreadCluster } from './thread-cluster.ts';

/** What is to be done with a command. */
export const SlotVerdict = {
  serve: 0,
  /** Not now: the same command is to be offered again. */
  hold: 1,
  /** `SlotGate.refusal` says why. */
  refuse: 2,
  /** `SlotGate.owner` has the keys. */
  elsewhere: 3,
} as const;
export type SlotVerdict = (typeof SlotVerdict)[keyof typeof SlotVerdict];

/** `slotOf`: the keys are in slots of more than one. */
const MANY_SLOTS = -2;
/** `slotOf`: the command has no keys. */
export const NO_SLOT = -1;

/** In place of a slot: all that this node has. */
export const EVERY_SLOT = -3;

/** What a verdict is about. */
export interface SlotFinding {
  /** Of the last verdict. */
  readonly slot: number;
  /** Why it refuses, as the line of an error. */
  refusal: string;
}

export class SlotGate implements SlotFinding {
  slot: number = NO_SLOT;
  /** What the last verdict was about concerns more slots than `slot`: those of all commands of a transaction, or all of the node. */
  isSpread = false;
  refusal = '';
  /** Version of the slot table before the last verdict: as long as it is the same, so are all words. */
  judgedVersion = 0;
  owner: ClusterNode | null = null;
  /** Some command was served, so replies may leave only while the right to serve lasts. */
  hasServed = false;
  private readonly cluster: ThreadCluster;
  private readonly clock: Clock;
  private readonly store: StoreApi;
  /** One of a transaction's. */
  private readonly queued = new Command();
  private readonly reading: OwnerReading = { epoch: 0, ownerIndex: NO_NODE, word: 0 };

  constructor(cluster: ThreadCluster, clock: Clock, store: StoreApi) {
    this.cluster = cluster;
    this.clock = clock;
    this.store = store;
  }

  /** Whether the last verdict was that the keys are in several slots. */
  get hasManySlots(): boolean {
    return this.slot === MANY_SLOTS;
  }

  /** The one slot whose state the last command depends on, NO_SLOT where there is none, EVERY_SLOT where there may be several. */
  get concerned(): number {
    return this.isSpread ? EVERY_SLOT : this.slot;
  }

  /** Version of the slot table now. */
  get version(): number {
    return this.cluster.slots.version;
  }

  judge(entry: CommandEntry, command: Command): SlotVerdict {
    this.judgedVersion = this.cluster.slots.version;
    const slot = this.slotOf(entry, command);
    this.slot = slot;
    this.isSpread = false;
    if (slot === NO_SLOT) return this.judgeKeyless(entry);
    if (slot === MANY_SLOTS) {
      this.refusal = CROSS_SLOT;
      return SlotVerdict.refuse;
    }
    return this.judgeSlot(slot, (entry.traits & Trait.write) !== 0);
  }

  /** Makes `slot`, or EVERY_SLOT, what the last verdict is about. Whether this node serves it. */
  concern(slot: number): boolean {
    this.isSpread = slot === EVERY_SLOT;
    this.slot = this.isSpread ? NO_SLOT : slot;
    const isServed = this.isSpread ? this.cluster.slots.ownedCount > 0 : this.cluster.has(slot);
    const { slots } = this.cluster;
    const mayAnswer = isServed && slots.mayAnswer(this.clock.monotonicMs());
    this.hasServed ||= mayAnswer;
    return mayAnswer;
  }

  /** A write without keys is one to all of them (FLUSHALL, FLUSHDB, SWAPDB): one in the last moment of a hand-over would not reach the target. */
  private judgeKeyless(entry: CommandEntry): SlotVerdict {
    const isWholeStore = (entry.traits & Trait.write) !== 0;
    this.isSpread = isWholeStore;
    return isWholeStore && this.cluster.slots.pausedCount > 0 ? SlotVerdict.hold : SlotVerdict.serve;
  }

  /** As `judge`, for EXEC: the keys of all commands must be in one slot, unless this node serves all of them. */
  judgeTransaction(queue: TransactionQueue): SlotVerdict {
    const { version } = this.cluster.slots;
    let slot: number = NO_SLOT;
    let isElsewhere = false;
    let isSpread = false;
    let isWhole = false;
    for (let index = 0; index < queue.count; index += 1) {
      queue.load(index, this.queued);
      const verdict = this.judge(queue.entry(index), this.queued);
      if (verdict === SlotVerdict.hold || verdict === SlotVerdict.refuse) return verdict;
      if (this.slot === NO_SLOT) {
        isWhole ||= this.isSpread;
        continue;
      }
      if (verdict === SlotVerdict.elsewhere) isElsewhere = true;
      if (slot !== NO_SLOT && slot !== this.slot) isSpread = true;
      slot = this.slot;
      if (!isElsewhere || !isSpread) continue;
      this.refusal = CROSS_SLOT;
      return SlotVerdict.refuse;
    }
    this.slot = slot;
    this.isSpread = isSpread || isWhole;
    this.judgedVersion = version;
    return isElsewhere ? SlotVerdict.elsewhere : SlotVerdict.serve;
  }

  private judgeSlot(slot: number, writes: boolean): SlotVerdict {
    const { slots, topology, trouble } = this.cluster;
    if (!slots.mayAnswer(this.clock.monotonicMs())) {
      this.refusal = trouble === null ? CLUSTER_DOWN : `${CLUSTER_DOWN}: ${trouble}`;
      return SlotVerdict.refuse;
    }
    const { reading } = this;
    const isWhole = slots.readOwner(slot, reading);
    if ((reading.word & PAUSED) !== 0) return SlotVerdict.hold;
    if ((reading.word & OWNED) !== 0) {
      if (writes && (reading.word & MOVING) !== 0 && this.store.writersWait(slot)) return SlotVerdict.hold;
      this.hasServed = true;
      return SlotVerdict.serve;
    }
    if (reading.ownerIndex === NO_NODE) {
      this.refusal = SLOT_NOT_SERVED;
      return SlotVerdict.refuse;
    }
    // The index is one of the topology of that epoch, which may be on its way to this thread.
    if (!isWhole || reading.epoch !== topology.epoch) return SlotVerdict.hold;
    this.owner = topology.nodes[reading.ownerIndex]!;
    return SlotVerdict.elsewhere;
  }

  /** Whether what was served may be answered now: a right that ended meanwhile may be another node's since. */
  mayAnswer(monotonicMs: number): boolean {
    return !this.hasServed || this.mayServe(monotonicMs);
  }

  /** Whether the node has the right to serve. */
  mayServe(monotonicMs: number): boolean {
    return this.cluster.slots.mayAnswer(monotonicMs);
  }

  /** The line that sends a client to the owner of the last verdict. */
  get movedLine(): string {
    const { host, port } = this.owner!;
    return `MOVED ${this.slot} ${host}:${port}`;
  }

  /** The slot of the command's keys, NO_SLOT, or MANY_SLOTS. */
  private slotOf(entry: CommandEntry, command: Command): number {
    const { firstKey, lastKey, keyStep } = entry.spec;
    if (firstKey === 0 || firstKey >= command.count) return NO_SLOT;
    const { bytes } = command;
    const slot = keySlot(bytes, command.start(firstKey), command.length(firstKey));
    // It has one key, and what stands behind that is its value.
    if (command instanceof Operation) return slot;
    const last = lastKey < 0 ? command.count + lastKey : Math.min(lastKey, command.count - 1);
    for (let index = firstKey + keyStep; index <= last; index += keyStep) {
      if (keySlot(bytes, command.start(index), command.length(index)) !== slot) return MANY_SLOTS;
    }
    return slot;
  }
}

const CROSS_SLOT = "CROSSSLOT Keys in request don't hash to the same slot";
const CLUSTER_DOWN = 'CLUSTERDOWN The cluster is down';
const SLOT_NOT_SERVED = 'CLUSTERDOWN Hash slot not served';
