/**
 * What a coordinator keeps in its state store: the topology, and what it needs to make the next one. One value, replaced as a whole.
 *
 *     u32 length of the JSON │ JSON: version, settings │ the topology (src/topology/encoding.ts)
 */
import { ShoalError } from '../base/errors.ts';
import { JsonFields, MessageFault } from '../protocol/cluster/json-fields.ts';
import { decodeTopology, encodeTopology } from '../topology/encoding.ts';
import { Topology } from '../topology/topology.ts';

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
}

export interface CoordinatorState {
  readonly topology: Topology;
  readonly settings: ClusterSettings;
  /** No move had this id yet. */
  readonly nextMoveId: number;
}

const STATE_VERSION = 1;
const LENGTH_BYTES = 4;
const NODES_MAX = 16_384;
const ADDRESS_LENGTH_MAX = 300;

export function initialState(
  cluster: string,
  settings: Pick<ClusterSettings, 'concurrentMoves' | 'moveBytesPerSecond'>,
): CoordinatorState {
  return {
    topology: Topology.empty(cluster),
    settings: { ...settings, weights: new Map(), drained: new Set(), tight: false },
    nextMoveId: 1,
  };
}

export function encodeState({ topology, settings, nextMoveId }: CoordinatorState): Uint8Array {
  const { concurrentMoves, moveBytesPerSecond, weights, drained, tight } = settings;
  const json = Buffer.from(
    JSON.stringify({
      version: STATE_VERSION,
      nextMoveId,
      concurrentMoves,
      moveBytesPerSecond,
      tight,
      weights: [...weights].map(([address, weight]) => ({ address, weight })),
      drained: [...drained].map((id) => ({ id })),
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
  let fields: JsonFields;
  let version: number;
  try {
    fields = new JsonFields(JSON.parse(bytes.toString('utf8', LENGTH_BYTES, jsonEnd)));
    version = fields.count('version', 1, Number.MAX_SAFE_INTEGER);
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error));
  }
  if (version > STATE_VERSION)
    throw invalid(`it is of version ${version}, and this coordinator reads up to ${STATE_VERSION}`);
  const topology = decodeTopology(bytes.subarray(jsonEnd));
  if (topology.cluster !== cluster) {
    throw invalid(
      `it is of the cluster ${JSON.stringify(topology.cluster)}, and this coordinator's is ${JSON.stringify(cluster)}`,
    );
  }
  try {
    return {
      topology,
      nextMoveId: fields.count('nextMoveId', 1, Number.MAX_SAFE_INTEGER),
      settings: {
        concurrentMoves: fields.count('concurrentMoves', 0, NODES_MAX),
        moveBytesPerSecond: fields.count('moveBytesPerSecond', 0, Number.MAX_SAFE_INTEGER),
        tight: fields.flag('tight'),
        weights: new Map(
          fields.list(
            'weights',
            NODES_MAX,
            (entry) => [entry.text('address', ADDRESS_LENGTH_MAX), entry.count('weight', 1, 100)] as const,
          ),
        ),
        drained: new Set(fields.list('drained', NODES_MAX, (entry) => entry.text('id', 40))),
      },
    };
  } catch (error) {
    if (error instanceof MessageFault) throw invalid(error.message);
    throw error;
  }
}

function invalid(problem: string): ShoalError {
  return new ShoalError('InvalidTopology', `the coordinator's state cannot be used: ${problem}`);
}
