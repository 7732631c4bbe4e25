/**
 * What a coordinator keeps in its state store: the topology, and what it needs to make the next one. One value, replaced as a whole.
 *
 *     u32 length of the JSON │ JSON: version, settings, … │ the topology (src/topology/encoding.ts)
 */
import { ShoalError } from '../base/errors.ts';
import { JsonFields, MessageFault } from '../protocol/cluster/json-fields.ts';
import { REPLICAS_MAX } from '../protocol/cluster/messages.ts';
import { decodeTopology, encodeTopology } from '../topology/encoding.ts';
import { Topology } from '../topology/topology.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import type { AwaitedNode } from './awaited.ts';
import type { DepartedNode } from './departed.ts';

/** How fast slots may move, and what an operator said of nodes. */
export interface ClusterSettings {
  /** Moves at once; 0: none is begun. */
  readonly concurrentMoves: number;
  /** Bytes a second that each source may send; 0: as many as it can. */
  readonly moveBytesPerSecond: number;
  /** Weights by `host:port`, over what the node says; a node that starts anew there keeps it. */
  readonly weights: ReadonlyMap<string, number>;
  /** Ids of nodes that an operator wants to give their slots away. */
  readonly drained: ReadonlySet<string>;
  /** Slots are to be placed to the slot, once; see `planOwners`. */
  readonly tight: boolean;
  /** Copies of each slot besides its owner's, 0 to REPLICAS_MAX. */
  readonly replicas: number;
  /** Ids of nodes whose slots go to their replicas, and which stay and copy. */
  readonly failedOver: ReadonlySet<string>;
  /** Ids of nodes that are to give everything away, end, and start again. */
  readonly restarting: ReadonlySet<string>;
  /** By `host:port` of nodes that went to start again: what is to become of whoever comes there. */
  readonly returning: ReadonlyMap<string, Return>;
}

/** Whether a node that has started again gets slots, or an operator has said of it that it does not. */
export type Return = 'active' | 'drained' | 'failedOver';

/** What a new cluster begins with. */
export type NewClusterSettings = Pick<ClusterSettings, 'concurrentMoves' | 'moveBytesPerSecond' | 'replicas'>;

export interface CoordinatorState {
  readonly topology: Topology;
  readonly settings: ClusterSettings;
  /** No move had this id yet. */
  readonly nextMoveId: number;
  /** Running moves that their sources are to give up. */
  readonly cancelled: ReadonlySet<number>;
  /** No node relies on a longer lease. */
  readonly leaseMs: number;
  /** Epoch in which a node was removed last; 0: none was. */
  readonly removalEpoch: number;
  readonly departed: readonly DepartedNode[];
  /** By the id of each node that keeps its data, that of its data set. */
  readonly keepers: ReadonlyMap<string, string>;
  /** Nodes that are gone, and may come back with their data. */
  readonly awaited: readonly AwaitedNode[];
}

/** 2: with replicas. 3: with nodes that keep their data. Without them a lower one is written, which older coordinators read. */
const STATE_VERSION = 3;
const REPLICAS_VERSION = 2;
const LENGTH_BYTES = 4;
const NODES_MAX = 16_384;
const MOVES_MAX = 16_384;
const NUMBER_MAX: number = Number.MAX_SAFE_INTEGER;
const ADDRESS_LENGTH_MAX = 300;
const ID_LENGTH = 40;
/** Weights that are kept, and what is kept for nodes that start again; of more, those that were given first go. */
export const WEIGHTS_MAX = 2048;

export function initialState(
  cluster: string,
  { leaseMs, ...settings }: NewClusterSettings & { readonly leaseMs: number },
): CoordinatorState {
  const { concurrentMoves, moveBytesPerSecond, replicas } = settings;
  const said = { weights: new Map(), drained: new Set<string>(), tight: false, failedOver: new Set<string>() };
  const restarts = { restarting: new Set<string>(), returning: new Map<string, Return>() };
  return {
    topology: Topology.empty(cluster),
    settings: { concurrentMoves, moveBytesPerSecond, replicas, ...said, ...restarts },
    nextMoveId: 1,
    cancelled: new Set(),
    leaseMs,
    removalEpoch: 0,
    departed: [],
    keepers: new Map(),
    awaited: [],
  };
}

export function encodeState(state: CoordinatorState): Uint8Array {
  const { topology, settings, nextMoveId, cancelled, leaseMs, removalEpoch, departed, keepers, awaited } = state;
  const { concurrentMoves, moveBytesPerSecond, weights, drained, tight, replicas, failedOver } = settings;
  const { restarting, returning } = settings;
  const hasDisks = keepers.size + awaited.length > 0;
  const hasReplicas = hasDisks || replicas > 0 || failedOver.size > 0 || topology.lineage !== null;
  const json = Buffer.from(
    JSON.stringify({
      version: hasDisks ? STATE_VERSION : hasReplicas ? REPLICAS_VERSION : 1,
      nextMoveId,
      concurrentMoves,
      moveBytesPerSecond,
      tight,
      weights: [...weights].map(([address, weight]) => ({ address, weight })),
      drained: [...drained],
      cancelled: [...cancelled],
      leaseMs,
      removalEpoch,
      departed,
      ...(restarting.size > 0 ? { restarting: [...restarting] } : {}),
      ...(returning.size > 0 ? { returning: [...returning].map(([address, as]) => ({ address, as })) } : {}),
      ...(hasReplicas ? { replicas, failedOver: [...failedOver] } : {}),
      ...(hasDisks ? { keepers: [...keepers].map(([id, dataSet]) => ({ id, dataSet })), awaited } : {}),
    }),
    'utf8',
  );
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(json.length);
  return Buffer.concat([length, json, encodeTopology(topology)]);
}

