/**
 * The first promise: at any true time, at most one node may serve a slot. Looked at after every step, by what a node's own gate would say at that
 * moment: the slot's word in its table, and its right to serve by its own clock.
 *
 * Tables have 16384 words, so only changes are gone through: slots that two tables claim are remembered, and for them the right
 * is asked each time. Two claims are no harm while one of the two has no right.
 */
import type { SlotTable } from '../src/cluster/slot-table.ts';
import { OWNED, PAUSED } from '../src/cluster/slot-table.ts';
import { SLOT_COUNT } from '../src/topology/slots.ts';
import { SimulationFailure } from './failure.ts';
import type { SimProcess } from './process.ts';

/** A node as this check sees it. */
export interface Server {
  readonly process: SimProcess;
  readonly slots: SlotTable;
  /** Whether its gate would serve now what its table says. */
  mayAnswer(): boolean;
}

interface Watched {
  readonly server: Server;
  /** The words of its table. */
  readonly words: Int32Array;
  /** 1 where it claims the slot, as of `version`. */
  readonly claims: Uint8Array;
  version: number;
}

export class ServingCheck {
  private readonly watched: Watched[] = [];
  private readonly claimCounts = new Uint8Array(SLOT_COUNT);
  private readonly contested = new Set<number>();

  add(server: Server): void {
    const words = new Int32Array(server.slots.memory).subarray(-SLOT_COUNT);
    this.watched.push({ server, words, claims: new Uint8Array(SLOT_COUNT), version: -1 });
  }

  /** The process is dead: it claims nothing. */
  remove(server: Server): void {
    const index = this.watched.findIndex((one) => one.server === server);
    if (index === -1) return;
    const [{ claims }] = this.watched.splice(index, 1) as [Watched];
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) if (claims[slot] !== 0) this.claim(slot, -1);
  }

  /** Throws `twoServe`. */
  check(): void {
    for (const one of this.watched) if (one.server.slots.version !== one.version) this.update(one);
    if (this.contested.size === 0) return;
    const able = this.watched.filter(({ server }) => server.mayAnswer());
    if (able.length < 2) return;
    for (const slot of this.contested) {
      const serving = able.filter(({ claims }) => claims[slot] !== 0);
      if (serving.length < 2) continue;
      const names = serving.map(({ server }) => `${server.process.name} (epoch ${server.slots.epoch})`);
      throw new SimulationFailure('twoServe', `slot ${slot} may be served by ${names.join(' and ')} at once`);
    }
  }

  private update(one: Watched): void {
    const { words, claims } = one;
    one.version = one.server.slots.version;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      const claim = (words[slot]! & (OWNED | PAUSED)) === OWNED ? 1 : 0;
      if (claim === claims[slot]) continue;
      claims[slot] = claim;
      this.claim(slot, claim === 1 ? 1 : -1);
    }
  }

  private claim(slot: number, change: number): void {
    const count = this.claimCounts[slot]! + change;
    this.claimCounts[slot] = count;
    if (count >= 2) this.contested.add(slot);
    else this.contested.delete(slot);
  }
}
