/**
 * Another thread that changes the slot tables of nodes while they serve, as their control threads do: pauses one slot for moments, and hands it from node to
 * node. At no time do two nodes own it. Sessions that are held meanwhile are let look again now and then.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { OWNED, PAUSED } from '../../src/cluster/slot-table.ts';
import { SLOT_COUNT } from '../../src/topology/slots.ts';
import type { ForwardingNode } from './forwarding-nodes.ts';

export class SlotJuggler implements AsyncDisposable {
  private readonly worker: Worker;
  private readonly control: Int32Array;
  private readonly looking: NodeJS.Timeout;

  private constructor(worker: Worker, control: Int32Array, nodes: readonly ForwardingNode[]) {
    this.worker = worker;
    this.control = control;
    this.looking = setInterval(() => {
      for (const { assembly } of nodes) {
        assembly.thread.control.resumePaused();
        assembly.thread.mailArrived();
      }
    }, 2);
  }

  /** `owner`: index of the node that has the slot. `handsOver`: it goes to others as well. */
  static async start(
    nodes: readonly ForwardingNode[],
    slot: number,
    owner: number,
    handsOver: boolean,
  ): Promise<SlotJuggler> {
    const control = new Int32Array(new SharedArrayBuffer(8));
    const tables = nodes.map(({ slots }) => slots.memory);
    const workerData = { tables, slot, owner, handsOver, control, OWNED, PAUSED, SLOT_COUNT };
    const worker = new Worker(JUGGLER, { eval: true, workerData });
    await once(worker, 'message');
    return new SlotJuggler(worker, control, nodes);
  }

  get changeCount(): number {
    return Atomics.load(this.control, 1);
  }

  /** Leaves the slot to one node, not paused. */
  async [Symbol.asyncDispose](): Promise<void> {
    const isOver = once(this.worker, 'exit');
    Atomics.store(this.control, 0, 1);
    await isOver;
    clearInterval(this.looking);
  }
}

const JUGGLER = `
const { parentPort, workerData } = require('node:worker_threads');
const { tables, slot, handsOver, control, OWNED, PAUSED, SLOT_COUNT } = workerData;
let { owner } = workerData;
const all = tables.map((memory) => new Int32Array(memory));
const at = all[0].length - SLOT_COUNT + slot;
let seed = 12345;
const random = (below) => {
  seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
  return (seed >>> 8) % below;
};
const set = (node, word) => {
  Atomics.add(all[node], 0, 1);
  Atomics.store(all[node], at, word);
  Atomics.add(all[node], 0, 1);
  Atomics.add(control, 1, 1);
};
const sleeper = new Int32Array(new SharedArrayBuffer(4));
const wait = () => {
  if (random(20) === 0) Atomics.wait(sleeper, 0, 0, random(4));
  else for (let turns = random(20000); turns > 0; turns -= 1) Atomics.load(sleeper, 0);
};
parentPort.postMessage('started');
while (Atomics.load(control, 0) === 0) {
  set(owner, owner | OWNED | PAUSED);
  wait();
  if (handsOver && random(3) === 0) {
    const next = random(all.length);
    set(owner, next);
    if (random(2) === 0) wait();
    set(next, next | OWNED);
    if (random(2) === 0) wait();
    for (let node = 0; node < all.length; node += 1) if (node !== next) set(node, next);
    owner = next;
  } else set(owner, owner | OWNED);
  wait();
}
set(owner, owner | OWNED);
process.exit(0);
`;
