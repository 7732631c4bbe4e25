/**
 * Reads the messages of a cluster: every field is checked for its kind and range, and the version and the cluster before all others.
 */
import { unreachable } from '../../base/assert.ts';
import { JsonFields, MessageFault } from './json-fields.ts';
import {
  type AwaitedStatus,
  CLUSTER_NAME_LENGTH_MAX,
  CLUSTER_PROTOCOL,
  CONTROL_BYTES_MAX,
  type CoordinatorAnswer,
  type CoordinatorRequest,
  type DiskTold,
  type MoveProgress,
  type NodeDescription,
  type NodeFigures,
  type PeerAnswer,
  type PeerRequest,
  type Refusal,
  refusal,
  REPLICAS_MAX,
  type ReplicationTold,
  type Status,
  type StreamTold,
  TEXT_LENGTH_MAX,
} from './messages.ts';

const HOST_LENGTH_MAX = 255;
const ZONE_LENGTH_MAX = 63;
/** What a topology takes, or narrower: nobody's heartbeat may lead to one that cannot be. */
const HOST = /^[!-~]{1,255}$/;
const ZONE = /^[^\p{Cc}\p{Surrogate}]{0,63}$/u;
const PORT_MAX = 65_535;
const WEIGHT_MAX = 100;
const EPOCH_MAX = 0xffff_ffff;
const DURATION_MS_MAX = 86_400_000;
const POSITION_MAX = 0xffff_ffff;
const SLOT_MAX = 16_383;
const MOVES_MAX = 16_384;
const COUNT_MAX: number = Number.MAX_SAFE_INTEGER;
const DATA_SET_ID = /^[0-9a-f]{32}$/;
const NODE_ID = /^[0-9a-f]{40}$/;

/** What a coordinator of `cluster` is asked; a refusal where that is no request, or another's. */
export function decodeCoordinatorRequest(bytes: Uint8Array, cluster: string): CoordinatorRequest | Refusal {
  return decodeRequest(bytes, cluster, readCoordinatorRequest);
}

/** What a node of `cluster` is asked by another. */
export function decodePeerRequest(bytes: Uint8Array, cluster: string): PeerRequest | Refusal {
  return decodeRequest(bytes, cluster, readPeerRequest);
}

/** A coordinator's answer. Throws `MessageFault`. */
export function decodeCoordinatorAnswer(bytes: Uint8Array): CoordinatorAnswer {
  return readCoordinatorAnswer(fieldsOf(bytes));
}

/** A node's answer. Throws `MessageFault`. */
export function decodePeerAnswer(bytes: Uint8Array): PeerAnswer {
  const fields = fieldsOf(bytes);
  const type = fields.choice('type', ['promised', 'moveState', 'refused']);
  if (type === 'promised') return { type, granted: fields.flag('granted') };
  if (type === 'refused') return { type, text: fields.text('text', TEXT_LENGTH_MAX) };
  return { type, state: fields.choice('state', ['importing', 'handed', 'unknown']) };
}

type RequestReader<R> = (type: string, fields: JsonFields, cluster: string) => R;

function decodeRequest<R>(bytes: Uint8Array, cluster: string, read: RequestReader<R>): R | Refusal {
  try {
    const fields = fieldsOf(bytes);
    const named = fields.text('cluster', CLUSTER_NAME_LENGTH_MAX);
    if (named !== cluster)
      return refusal(`this is the cluster ${JSON.stringify(cluster)}, not ${JSON.stringify(named)}`);
    return read(fields.text('type', TEXT_LENGTH_MAX), fields, cluster);
  } catch (error) {
    if (error instanceof MessageFault) return refusal(error.message);
    throw error;
  }
}

function fieldsOf(bytes: Uint8Array): JsonFields {
  if (bytes.length > CONTROL_BYTES_MAX) throw new MessageFault(`a message has at most ${CONTROL_BYTES_MAX} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
  } catch {
    throw new MessageFault('a message must be JSON');
  }
  const fields = new JsonFields(value);
  const version = fields.count('protocol', 0, COUNT_MAX);
  if (version !== CLUSTER_PROTOCOL) {
    throw new MessageFault(
      `this side speaks version ${CLUSTER_PROTOCOL} of the cluster's messages, the other ${version}`,
    );
  }
  return fields;
}

