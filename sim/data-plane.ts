/**
 * The part of a simulated node that clients talk to: the real store behind the real gate, in the order in which a data thread does it. The clock is
 * read, the gate judges, the command runs, and at the end of the batch the right to serve is asked for again; the process may
 * be paused between any two of these.
 *
 * A command that is held waits here and is judged anew when the table has changed, as a held session's is.
 */
import { Command } from '../src/protocol/command.ts';
import { type CommandEntry, CommandTable } from '../src/server/command-table.ts';
import { ALL_COMMANDS } from '../src/server/commands/all-commands.ts';
import { SlotGate, SlotVerdict } from '../src/server/cluster/slot-gate.ts';
import { ThreadCluster } from '../src/server/cluster/thread-cluster.ts';
import { keySlot } from '../src/topology/slots.ts';
import type { ReplicaTable } from '../src/cluster/replica-table.ts';
import type { SlotTable } from '../src/cluster/slot-table.ts';
import type { Store } from '../src/store/store.ts';
import { ItemSnapshot, Key, WriteOptions, WriteResult } from '../src/store/types.ts';
import { assert } from '../src/base/assert.ts';
import { type PlantedBug, withoutFence } from './bugs.ts';
import { ABSENT } from './history.ts';
import type { SimProcess } from './process.ts';

export interface DataRequest {
  readonly kind: 'read' | 'write';
  readonly key: string;
  /** To be written. */
  readonly value: number;
  /** A client that knows no slots: the node asks the owner itself. */
  readonly forward: boolean;
  /** A write is answered once so many replicas have it, or after a while, with how many do. */
  readonly acks: number;
}

/**
 * `done`: with the value that was read, or written, and how many replicas have it. `moved`: `address` has it, by a topology of `epoch`. `refused`: the node may not serve, nothing was done.
 * `closed`: the connection ended without an answer; it may have been done.
 */
export type DataAnswer =
  | { readonly kind: 'done'; readonly value: number; readonly copies: number }
  | { readonly kind: 'moved'; readonly address: string; readonly epoch: number }
  | { readonly kind: 'refused' }
  | { readonly kind: 'closed' };

/** Most commands that are held at a node; one more is refused. */
const HELD_COUNT_MAX = 256;
const VALUE_BYTES = 16;
/** So long a write waits for replicas, by the node's clock. */
const ACK_WAIT_MS = 250;

const COMMANDS = new CommandTable(ALL_COMMANDS);
const GET: CommandEntry = entryOf('get');
const SET: CommandEntry = entryOf('set');

export interface DataPlaneSetting {
  readonly process: SimProcess;
  readonly slots: SlotTable;
  readonly store: Store;
  readonly replicas: ReplicaTable;
  /** Somebody waits for replicas. */
  readonly confirmNow: () => void;
  /** A client was told that replicas have its write. */
  readonly onConfirmed: () => void;
  readonly clusterName: string;
  readonly bug: PlantedBug | null;
  /** ms since 1970, for the store. */
  readonly wallClockMs: () => number;
  /** Asks the owner at `address` for a client that does not know it. */
  readonly forward: (address: string, request: DataRequest, answer: (answer: DataAnswer) => void) => void;
}

interface Held {
  readonly request: DataRequest;
  readonly answer: (answer: DataAnswer) => void;
}

/** A write that waits for replicas. */
interface Unconfirmed {
  readonly slot: number;
  /** Of the change log, behind the write. */
  readonly position: number;
  readonly acks: number;
  readonly untilMs: number;
  readonly answer: (copies: number) => void;
}

export class DataPlane {
  readonly cluster: ThreadCluster;
  private readonly setting: DataPlaneSetting;
  private readonly gate: SlotGate;
  private readonly command = new Command();
  private readonly key = new Key();
  private readonly snapshot = new ItemSnapshot();
  private readonly options = new WriteOptions();
  private readonly value: Buffer = Buffer.alloc(VALUE_BYTES);
  private held: Held[] = [];
  private unconfirmed: Unconfirmed[] = [];
  /** The next command that is served is interrupted for so long, in the middle. */
  private pauseInsideMs = 0;
  private pauseBeforeRun = false;

  constructor(setting: DataPlaneSetting) {
    this.setting = setting;
    const { process, slots, store, clusterName, bug, wallClockMs } = setting;
    this.cluster = new ThreadCluster(bug === 'skipFence' ? withoutFence(slots) : slots, clusterName);
    const clock = { nowMs: wallClockMs, monotonicMs: () => process.monotonicMs };
    this.gate = new SlotGate(this.cluster, clock, store);
  }

  /** What the gate would say now of any slot that the table gives this node. */
  mayAnswer(): boolean {
    return this.cluster.slots.mayAnswer(this.setting.process.monotonicMs);
  }

  /** Stops the process in the middle of its next command: before it has run, or before its answer is sent. */
  pauseInsideNext(pauseMs: number, beforeRun: boolean): void {
    this.pauseInsideMs = pauseMs;
    this.pauseBeforeRun = beforeRun;
  }