/** Throws `InvalidTopology` where the value is not one of this cluster and version. */
export function decodeState(value: Uint8Array, cluster: string): CoordinatorState {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  if (bytes.length < LENGTH_BYTES) throw invalid('it is too short');
  const jsonEnd = LENGTH_BYTES + bytes.readUInt32LE(0);
  if (jsonEnd > bytes.length) throw invalid('it is too short');
  const fields = fieldsOf(bytes.toString('utf8', LENGTH_BYTES, jsonEnd));
  const topology = decodeTopology(bytes.subarray(jsonEnd));
  if (topology.cluster !== cluster) {
    throw invalid(
      `it is of the cluster ${JSON.stringify(topology.cluster)}, and this coordinator's is ${JSON.stringify(cluster)}`,
    );
  }
  try {
    return {
      topology,
      nextMoveId: fields.count('nextMoveId', 1, NUMBER_MAX),
      settings: readSettings(fields),
      cancelled: new Set(fields.counts('cancelled', MOVES_MAX, 0, NUMBER_MAX)),
      leaseMs: fields.count('leaseMs', 1, NUMBER_MAX),
      removalEpoch: fields.count('removalEpoch', 0, NUMBER_MAX),
      departed: fields.list('departed', NODES_MAX, readDeparted),
      keepers: new Map(fields.has('keepers') ? fields.list('keepers', NODES_MAX, readKeeper) : []),
      awaited: fields.has('awaited') ? fields.list('awaited', NODES_MAX, readAwaited) : [],
    };
  } catch (error) {
    throw asInvalid(error);
  }
}

/** Throws `InvalidTopology` where it is no JSON, or of a later version. */
function fieldsOf(json: string): JsonFields {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw invalid('it is damaged');
  }
  try {
    const fields = new JsonFields(parsed);
    const version = fields.count('version', 1, NUMBER_MAX);
    if (version <= STATE_VERSION) return fields;
    throw invalid(`it is of version ${version}, and this coordinator reads up to ${STATE_VERSION}`);
  } catch (error) {
    throw asInvalid(error);
  }
}

function readSettings(fields: JsonFields): ClusterSettings {
  const weights = fields.list(
    'weights',
    NODES_MAX,
    (entry) => [entry.text('address', ADDRESS_LENGTH_MAX), entry.count('weight', 1, 100)] as const,
  );
  return {
    concurrentMoves: fields.count('concurrentMoves', 0, MOVES_MAX),
    moveBytesPerSecond: fields.count('moveBytesPerSecond', 0, NUMBER_MAX),
    tight: fields.flag('tight'),
    weights: new Map(weights),
    drained: new Set(fields.texts('drained', NODES_MAX, ID_LENGTH)),
    replicas: fields.has('replicas') ? fields.count('replicas', 0, REPLICAS_MAX) : 0,
    restarting: new Set(fields.has('restarting') ? fields.texts('restarting', NODES_MAX, ID_LENGTH) : []),
    returning: new Map(fields.has('returning') ? fields.list('returning', NODES_MAX, readReturning) : []),
    failedOver: new Set(fields.has('failedOver') ? fields.texts('failedOver', NODES_MAX, ID_LENGTH) : []),
  };
}

function readReturning(fields: JsonFields): readonly [string, Return] {
  return [fields.text('address', ADDRESS_LENGTH_MAX), fields.choice('as', ['active', 'drained', 'failedOver'])];
}

function readDeparted(fields: JsonFields): DepartedNode {
  return {
    id: fields.text('id', ID_LENGTH),
    host: fields.text('host', ADDRESS_LENGTH_MAX),
    port: fields.count('port', 1, 65_535),
    epoch: fields.count('epoch', 1, NUMBER_MAX),
    leaseMs: fields.count('leaseMs', 1, NUMBER_MAX),
    witnesses: fields.has('witnesses') ? fields.texts('witnesses', NODES_MAX, ID_LENGTH) : null,
    isGone: fields.flag('isGone'),
  };
}

function readKeeper(fields: JsonFields): readonly [string, string] {
  return [fields.text('id', ID_LENGTH), fields.text('dataSet', ID_LENGTH)];
}

function readAwaited(fields: JsonFields): AwaitedNode {
  return {
    id: fields.text('id', ID_LENGTH),
    host: fields.text('host', ADDRESS_LENGTH_MAX),
    port: fields.count('port', 1, 65_535),
    dataSet: fields.text('dataSet', ID_LENGTH),
    epoch: fields.count('epoch', 0, NUMBER_MAX),
    owned: fields.list('owned', SLOT_COUNT, (part) => ({
      time: part.count('time', 1, NUMBER_MAX),
      slots: part.ranges('slots', SLOT_COUNT - 1),
    })),
    handed: fields.ranges('handed', SLOT_COUNT - 1),
  };
}

function asInvalid(error: unknown): unknown {
  return error instanceof MessageFault ? invalid(error.message) : error;
}

function invalid(problem: string): ShoalError {
  return new ShoalError('InvalidTopology', `the coordinator's state cannot be used: ${problem}`);
}