function readCoordinatorRequest(type: string, fields: JsonFields, cluster: string): CoordinatorRequest {
  switch (type) {
    case 'heartbeat':
      return {
        type,
        cluster,
        node: readDescription(fields.object('node')),
        epoch: fields.count('epoch', 0, EPOCH_MAX),
        leaving: fields.flag('leaving'),
        moves: fields.list('moves', MOVES_MAX, readProgress),
        handed: fields.counts('handed', MOVES_MAX, 0, COUNT_MAX),
        figures: readFigures(fields.object('figures')),
        ...(fields.has('restarts') ? { restarts: fields.flag('restarts') } : {}),
        ...(fields.has('replication') ? { replication: readReplication(fields.object('replication')) } : {}),
        ...(fields.has('disk') ? { disk: readDisk(fields.object('disk')) } : {}),
      };
    case 'watch':
      return {
        type,
        cluster,
        epoch: fields.count('epoch', 0, EPOCH_MAX),
        node: fields.has('node') ? readNodeId(fields, 'node') : null,
        waitMs: fields.count('waitMs', 0, DURATION_MS_MAX),
      };
    case 'status':
    case 'cancel':
      return { type, cluster };
    case 'drain':
    case 'undrain':
    case 'restart':
    case 'failover':
    case 'forget':
      return { type, cluster, node: readNodeId(fields, 'node') };
    case 'weight':
      return { type, cluster, node: readNodeId(fields, 'node'), weight: fields.count('weight', 1, WEIGHT_MAX) };
    case 'rebalance':
      return { type, cluster, dryRun: fields.flag('dryRun') };
    case 'limits':
      return {
        type,
        cluster,
        concurrentMoves: fields.has('concurrentMoves') ? fields.count('concurrentMoves', 0, MOVES_MAX) : null,
        bytesPerSecond: fields.has('bytesPerSecond') ? fields.count('bytesPerSecond', 0, COUNT_MAX) : null,
        ...(fields.has('replicas') ? { replicas: fields.count('replicas', 0, REPLICAS_MAX) } : {}),
      };
    default:
      throw new MessageFault(`a coordinator knows no message of type ${JSON.stringify(type.slice(0, 64))}`);
  }
}

function readPeerRequest(type: string, fields: JsonFields, cluster: string): PeerRequest {
  switch (type) {
    case 'promise':
      return {
        type,
        cluster,
        from: readNodeId(fields, 'from'),
        epoch: fields.count('epoch', 0, EPOCH_MAX),
        durationMs: fields.count('durationMs', 1, DURATION_MS_MAX),
      };
    case 'handover':
      return {
        type,
        cluster,
        to: readNodeId(fields, 'to'),
        move: fields.count('move', 0, COUNT_MAX),
        attempt: fields.count('attempt', 0, COUNT_MAX),
        frames: fields.count('frames', 0, COUNT_MAX),
      };
    case 'moveStatus':
      return {
        type,
        cluster,
        to: readNodeId(fields, 'to'),
        move: fields.count('move', 0, COUNT_MAX),
        ...(fields.has('isAhead') ? { isAhead: fields.flag('isAhead') } : {}),
      };
    default:
      throw new MessageFault(`a node knows no message of type ${JSON.stringify(type.slice(0, 64))}`);
  }
}

