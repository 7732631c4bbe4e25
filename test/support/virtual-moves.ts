/**
 * Changes of a VirtualCluster under load: slots move from node to node as the real ones move them, nodes come, drain and die, and each node
 * hears of each topology at a time of its own, or not at all before the next one. All of it follows from the network's seed.
 */
import type { ClusterNode } from '../../src/topology/topology.ts';
import type { VirtualCluster, VirtualNode } from './virtual-cluster.ts';

export interface MoverOptions {
  /** The slots that move. */
  readonly slots: readonly number[];
  /** Between the beginnings of two changes, at most. */
  readonly pauseMsMax: number;
  /** `planned`: nothing is lost; `deaths`: nodes die too, and others take over after some time. */
  readonly changes: 'planned' | 'deaths';
  readonly nodeCountMax: number;
}

export class VirtualMoves {
  moveCount = 0;
  deathCount = 0;
  private readonly cluster: VirtualCluster;
  private readonly options: MoverOptions;
  private readonly dead = new Set<VirtualNode>();
  private lastMoveId = 0;
  private isStopped = false;

  constructor(cluster: VirtualCluster, options: MoverOptions) {
    this.cluster = cluster;
    this.options = options;
    this.later(options.pauseMsMax, () => this.change());
  }

  /** Begins no more changes; those that run go on to their end. */
  stop(): void {
    this.isStopped = true;
  }

  private change(): void {
    if (this.isStopped) return;
    const chance = this.random();
    const { nodeCountMax, changes } = this.options;
    const count = this.live().length;
    if (chance < 0.05 && count < nodeCountMax) this.join();
    else if (chance < 0.1 && count > 2) this.drain();
    else if (chance < 0.13 && count > 2 && changes === 'deaths') this.die();
    else this.move(this.pick(this.options.slots, 1 + Math.floor(this.random() * 4)), this.anyNode());
    this.later(this.options.pauseMsMax, () => this.change());
  }

  private join(): void {
    const node = this.cluster.start(`joined${this.cluster.nodes.size}`);
    this.publish({ nodes: [...this.members(), node] });
  }

  /** All of its slots go to others, and then it leaves. */
  private drain(): void {
    const leaving = this.anyNode();
    const tick = (): void => {
      const slots = this.cluster.topology.slotsOf(leaving.id);
      const busy = slots.some((slot) => this.cluster.topology.moveOf(slot) !== null);
      const isTarget = this.cluster.topology.moves.some(({ to }) => to === leaving.id);
      if (this.cluster.topology.node(leaving.id) === null) return;
      if (!busy && !isTarget && slots.length === 0) {
        this.publish({ nodes: this.members().filter((node) => node !== leaving) });
        // As a node does that leaves on purpose: it answers for a while those who have not heard of it.
        const { network } = this.cluster;
        network.at(network.nowMs + 50, () => leaving.kill());
        return;
      }
      const others = this.live().filter((node) => node !== leaving);
      if (!busy && slots.length > 0 && others.length > 0) this.move(slots, this.pick(others, 1)[0]!);
      this.later(20, tick);
    };
    tick();
  }

  /** It is gone without a word; others are given its slots after a while. */
  private die(): void {
    const dead = this.anyNode();
    dead.kill();
    this.dead.add(dead);
    this.deathCount += 1;
    this.later(600, () => {
      const { topology } = this.cluster;
      const rest = this.live();
      if (topology.node(dead.id) === null) return;
      const owners = new Map(topology.slotsOf(dead.id).map((slot) => [slot, this.pick(rest, 1)[0]!.id] as const));
      for (const [slot, id] of this.cluster.handed) {
        if (id === dead.id) owners.set(slot, topology.ownerOf(slot)?.id ?? rest[0]!.id);
        else if (owners.has(slot)) owners.set(slot, id);
      }
      const isLive = (id: string): boolean => rest.some((node) => node.id === id);
      for (const [slot, id] of owners) if (!isLive(id)) owners.set(slot, rest[0]!.id);
      for (const slot of owners.keys()) this.cluster.handed.delete(slot);
      // Others that died meanwhile stay until their own time.
      this.publish({ nodes: this.members().filter((node) => node !== dead), owners });
    });
  }

  /** Announced, paused, handed over, and then committed by a topology. */
  private move(slots: readonly number[], target: VirtualNode): void {
    const { cluster } = this;
    const source = cluster.topology.ownerOf(slots[0]!)?.id;
    if (source === undefined || source === target.id || cluster.topology.node(target.id) === null) return;
    const ours = slots.filter(
      (slot) => cluster.topology.ownerOf(slot)?.id === source && cluster.topology.moveOf(slot) === null,
    );
    if (ours.length === 0) return;
    this.lastMoveId += 1;
    const move = {
      id: this.lastMoveId,
      from: source,
      to: target.id,
      slots: ours.toSorted((left, right) => left - right),
    };
    this.publish({ moves: [...cluster.topology.moves, move] });
    const isOn = (): boolean => cluster.topology.moves.some(({ id }) => id === move.id);
    const end = (owners: ReadonlyMap<number, string>): void =>
      this.publish({ owners, moves: cluster.topology.moves.filter(({ id }) => id !== move.id) });
    this.later(20, () => {
      if (!isOn()) return;
      if (this.random() < 0.1) {
        end(new Map());
        return;
      }
      for (const slot of ours) cluster.paused.add(slot);
      this.later(5, () => {
        for (const slot of ours) cluster.paused.delete(slot);
        if (!isOn()) return;
        for (const slot of ours) cluster.handed.set(slot, target.id);
        this.later(20, () => {
          if (!isOn()) return;
          for (const slot of ours) cluster.handed.delete(slot);
          this.moveCount += 1;
          end(new Map(ours.map((slot) => [slot, target.id])));
        });
      });
    });
  }

  private publish(change: Parameters<VirtualCluster['next']>[0]): void {
    const topology = this.cluster.next(change);
    for (const { id } of topology.nodes) this.later(10, () => this.cluster.nodes.get(id)?.apply(topology));
  }

  /** The nodes of the topology, and those of them that are not dead. */
  private members(): VirtualNode[] {
    return this.cluster.topology.nodes.map(({ id }: ClusterNode) => this.cluster.nodes.get(id)!);
  }

  private live(): VirtualNode[] {
    return this.members().filter((node) => !this.dead.has(node));
  }

  private anyNode(): VirtualNode {
    return this.pick(this.live(), 1)[0]!;
  }

  private pick<T>(from: readonly T[], count: number): T[] {
    const start = Math.floor(this.random() * from.length);
    return Array.from({ length: count }, (_, index) => from[(start + index) % from.length]!);
  }

  private later(withinMs: number, task: () => void): void {
    const { network } = this.cluster;
    network.at(network.nowMs + this.random() * withinMs, task);
  }

  private random(): number {
    return this.cluster.network.random();
  }
}
