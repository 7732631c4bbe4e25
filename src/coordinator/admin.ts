/** What an operator asks for, as changes of what is stored. Each is answered once it is. */
import { unreachable } from '../base/assert.ts';
import { type AdminRequest, type CoordinatorAnswer, type Refusal, refusal } from '../protocol/cluster/messages.ts';
import { type CoordinatorState, WEIGHTS_MAX } from './coordinator-state.ts';
import type { Membership } from './membership.ts';
import { heirsOf } from './failover-moves.ts';
import { addressOf } from './next-nodes.ts';
import { whyNoRestart, yieldingNodes } from './restarts.ts';
import { planOf } from './status.ts';

/** Changes that wait to be stored; more are refused. */
export const CHANGES_MAX = 1000;

export interface WantedChange {
  readonly request: number;
  readonly change: (state: CoordinatorState) => CoordinatorState;
  /** Once it is stored. */
  readonly answer: CoordinatorAnswer;
}

type ChangeRequest = Exclude<AdminRequest, { type: 'status' }>;

/** The change that `message` asks for, or the answer where there is nothing to change. */
export function changeFor(
  message: ChangeRequest,
  state: CoordinatorState,
  membership: Membership,
): Omit<WantedChange, 'request'> | CoordinatorAnswer {
  const { topology } = state;
  switch (message.type) {
    case 'rebalance': {
      const plan = planOf(state);
      if (message.dryRun || plan.transfers.length === 0) return plan;
      return { change: (now) => withSettings(now, { tight: true }), answer: plan };
    }
    case 'limits':
      return done((now) =>
        withSettings(now, {
          concurrentMoves: message.concurrentMoves ?? now.settings.concurrentMoves,
          moveBytesPerSecond: message.bytesPerSecond ?? now.settings.moveBytesPerSecond,
          replicas: message.replicas ?? now.settings.replicas,
        }),
      );
    case 'cancel':
      return done((now) => ({
        ...withSettings(now, { concurrentMoves: 0, tight: false }),
        cancelled: new Set(now.topology.moves.map(({ id }) => id)),
      }));
    case 'forget':
      if (topology.node(message.node) !== null) {
        return refusal(
          `node ${message.node} is in the cluster; once it is silent for a lease, it is removed by itself`,
        );
      }
      if (![...state.departed, ...state.awaited].some(({ id }) => id === message.node)) return noNode(message.node);
      return done((now) => ({
        ...now,
        departed: now.departed.map((node) => (node.id === message.node ? { ...node, isGone: true } : node)),
        awaited: now.awaited.filter((node) => node.id !== message.node),
      }));
    case 'drain':
      if (topology.node(message.node) === null) return noNode(message.node);
      return done((now) => withSettings(now, { drained: new Set(now.settings.drained).add(message.node) }));
    case 'undrain':
      if (topology.node(message.node) === null) return noNode(message.node);
      return done((now) => undrained(now, message.node));
    case 'restart': {
      const refused = whyNoRestart(message.node, state, membership);
      if (refused !== null) return refusal(refused);
      return done((now) => withSettings(now, { restarting: new Set(now.settings.restarting).add(message.node) }));
    }
    case 'failover': {
      const refused = whyNoFailover(message.node, state, membership);
      if (refused !== null) return refusal(refused);
      return done((now) => withSettings(now, { failedOver: new Set(now.settings.failedOver).add(message.node) }));
    }
    case 'weight': {
      const node = topology.node(message.node);
      if (node === null) return noNode(message.node);
      return done((now) => withSettings(now, { weights: withWeight(now, addressOf(node), message.weight) }));
    }
    default:
      return unreachable(message);
  }
}

function undrained(state: CoordinatorState, node: string): CoordinatorState {
  const { drained, failedOver, restarting } = state.settings;
  const isAway = [drained, failedOver, restarting].some((ids) => ids.has(node));
  const without = (ids: ReadonlySet<string>): ReadonlySet<string> => new Set([...ids].filter((id) => id !== node));
  return {
    ...withSettings(state, {
      drained: without(drained),
      failedOver: without(failedOver),
      restarting: without(restarting),
    }),
    cancelled: isAway ? withMovesFrom(state, node) : state.cancelled,
  };
}

/** Why the slots of `id` cannot go to its replicas, for people; null where they can. */
function whyNoFailover(id: string, { topology, settings }: CoordinatorState, membership: Membership): string | null {
  const node = topology.node(id);
  if (node === null) return `there is no node ${id}`;
  if (settings.replicas === 0)
    return 'this cluster has no replicas; see shoal cluster limits --replicas, or drain the node';
  const yielding = new Set(yieldingNodes(settings)).add(id);
  const bare = topology.slotsOf(id).filter((slot) => heirsOf(topology, slot, yielding, membership).length === 0);
  const bareCount = bare.length;
  if (bareCount === 0) return null;
  return `${bareCount} of the ${topology.slotCountOf(id)} slots of node ${id} have no replica that is synced and may own slots; try again when they have, or drain the node`;
}

function done(change: WantedChange['change']): Omit<WantedChange, 'request'> {
  return { change, answer: { type: 'done' } };
}

function noNode(id: string): Refusal {
  return refusal(`there is no node ${id}`);
}

function withSettings(state: CoordinatorState, settings: Partial<CoordinatorState['settings']>): CoordinatorState {
  return { ...state, settings: { ...state.settings, ...settings } };
}

/** The cancelled moves, and those from `node`: they would have to come back. */
function withMovesFrom({ cancelled, topology }: CoordinatorState, node: string): ReadonlySet<number> {
  const moves = topology.moves.filter(({ from }) => from === node);
  return new Set([...cancelled, ...moves.map(({ id }) => id)]);
}

function withWeight({ settings }: CoordinatorState, address: string, weight: number): ReadonlyMap<string, number> {
  const weights = new Map(settings.weights);
  weights.delete(address);
  weights.set(address, weight);
  for (const first of weights.keys()) {
    if (weights.size <= WEIGHTS_MAX) break;
    weights.delete(first);
  }
  return weights;
}