function readCoordinatorAnswer(fields: JsonFields): CoordinatorAnswer {
  const type = fields.choice('type', [
    'lease',
    'notLeader',
    'refused',
    'topology',
    'unchanged',
    'status',
    'plan',
    'done',
  ]);
  switch (type) {
    case 'lease':
      return {
        type,
        leaseMs: fields.count('leaseMs', 1, DURATION_MS_MAX),
        epoch: fields.count('epoch', 0, EPOCH_MAX),
        coordinator: fields.text('coordinator', TEXT_LENGTH_MAX),
        mayGo: fields.flag('mayGo'),
        moveBytesPerSecond: fields.count('moveBytesPerSecond', 0, COUNT_MAX),
        ...(fields.has('isDiskUseless') ? { isDiskUseless: fields.flag('isDiskUseless') } : {}),
        ...(fields.has('cancel') ? { cancel: fields.counts('cancel', MOVES_MAX, 0, COUNT_MAX) } : {}),
        ...(fields.has('restart') ? { restart: fields.flag('restart') } : {}),
      };
    case 'notLeader':
      return { type, leader: fields.textOrNull('leader', TEXT_LENGTH_MAX) };
    case 'refused':
      return { type, text: fields.text('text', TEXT_LENGTH_MAX) };
    case 'topology':
      return {
        type,
        epoch: fields.count('epoch', 1, EPOCH_MAX),
        topology: fields.text('topology', CONTROL_BYTES_MAX),
      };
    case 'status':
      return readStatus(fields);
    case 'plan':
      return {
        type,
        transfers: fields.list('transfers', MOVES_MAX, (transfer) => ({
          from: transfer.has('from') ? readNodeId(transfer, 'from') : null,
          to: readNodeId(transfer, 'to'),
          slots: transfer.count('slots', 0, MOVES_MAX),
        })),
      };
    case 'unchanged':
    case 'done':
      return { type };
    default:
      return unreachable(type);
  }
}

function readStatus(fields: JsonFields): Status {
  return {
    type: 'status',
    cluster: fields.text('cluster', CLUSTER_NAME_LENGTH_MAX),
    coordinator: fields.text('coordinator', TEXT_LENGTH_MAX),
    store: fields.text('store', TEXT_LENGTH_MAX),
    trouble: fields.textOrNull('trouble', TEXT_LENGTH_MAX),
    epoch: fields.count('epoch', 0, EPOCH_MAX),
    nodes: fields.list('nodes', MOVES_MAX, (node) => ({
      ...readDescription(node),
      ...readFigures(node),
      state: node.choice('state', ['joining', 'active', 'draining']),
      slots: node.count('slots', 0, MOVES_MAX),
      fairSlots: node.count('fairSlots', 0, MOVES_MAX),
      epoch: node.count('epoch', 0, EPOCH_MAX),
      silentMs: node.count('silentMs', -1, COUNT_MAX),
      // A coordinator of an earlier version knows of no replicas, or of no restarts.
      replicaSlots: node.has('replicaSlots') ? node.count('replicaSlots', 0, COUNT_MAX) : 0,
      syncedSlots: node.has('syncedSlots') ? node.count('syncedSlots', 0, COUNT_MAX) : 0,
      coveredSlots: node.has('coveredSlots') ? node.count('coveredSlots', 0, MOVES_MAX) : 0,
      isRestarting: node.has('isRestarting') && node.flag('isRestarting'),
      streams: node.has('streams') ? node.list('streams', MOVES_MAX, readStream) : [],
    })),
    moves: fields.list('moves', MOVES_MAX, (move) => ({
      ...readProgress(move),
      from: readNodeId(move, 'from'),
      to: readNodeId(move, 'to'),
      slots: move.count('slots', 0, MOVES_MAX),
    })),
    departed: fields.list('departed', MOVES_MAX, (node) => ({
      id: readNodeId(node, 'id'),
      host: readHost(node),
      port: node.count('port', 1, PORT_MAX),
      epoch: node.count('epoch', 0, EPOCH_MAX),
    })),
    returning: fields.has('returning') ? fields.texts('returning', MOVES_MAX, TEXT_LENGTH_MAX) : [],
    ...(fields.has('awaited') ? { awaited: fields.list('awaited', MOVES_MAX, readAwaited) } : {}),
    unassigned: fields.count('unassigned', 0, MOVES_MAX),
    plannedSlots: fields.count('plannedSlots', 0, MOVES_MAX),
    concurrentMoves: fields.count('concurrentMoves', 0, MOVES_MAX),
    moveBytesPerSecond: fields.count('moveBytesPerSecond', 0, COUNT_MAX),
    replicas: fields.has('replicas') ? fields.count('replicas', 0, REPLICAS_MAX) : 0,
    missingCopies: fields.has('missingCopies') ? fields.count('missingCopies', 0, COUNT_MAX) : 0,
  };
}

