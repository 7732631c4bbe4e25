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

/** Two nodes that claim some slots both. */
interface Rivals {
  readonly one: Watched;
  readonly other: Watched;
  slotCount: number;
}

export class ServingCheck {
  private watched: readonly Watched[] = [];
  private rivals: readonly Rivals[] = [];

  add(server: Server): void {
    const words = new Int32Array(server.slots.memory).subarray(-SLOT_COUNT);
    const added: Watched = { server, words, claims: new Uint8Array(SLOT_COUNT), version: -1 };
    this.rivals = [...this.rivals, ...this.watched.map((one) => ({ one, other: added, slotCount: 0 }))];
    this.watched = [...this.watched, added];
  }

  /** The process is dead: it claims nothing. */
  remove(server: Server): void {
    this.watched = this.watched.filter((watched) => watched.server !== server);
    this.rivals = this.rivals.filter(({ one, other }) => one.server !== server && other.server !== server);
  }

  /** Throws `twoServe`. */
  check(): void {
    for (const one of this.watched) if (one.server.slots.version !== one.version) this.update(one);
    for (const { one, other, slotCount } of this.rivals) {
      if (slotCount === 0 || !one.server.mayAnswer() || !other.server.mayAnswer()) continue;
      const slot = one.claims.findIndex((claim, index) => claim !== 0 && other.claims[index] !== 0);
      const names = [one, other].map(({ server }) => `${server.process.name} (epoch ${server.slots.epoch})`);
      throw new SimulationFailure('twoServe', `slot ${slot} may be served by ${names.join(' and ')} at once`);
    }
  }

  private update(changed: Watched): void {
    const { words, claims } = changed;
    changed.version = changed.server.slots.version;
    const newly: number[] = [];
    const [owned, mask] = [OWNED, OWNED | PAUSED];
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (((words[slot]! & mask) === owned) !== (claims[slot] === 1)) newly.push(slot);
    }
    for (const slot of newly) claims[slot]! ^= 1;
    for (const rivals of this.rivals) {
      if (rivals.one !== changed && rivals.other !== changed) continue;
      const { claims: others } = rivals.one === changed ? rivals.other : rivals.one;
      for (const slot of newly) if (others[slot] === 1) rivals.slotCount += claims[slot] === 1 ? 1 : -1;
    }
  }
}
