/**
 * A client of a run: writes and reads a few keys, one call at a time, and keeps record of what it was told. It goes by a topology as the real client
 * does (`KnownTopology`, `SlotRoutes`), or knows none and lets any node forward.
 *
 * It prefers keys whose slot is on its way: that is where things go wrong.
 */
import { KnownTopology } from '../src/client/known-topology.ts';
import { SlotRoutes } from '../src/client/slot-routes.ts';
import { NO_NODE, type Topology } from '../src/topology/topology.ts';
import type { Calls } from './calls.ts';
import type { DataAnswer, DataRequest } from './data-plane.ts';
import type { History, OperationKind } from './history.ts';
import { ABSENT } from './history.ts';
import type { SimProcess } from './process.ts';
import type { Chance } from './randomness.ts';
import type { Scheduler } from './scheduler.ts';
import type { Trace } from './trace.ts';

/** What a client may ask a node: a command, or its topology if that is newer than `epoch`. */
export type ClientRequest = DataRequest | { readonly kind: 'topology'; readonly epoch: number };
export type ClientAnswer = DataAnswer | { readonly kind: 'topology'; readonly bytes: Uint8Array | null };

export interface KeyOfRun {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly slot: number;
}

export interface ClientSetting {
  readonly process: SimProcess;
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly calls: Calls<ClientRequest, ClientAnswer>;
  readonly history: History;
  readonly trace: Trace;
  readonly keys: readonly KeyOfRun[];
  /** Addresses to begin with. */
  readonly seeds: readonly string[];
  readonly knowsSlots: boolean;
  /** As it is at this moment, to choose keys by; calls go by what the client itself knows. */
  readonly topology: () => Topology | null;
  /** A value that nobody has written yet. */
  readonly newValue: () => number;
  /** Replicas that a write may ask to wait for. */
  readonly acksMax: number;
}

const THINK_MS_MEAN = 8;
const CALL_TIMEOUT_MS = 400;
/** A call is tried again until it has taken this long. */
const DEADLINE_MS = 1500;
const RETRY_MS_MEAN = 15;
const TOPOLOGY_EVERY_MS = 500;
const HOT_KEY_PROBABILITY = 0.6;
const WRITE_PROBABILITY = 0.5;
/** A write that is answered at once, where there are replicas. */
const NO_ACKS_PROBABILITY = 0.4;
/** A call that goes to any node, as from a client whose topology is of long ago. */
const ASTRAY_PROBABILITY = 0.08;
/** Writes of one key whose outcome is open; then it is only read. */
const OPEN_WRITES_MAX = 4;

interface Job {
  readonly kind: OperationKind & ('read' | 'write');
  readonly key: KeyOfRun;
  readonly value: number;
  readonly acks: number;
  readonly deadlineMs: number;
}

export class SimClient {
  answeredCount = 0;
  failedCount = 0;
  private readonly setting: ClientSetting;
  private readonly known = new KnownTopology();
  private stopped = false;

  constructor(setting: ClientSetting) {
    this.setting = setting;
  }

  start(): void {
    this.next();
    if (this.setting.knowsSlots) this.poll();
  }

  /** No new calls are made. */
  stop(): void {
    this.stopped = true;
  }

  private next(): void {
    const { process, chance, history, newValue } = this.setting;
    process.after(chance.exponential(THINK_MS_MEAN), () => {
      if (this.stopped) return;
      const key = this.pickKey();
      const mayWrite = history.openWrites(key.name) < OPEN_WRITES_MAX;
      const kind = mayWrite && chance.happens(WRITE_PROBABILITY) ? 'write' : 'read';
      const deadlineMs = process.monotonicMs + DEADLINE_MS;
      const acks = kind === 'write' ? this.drawAcks() : 0;
      this.attempt({ kind, key, value: kind === 'write' ? newValue() : ABSENT, acks, deadlineMs }, null);
    });
  }

