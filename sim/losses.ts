/**
 * Which values a death may take, noted when it happens: in runs in which nodes fail, and only there.
 *
 * - What the dead node owned, by its own table or by the topology, when its process ends, and when a topology removes it while it runs.
 * - What is held back at a node that lives, when another is removed: that one may have been the target of a hand-over. Its source cannot know whether it took over,
 *   and must delete what it has once the slots are its own again, since the target may have accepted writes.
 */
import type { Topology } from '../src/topology/topology.ts';
import type { KeyOfRun } from './client.ts';
import type { History } from './history.ts';
import type { SimNode } from './node.ts';
import type { Profile } from './scenario.ts';
import type { Scheduler } from './scheduler.ts';

export interface LossesSetting {
  readonly profile: Profile;
  readonly keys: readonly KeyOfRun[];
  readonly history: History;
  readonly scheduler: Scheduler;
}

export class Losses {
  /** Keys that a death might have taken, counted with each death. */
  count = 0;
  private readonly setting: LossesSetting;

  constructor(setting: LossesSetting) {
    this.setting = setting;
  }

  /** `node` is dead, or removed by the topology after `topology`. One that has left because nobody else was there gave its claims up just before. */
  died(node: SimNode, topology: Topology | null): void {
    this.eraseWhere(node, (slot) => node.claims(slot) || topology?.ownerOf(slot)?.id === node.id);
  }

  /** Some other node was removed while `node` lives. */
  survived(node: SimNode): void {
    this.eraseWhere(node, (slot) => node.holdsBack(slot));
  }

  private eraseWhere(node: SimNode, isLost: (slot: number) => boolean): void {
    const { profile, keys, history, scheduler } = this.setting;
    // Where no node fails nothing may be lost, whatever the table of one that leaves still says.
    if (profile !== 'faults') return;
    for (const { name, slot } of keys) {
      if (!isLost(slot)) continue;
      this.count += 1;
      history.erase(name, scheduler.nowMs, node.process.name);
    }
  }
}
