/** What a restart of nodes begins with: which of them, in which order, how each gives its slots away; and what a cluster lacks to be whole. Pure, from the coordinator's status. */
import { ShoalError } from '../../base/errors.ts';
import type { NodeStatus, Status } from '../../protocol/cluster/messages.ts';
import { SLOT_COUNT } from '../../topology/slots.ts';

/** `host:port`, which a node keeps when it starts again; its id it does not. */
export function addressOf({ host, port }: Pick<NodeStatus, 'host' | 'port'>): string {
  return `${host}:${port}`;
}

/** By zone, then by address: what is in one zone goes together, and who runs it again sees the same order. */
export function inOrder(nodes: readonly NodeStatus[]): readonly NodeStatus[] {
  return nodes.toSorted((left, right) => {
    const zones = compare(left.zone, right.zone);
    if (zones !== 0) return zones;
    return left.host === right.host ? left.port - right.port : compare(left.host, right.host);
  });
}

function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** How the node gives its slots away, for people. */
export function emptyingText({ slots, coveredSlots }: NodeStatus): string {
  if (slots === 0) return 'has no slots';
  if (coveredSlots >= slots) return `its replicas take its ${slots} slots over`;
  const moved = slots - coveredSlots;
  if (coveredSlots === 0) return `its ${slots} slots move to the others`;
  return `its replicas take ${coveredSlots} of its slots over, and ${moved} move to the others`;
}

/** Throws `InvalidArgument` where nobody could have the slots of one of `nodes` while it starts again. */
export function checkRoom(nodes: readonly NodeStatus[], status: Status): void {
  for (const node of nodes) {
    if (status.nodes.some(({ id, state }) => id !== node.id && state === 'active')) continue;
    const why = status.nodes.length === 1 ? 'it is the only node' : 'no other node may have slots';
    throw new ShoalError(
      'InvalidArgument',
      `${addressOf(node)} cannot start again without a loss: ${why}; add one (shoal serve --coordinator …), or stop and start it by hand`,
    );
  }
}

/** That copies cannot all be had while a node is away, for people; null: they can. */
export function thinText({ nodes, replicas }: Status): string | null {
  const others = nodes.filter(({ state }) => state === 'active').length - 1;
  if (replicas === 0 || others > replicas) return null;
  const had = Math.max(0, others - 1);
  return `while a node is away, each slot has ${had} of ${replicas} copies: for all of them there must be ${replicas + 2} nodes`;
}

/** What keeps the cluster from having all that it should, for people; null: nothing. `addresses`: those of its nodes. */
export function whyNotWhole(status: Status, addresses: readonly string[]): string | null {
  const { nodes, unassigned, plannedSlots, moves } = status;
  for (const address of addresses) {
    const node = nodes.find((one) => addressOf(one) === address);
    if (node === undefined) return `${address} is not there`;
    if (node.state === 'joining') return `${address} joins`;
    if (node.isRestarting) return `${address} is to start again`;
    if (node.silentMs < 0) return `${address} was not heard yet`;
  }
  if (unassigned > 0) return `${unassigned} slots have no node`;
  if (plannedSlots > 0 || moves.length > 0) return `${plannedSlots} slots are to move`;
  const missing = status.missingCopies - impossibleCopies(status);
  return missing > 0 ? `${missing} copies are missing or not whole yet` : null;
}

/** Copies that are wanted, and that there are not nodes enough for. */
function impossibleCopies({ nodes, replicas, unassigned }: Status): number {
  const others = Math.max(0, nodes.filter(({ state }) => state === 'active').length - 1);
  return (SLOT_COUNT - unassigned) * Math.max(0, replicas - others);
}