function readReplication(fields: JsonFields): ReplicationTold {
  return {
    epoch: fields.count('epoch', 0, EPOCH_MAX),
    copies: fields.list('copies', MOVES_MAX, (copy) => ({
      source: readNodeId(copy, 'source'),
      through: copy.has('through') ? copy.count('through', 0, POSITION_MAX) : null,
      kept: copy.flag('kept'),
      slots: copy.ranges('slots', SLOT_MAX),
    })),
    vacant: fields.ranges('vacant', SLOT_MAX),
    streams: fields.list('streams', MOVES_MAX, readStream),
  };
}

function readAwaited(fields: JsonFields): AwaitedStatus {
  return {
    id: readNodeId(fields, 'id'),
    host: readHost(fields),
    port: fields.count('port', 1, PORT_MAX),
    slots: fields.count('slots', 0, MOVES_MAX),
    leftMs: fields.count('leftMs', 0, COUNT_MAX),
  };
}

function readDisk(fields: JsonFields): DiskTold {
  return {
    dataSet: fields.matching('dataSet', DATA_SET_ID, 'the 32 hexadecimal digits of a data set'),
    epoch: fields.count('epoch', 0, EPOCH_MAX),
    copies: fields.list('copies', MOVES_MAX, (copy) => ({
      time: copy.count('time', 1, EPOCH_MAX),
      isTaken: copy.flag('isTaken'),
      slots: copy.ranges('slots', SLOT_MAX),
    })),
  };
}

function readStream(fields: JsonFields): StreamTold {
  return {
    target: readNodeId(fields, 'target'),
    slots: fields.count('slots', 0, MOVES_MAX),
    synced: fields.count('synced', 0, MOVES_MAX),
    lag: fields.count('lag', 0, COUNT_MAX),
    error: fields.textOrNull('error', TEXT_LENGTH_MAX),
  };
}

function readDescription(fields: JsonFields): NodeDescription {
  return {
    id: readNodeId(fields, 'id'),
    host: readHost(fields),
    port: fields.count('port', 1, PORT_MAX),
    peerPort: fields.count('peerPort', 1, PORT_MAX),
    zone: fields.matching('zone', ZONE, `a name of at most ${ZONE_LENGTH_MAX} characters`),
    weight: fields.count('weight', 1, WEIGHT_MAX),
  };
}

function readHost(fields: JsonFields): string {
  return fields.matching('host', HOST, `a host of 1 to ${HOST_LENGTH_MAX} characters`);
}

function readFigures(fields: JsonFields): NodeFigures {
  return {
    items: fields.count('items', 0, COUNT_MAX),
    bytes: fields.count('bytes', 0, COUNT_MAX),
    memoryBytes: fields.count('memoryBytes', 0, COUNT_MAX),
  };
}

function readProgress(fields: JsonFields): MoveProgress {
  return {
    id: fields.count('id', 0, COUNT_MAX),
    state: fields.choice('state', ['copying', 'handed', 'failed']),
    items: fields.count('items', 0, COUNT_MAX),
    bytes: fields.count('bytes', 0, COUNT_MAX),
    itemsTotal: fields.count('itemsTotal', 0, COUNT_MAX),
    lag: fields.count('lag', 0, COUNT_MAX),
    error: fields.textOrNull('error', TEXT_LENGTH_MAX),
    ...(fields.has('isHanding') ? { isHanding: fields.flag('isHanding') } : {}),
  };
}

function readNodeId(fields: JsonFields, name: string): string {
  return fields.matching(name, NODE_ID, 'the 40 hexadecimal digits of a node');
}