  handle(request: DataRequest, answer: (answer: DataAnswer) => void): void {
    const { process, forward } = this.setting;
    this.gate.hasServed = false;
    const bytes = Buffer.from(request.key);
    this.command.reset(bytes);
    // The name is not looked at any more; the key is argument 1.
    this.command.push(0, 0);
    this.command.push(0, bytes.length);
    const verdict = this.gate.judge(request.kind === 'read' ? GET : SET, this.command);
    switch (verdict) {
      case SlotVerdict.hold:
        this.hold(request, answer);
        return;
      case SlotVerdict.refuse:
        answer({ kind: 'refused' });
        return;
      case SlotVerdict.elsewhere: {
        const { host, port } = this.gate.owner!;
        const address = `${host}:${port}`;
        // What was forwarded once is not forwarded again: two nodes that disagree must not play ball with it.
        if (request.forward) forward(address, { ...request, forward: false }, answer);
        else answer({ kind: 'moved', address, epoch: this.cluster.topology.epoch });
        return;
      }
      case SlotVerdict.serve: {
        const pauseMs = this.pauseInsideMs;
        this.pauseInsideMs = 0;
        if (pauseMs === 0) this.runAndEnd(request, answer);
        else if (this.pauseBeforeRun) process.pause(pauseMs, () => this.runAndEnd(request, answer));
        else {
          const value = this.run(request);
          process.pause(pauseMs, () => this.end(value, 0, answer));
        }
      }
    }
  }

  /** The table or the topology has changed: what is held is judged again, in its order. */
  retryHeld(): void {
    if (this.held.length === 0) return;
    const { held } = this;
    this.held = [];
    for (const { request, answer } of held) this.handle(request, answer);
  }

  /** Keys of `keys` that the store has, whoever owns them: for the check that nothing is left where it does not belong. */
  stored(keys: readonly string[]): readonly string[] {
    return keys.filter((key) => this.lookUp(key) !== ABSENT);
  }

  /** Replicas may have confirmed more: writes that waited for that are answered, and those that have waited long enough. */
  confirm(): void {
    if (this.unconfirmed.length === 0) return;
    const { process, replicas, bug } = this.setting;
    const waiting = this.unconfirmed;
    this.unconfirmed = [];
    for (const write of waiting) {
      const { slot, position, acks, untilMs, answer } = write;
      const copies = bug === 'ackEarly' ? replicas.copyCount(slot) : replicas.confirmedCount(slot, position);
      if (copies >= acks || process.monotonicMs >= untilMs) answer(copies);
      else this.unconfirmed.push(write);
    }
  }

  private runAndEnd(request: DataRequest, answer: (answer: DataAnswer) => void): void {
    const value = this.run(request);
    const { acks } = request;
    if (acks === 0) {
      this.end(value, 0, answer);
      return;
    }
    const { store, process, confirmNow } = this.setting;
    const bytes = Buffer.from(request.key);
    const untilMs = process.monotonicMs + ACK_WAIT_MS;
    this.unconfirmed.push({
      slot: keySlot(bytes, 0, bytes.length),
      position: store.parts.changes.position,
      acks,
      untilMs,
      answer: (copies) => this.end(value, copies, answer),
    });
    confirmNow();
    process.at(untilMs, () => this.confirm());
  }

  /** The value of `key` in the store, whoever owns it. */
  valueOf(key: string): number {
    return this.lookUp(key);
  }

  private hold(request: DataRequest, answer: (answer: DataAnswer) => void): void {
    if (this.held.length < HELD_COUNT_MAX) this.held.push({ request, answer });
    else answer({ kind: 'refused' });
  }

  private run({ kind, key, value }: DataRequest): number {
    if (kind === 'read') return this.lookUp(key);
    const { store, wallClockMs } = this.setting;
    const bytes = Buffer.from(key);
    const length = this.value.write(String(value), 'latin1');
    const key_ = this.key.assign(bytes, 0, bytes.length, 0);
    const result = store.set(key_, this.value, 0, length, this.options.reset(), wallClockMs());
    assert(result === WriteResult.stored, 'the store of a simulated node has room');
    return value;
  }

  private lookUp(key: string): number {
    const bytes = Buffer.from(key);
    const { store, wallClockMs } = this.setting;
    if (!store.read(this.key.assign(bytes, 0, bytes.length, 0), this.snapshot, wallClockMs())) return ABSENT;
    return Number(
      Buffer.from(this.snapshot.bytes.buffer, this.snapshot.bytes.byteOffset, this.snapshot.length).toString('latin1'),
    );
  }

  /** `copies`: replicas that have the write. */
  private end(value: number, copies: number, answer: (answer: DataAnswer) => void): void {
    this.gate.hasServed = true;
    const { process, onConfirmed } = this.setting;
    const mayAnswer = this.gate.mayAnswer(process.monotonicMs);
    answer(mayAnswer ? { kind: 'done', value, copies } : { kind: 'closed' });
    if (mayAnswer && copies > 0) onConfirmed();
  }
}

function entryOf(name: string): CommandEntry {
  const entry = COMMANDS.named(name);
  assert(entry !== null, `${name} is a command`);
  return entry;
}
