/**
 * The nodes that requests go to, a pool of connections for each, and which of them each key belongs to: by the ring of the nodes that were
 * given, or by the topology that they told. Pools of nodes that are gone stay until their last answer.
 */
import { ShoalError } from '../base/errors.ts';
import { Ring } from '../topology/ring.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import type { ClusterNode, Topology } from '../topology/topology.ts';
import type { ResolvedAddress } from './address.ts';
import type { NodePool } from './node-pool.ts';
import type { Key } from './request.ts';
import { NO_ROUTES, type Routes, SlotRoutes } from './slot-routes.ts';

/** A node that the client knows, and how it is. */
export interface Member {
  readonly address: ResolvedAddress;
  readonly pool: NodePool;
}

export class NodeList {
  members: readonly Member[] = [];
  /** The pool that all keys belong to; null where there is none or several. */
  only: NodePool | null = null;
  /** Pools of removed nodes that still have requests in flight. */
  readonly retired = new Set<NodePool>();
  private readonly makePool: (address: ResolvedAddress) => NodePool;
  private ring: Ring;
  private routes: Routes;

  /** Begins with the ring of `nodes`. */
  constructor(nodes: readonly ResolvedAddress[], makePool: (address: ResolvedAddress) => NodePool) {
    this.makePool = makePool;
    this.ring = Ring.of(nodes);
    this.routes = this.ring;
    this.setRingMembers(nodes.map((address) => ({ address, pool: makePool(address) })));
  }

  /** Which of `members` the key belongs to, as an index; one beyond them: nobody has it for now. */
  ownerOf(key: Key): number {
    if (typeof key !== 'string') return this.routes.ownerOf(key, 0, key.length);
    const scratch = scratchFor(key);
    return this.routes.ownerOf(scratch, 0, scratch.write(key, 0, 'utf8'));
  }

  /** In a cluster: a node that copies the key's slot and `canAnswer`, beginning with any, as `random01` says; null: there is none. */
  copyOf(key: Key, random01: () => number, canAnswer: (pool: NodePool) => boolean): NodePool | null {
    const { routes } = this;
    if (!(routes instanceof SlotRoutes) || routes.copyCountMax === 0) return null;
    const bytes = typeof key === 'string' ? scratchFor(key) : key;
    const length = typeof key === 'string' ? (bytes as Buffer).write(key, 0, 'utf8') : key.length;
    const first = Math.floor(random01() * routes.copyCountMax);
    for (let step = 0; step < routes.copyCountMax; step += 1) {
      const index = routes.copyOf(bytes, 0, length, (first + step) % routes.copyCountMax);
      const pool = this.members[index]?.pool;
      if (pool !== undefined && canAnswer(pool)) return pool;
    }
    return null;
  }

  /** The pool of the key's node; null: nobody has it for now. */
  poolOf(key: Key): NodePool | null {
    return this.members[this.ownerOf(key)]?.pool ?? null;
  }

  /** In a cluster: a node says that the key's slot is at `node`, `host:port`, now; null: that it is where the topology says. */
  redirect(key: Key, node: string | null): void {
    if (!(this.routes instanceof SlotRoutes)) return;
    const index = this.members.findIndex(({ pool }) => pool.node === node);
    this.routes.redirect(typeof key === 'string' ? Buffer.from(key, 'utf8') : key, index);
    this.only = this.only !== null && index >= 0 && this.members[index]!.pool !== this.only ? null : this.only;
  }

  memberOf(pool: NodePool): Member | undefined {
    return this.members.find((member) => member.pool === pool);
  }

  /** To the ring, at its end. Throws `InvalidOption`. */
  add(address: ResolvedAddress): Member {
    this.ring = this.ring.with(address);
    this.routes = this.ring;
    const member = { address, pool: this.makePool(address) };
    this.setRingMembers([...this.members, member]);
    return member;
  }

  /** From the ring. Returns the node's pool, which the caller retires; undefined where there is no such node. */
  remove(id: string): NodePool | undefined {
    const member = this.members.find(({ address }) => address.id === id);
    if (member === undefined) return undefined;
    this.ring = this.ring.without(id);
    this.routes = this.ring;
    this.setRingMembers(this.members.filter((other) => other !== member));
    this.retired.add(member.pool);
    return member.pool;
  }

  /** No key belongs to a node until there is a topology. */
  forgetRoutes(): void {
    this.routes = NO_ROUTES;
    this.only = null;
  }

  /** From now on keys belong to nodes by `topology`. Returns the pools of nodes that it does not name, which the caller retires. */
  useTopology(topology: Topology): readonly NodePool[] {
    const before = this.members;
    const members = topology.nodes.map((node) => this.memberFor(node, before));
    this.members = members;
    this.routes = new SlotRoutes(topology);
    const first = topology.ownerIndex(0);
    const firstPool = members[first]?.pool ?? null;
    this.only = firstPool !== null && topology.slotCountOf(topology.nodes[first]!.id) === SLOT_COUNT ? firstPool : null;
    const kept = new Set(members.map(({ pool }) => pool));
    const gone = before.map(({ pool }) => pool).filter((pool) => !kept.has(pool));
    for (const pool of gone) this.retired.add(pool);
    return gone;
  }

  /** Takes all nodes off the list. Returns their pools and those that were retired. */
  clear(): readonly NodePool[] {
    for (const { pool } of this.members) this.retired.add(pool);
    this.members = [];
    this.only = null;
    return [...this.retired];
  }

  /** Throws `NoAvailableNodes` where the list is empty. */
  checkNotEmpty(): void {
    if (this.members.length === 0) throw new ShoalError('NoAvailableNodes', 'the list of nodes is empty');
  }

  /** The pool that reaches `node` already, whether as a node of the topology before or as an address that was given; else a new one. */
  private memberFor(node: ClusterNode, before: readonly Member[]): Member {
    const { id, host, port, weight } = node;
    const address: ResolvedAddress = { id, host, port, weight };
    for (const { address: known, pool } of before) {
      if (known.host !== host || known.port !== port) continue;
      const reached = pool.expectedId ?? pool.greeting?.nodeId ?? id;
      if (reached !== id) continue;
      pool.expectedId = id;
      return { address, pool };
    }
    const pool = this.makePool(address);
    pool.expectedId = id;
    return { address, pool };
  }

  /** In the order of the ring's nodes: an owner is an index into both. */
  private setRingMembers(members: readonly Member[]): void {
    this.members = members;
    this.only = members.length === 1 ? members[0]!.pool : null;
  }
}

/** Room for the bytes of `key`, until the next call. */
function scratchFor(key: string): Buffer {
  return key.length * 3 > keyScratch.length ? Buffer.allocUnsafe(key.length * 3) : keyScratch;
}

const keyScratch: Buffer = Buffer.allocUnsafeSlow(1024);