  /** How many replicas shall have a write before it is answered. */
  private drawAcks(): number {
    const { acksMax, chance } = this.setting;
    return acksMax === 0 || chance.happens(NO_ACKS_PROBABILITY) ? 0 : 1 + chance.below(acksMax);
  }

  private pickKey(): KeyOfRun {
    const { keys, chance, topology } = this.setting;
    const moving = topology();
    if (moving !== null && moving.moves.length > 0 && chance.happens(HOT_KEY_PROBABILITY)) {
      const hot = keys.filter(({ slot }) => moving.moveOf(slot) !== null);
      if (hot.length > 0) return chance.pick(hot);
    }
    return chance.pick(keys);
  }

  /** Tries `job` at `address`, or where the topology says. */
  private attempt(job: Job, address: string | null): void {
    const { process, scheduler, calls, history, trace, knowsSlots, seeds, chance, acksMax } = this.setting;
    const { kind, key, value, acks } = job;
    const { name } = key;
    const isAstray = address === null && chance.happens(ASTRAY_PROBABILITY);
    const target = isAstray ? chance.pick(this.addresses()) : (address ?? this.route(key) ?? chance.pick(seeds));
    const operation = history.call(name, kind, value, scheduler.nowMs, process.name);
    const request: DataRequest = { kind, key: name, value, forward: !knowsSlots, acks };
    calls.call({ from: process, address: target, request, timeoutMs: CALL_TIMEOUT_MS }, (answer) => {
      trace.note(process.name, () => `${kind} ${name} ${value === ABSENT ? '' : value} at ${target}: ${tell(answer)}`);
      if (answer?.kind === 'done') {
        this.answeredCount += 1;
        // A copy above those that are wanted is on its way to be given up.
        const copies = Math.min(answer.copies, acksMax);
        history.answer(operation, answer.value, scheduler.nowMs, scheduler.step, copies);
        this.next();
        return;
      }
      if (answer !== null && answer.kind !== 'closed') history.refuse(operation);
      if (process.monotonicMs >= job.deadlineMs || (kind === 'write' && history.openWrites(name) > OPEN_WRITES_MAX)) {
        this.failedCount += 1;
        this.next();
        return;
      }
      if (answer?.kind === 'moved') {
        if (answer.epoch > this.known.epoch && knowsSlots) this.askTopology(target);
        this.attempt(job, answer.address);
        return;
      }
      process.after(chance.exponential(RETRY_MS_MEAN), () => this.attempt(job, null));
    });
  }

  private route({ bytes }: KeyOfRun): string | null {
    const { topology } = this.known;
    if (topology === null) return null;
    const index = new SlotRoutes(topology).ownerOf(bytes, 0, bytes.length);
    const node = index === NO_NODE ? undefined : topology.nodes[index];
    return node === undefined ? null : `${node.host}:${node.port}`;
  }

  private poll(): void {
    const { process, chance } = this.setting;
    this.askTopology(chance.pick(this.addresses()));
    process.after(chance.exponential(TOPOLOGY_EVERY_MS), () => this.poll());
  }

  private addresses(): readonly string[] {
    const nodes = this.known.topology?.nodes ?? [];
    return [...nodes.map(({ host, port }) => `${host}:${port}`), ...this.setting.seeds];
  }

  private askTopology(address: string): void {
    const { process, calls } = this.setting;
    const request = { kind: 'topology', epoch: this.known.epoch } as const;
    calls.call({ from: process, address, request, timeoutMs: CALL_TIMEOUT_MS }, (answer) => {
      if (answer?.kind !== 'topology' || answer.bytes === null) return;
      try {
        this.known.take(answer.bytes, false);
      } catch {
        // A node that is behind: what is known is newer.
      }
    });
  }
}

function tell(answer: ClientAnswer | null): string {
  if (answer === null) return 'no answer';
  if (answer.kind === 'done') return answer.value === ABSENT ? 'absent' : `= ${answer.value}`;
  if (answer.kind === 'moved') return `moved to ${answer.address} (epoch ${answer.epoch})`;
  return answer.kind;
}
