/**
 * Which values a death may take, noted when it happens: in runs in which nodes fail, and only there.
 *
 * - What the dead node owned, by its own table or by the topology, when its process ends, and when a topology removes it while it runs.
 * - What is held back at a node that lives, when another is removed: that one may have been the target of a hand-over. Its source cannot know whether it took over,
 *   and must delete what it has once the slots are its own again, since the target may have accepted writes.
 *
 * With replicas a death takes less: what was there may go back to what a copy had, and history.ts says how far. In that case the source goes on with what it had.
 */
import type { Topology } from '../src/topology/topology.ts';
import type { KeyOfRun } from './client.ts';
import type { Death, History } from './history.ts';
import type { SimNode } from './node.ts';
import type { Profile } from './scenario.ts';
import type { Scheduler } from './scheduler.ts';

export interface LossesSetting {
  readonly profile: Profile;
  readonly replicas: number;
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

  /** All copies that a node had are gone, whether it owned anything or not. `topology`: the last one with it. */
  copiesDied(topology: Topology | null): Death {
    const { replicas, history, scheduler } = this.setting;
    // With fewer nodes, a slot that was moved may be copied anew by the only one that had a copy.
    const activeCount = topology?.nodes.filter(({ state }) => state === 'active').length ?? 0;
    return history.died(scheduler.nowMs, activeCount >= replicas + 2);
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
    const { profile, replicas, keys, history, scheduler } = this.setting;
    // Where no node fails nothing may be lost, whatever the table of one that leaves still says.
    if (profile !== 'faults') return;
    for (const { name, slot } of keys) {
      if (!isLost(slot)) continue;
      this.count += 1;
      if (replicas === 0) history.erase(name, scheduler.nowMs, node.process.name);
      else history.revert(name, scheduler.nowMs, node.process.name);
    }
  }
}
