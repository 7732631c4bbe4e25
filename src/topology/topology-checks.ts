/**
 * What a topology must be: the rules behind `Topology.of`, one function for each of its parts. What they are given may come from a file or a
 * peer, so nothing about it is taken for granted but its types; they throw `InvalidTopology` with the first thing that is wrong.
 */
import { ShoalError } from '../base/errors.ts';
import { NODE_COUNT_MAX, WEIGHT_MAX } from './ring.ts';
import { SLOT_COUNT } from './slots.ts';
import type { ClusterNode, NodeState, SlotMove } from './topology.ts';

/** In bytes of UTF-8, of a cluster's name, a host and a zone. */
export const TEXT_BYTES_MAX = 255;
export const NODE_STATES: readonly NodeState[] = ['joining', 'active', 'draining'];

export function invalid(problem: string, cause?: unknown): ShoalError {
  return new ShoalError('InvalidTopology', `topology: ${problem}`, cause === undefined ? {} : { cause });
}

/** `name`, which is text that is not empty. */
export function checkedName(what: string, name: string): string {
  if (typeof name !== 'string' || name === '') throw invalid(`${what} has no name`);
  checkText(`the name of ${what}`, name);
  return name;
}

/** The nodes in order of their ids, and for each one's index before its index now. */
export function checkedNodes(given: readonly ClusterNode[]): {
  readonly nodes: readonly ClusterNode[];
  readonly newIndexes: Uint16Array;
} {
  if (given.length > NODE_COUNT_MAX) throw invalid(`${given.length} nodes are more than ${NODE_COUNT_MAX}`);
  for (const node of given) checkNode(node);
  const order = Array.from(given, (_, index) => index).toSorted((a, b) => (given[a]!.id < given[b]!.id ? -1 : 1));
  const newIndexes = new Uint16Array(given.length);
  const nodes = order.map((before, index) => {
    newIndexes[before] = index;
    const { id, host, port, peerPort, zone, weight, state } = given[before]!;
    return { id, host, port, peerPort, zone, weight, state };
  });
  for (let index = 1; index < nodes.length; index += 1) {
    const { id } = nodes[index]!;
    if (id === nodes[index - 1]!.id) throw invalid(`the node ${id} is there twice`);
  }
  return { nodes, newIndexes };
}

function checkNode({ id, host, port, peerPort, zone, weight, state }: ClusterNode): void {
  if (typeof id !== 'string' || !NODE_ID.test(id)) {
    throw invalid(`a node's id is ${JSON.stringify(id)} instead of 40 lower-case hexadecimal digits`);
  }
  if (typeof host !== 'string' || host === '') throw invalid(`the node ${id} has no host`);
  checkText(`the host of ${id}`, host);
  if (host.includes(' ')) throw invalid(`the host of ${id} has a space`);
  checkText(`the zone of ${id}`, zone);
  for (const [what, value] of [['port', port] as const, ['peer port', peerPort] as const]) {
    if (!isBetween(value, 1, 65_535)) throw invalid(`the ${what} of ${id} is ${value} instead of 1 to 65535`);
  }
  if (!isBetween(weight, 1, WEIGHT_MAX))
    throw invalid(`the weight of ${id} is ${weight} instead of 1 to ${WEIGHT_MAX}`);
  if (!NODE_STATES.includes(state)) throw invalid(`the state of ${id} is ${JSON.stringify(state)}`);
}

/** Replicas are distinct, are not the owner, and stand before the places that are empty. */
export function checkReplicas(
  owners: Uint16Array,
  replicas: Uint16Array,
  { replicaCount, noNode }: { readonly replicaCount: number; readonly noNode: number },
): void {
  let at = 0;
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    for (let n = 0; n < replicaCount; n += 1, at += 1) {
      const index = replicas[at]!;
      if (index === noNode) continue;
      if (index === owners[slot]) throw invalid(`a replica of slot ${slot} is its owner`);
      for (let before = 1; before <= n; before += 1) {
        const other = replicas[at - before]!;
        if (other === index) throw invalid(`two replicas of slot ${slot} are one node`);
        if (other === noNode) throw invalid(`a replica of slot ${slot} stands behind an empty place`);
      }
    }
  }
}

/** Copies of `moves`, whose sources own what they give and no slot of which is in two. */
export function checkedMoves(
  moves: readonly SlotMove[],
  {
    nodes,
    owners,
    idMax,
  }: { readonly nodes: readonly ClusterNode[]; readonly owners: Uint16Array; readonly idMax: number },
): readonly SlotMove[] {
  if (moves.length === 0) return [];
  const indexes = new Map(nodes.map(({ id }, index) => [id, index]));
  const ids = new Set<number>();
  const taken = new Uint8Array(SLOT_COUNT);
  return moves.map(({ id, from, to, slots }) => {
    if (!isBetween(id, 1, idMax)) throw invalid(`the id ${id} of a move is not 1 to ${idMax}`);
    if (ids.has(id)) throw invalid(`the move ${id} is there twice`);
    ids.add(id);
    const source = indexes.get(from);
    if (source === undefined) throw invalid(`the move ${id} is from ${from}, which is no node`);
    if (!indexes.has(to)) throw invalid(`the move ${id} is to ${to}, which is no node`);
    if (from === to) throw invalid(`the move ${id} is from ${from} to itself`);
    if (slots.length === 0) throw invalid(`the move ${id} has no slots`);
    let last = -1;
    for (const slot of slots) {
      if (!isBetween(slot, 0, SLOT_COUNT - 1)) throw invalid(`the move ${id} has ${slot}, which is no slot`);
      if (slot <= last) throw invalid(`slots of the move ${id} are not in ascending order`);
      if (taken[slot] === 1) throw invalid(`slot ${slot} is in two moves`);
      if (owners[slot] !== source) throw invalid(`slot ${slot} of the move ${id} is not its source's`);
      taken[slot] = 1;
      last = slot;
    }
    return { id, from, to, slots: [...slots] };
  });
}

function checkText(what: string, text: string): void {
  if (typeof text !== 'string') throw invalid(`${what} is no text`);
  if (UNFIT.test(text)) throw invalid(`${what} has control characters or is not well-formed: ${JSON.stringify(text)}`);
  const byteCount = Buffer.byteLength(text, 'utf8');
  if (byteCount > TEXT_BYTES_MAX) throw invalid(`${what} has ${byteCount} bytes, more than ${TEXT_BYTES_MAX}`);
}

function isBetween(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

const NODE_ID = /^[0-9a-f]{40}$/;
/** Lone surrogates are all the same in UTF-8; control characters would break the lines of texts that show a topology. */
const UNFIT = /[\p{Surrogate}\p{Cc}]/u;
