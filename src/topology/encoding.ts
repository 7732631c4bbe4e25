/**
 * A topology as bytes, as it is stored and sent: compact, and never taken for what it is not.
 *
 *      0  "SHT"
 *      3  version, 1, or 2 where a lineage is told
 *      4  length of all, u32, big-endian like all whole words here
 *      8  CRC32C of all other bytes, u32
 *     12  epoch, name of the cluster, replicaCount
 *         zones: their number, then their texts
 *         nodes in order of their ids: their number, then for each one
 *             id (20 bytes), host, port (u16), peer port (u16), place of its zone in the list, weight, state (0 joining, 1 active, 2 draining)
 *         owners: runs of slots, until all are told: number of slots, then 0 for nobody or index + 1
 *         replicas: first those with n = 0, then those with n = 1, …, each in runs like the owners
 *         version 2: the lineage's marks, since, before, each in runs of slots: number of slots, then the number that they all have
 *         moves: their number, then for each one
 *             id, indexes of source and target, number of runs, then for each run: slots since the last one's end, number of slots
 *
 * Numbers without a width and texts are those of byte-codec.ts. The first 12 bytes stay as they are in later versions, so a damaged topology and one of
 * a newer version are told apart. Equal topologies have equal encodings.
 */
import { crc32c } from '../base/crc32c.ts';
import { ByteReader, ByteWriter } from './byte-codec.ts';
import { NODE_COUNT_MAX, WEIGHT_MAX } from './ring.ts';
import { slotRanges } from './slot-ranges.ts';
import { SLOT_COUNT } from './slots.ts';
import { emptyLineage, MARKS_MAX, type SlotLineage } from './slot-lineage.ts';
import { type ClusterNode, EPOCH_MAX, NO_NODE, REPLICA_COUNT_MAX, type SlotMove, Topology } from './topology.ts';
import { invalid, NODE_STATES } from './topology-checks.ts';

const MAGIC: readonly number[] = [0x53, 0x48, 0x54];
const VERSION = 1;
/** With a lineage, which only clusters with replicas have: others are read by older programs too. */
const VERSION_LINEAGE = 2;
const VERSION_OFFSET = 3;
const LENGTH_OFFSET = 4;
const CHECKSUM_OFFSET = 8;
const BODY_OFFSET = 12;
const ID_BYTES = 20;
/** What a cluster of some nodes takes. */
const ROOM_BYTES = 1024;

export function encodeTopology(topology: Topology): Uint8Array {
  const writer = new ByteWriter(ROOM_BYTES);
  writer.raw(new Uint8Array(BODY_OFFSET));
  writer.number(topology.epoch);
  writer.text(topology.cluster);
  writer.number(topology.replicaCount);
  writeNodes(writer, topology.nodes);
  writeIndexes(writer, (slot) => topology.ownerIndex(slot));
  for (let n = 0; n < topology.replicaCount; n += 1) writeIndexes(writer, (slot) => topology.replicaIndex(slot, n));
  const { lineage } = topology;
  if (lineage !== null) {
    writeNumbers(writer, lineage.marks);
    writeNumbers(writer, lineage.since);
    writeNumbers(writer, lineage.before);
  }
  writeMoves(writer, topology);

  const bytes = writer.written().slice();
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  bytes[VERSION_OFFSET] = lineage === null ? VERSION : VERSION_LINEAGE;
  view.setUint32(LENGTH_OFFSET, bytes.length);
  view.setUint32(CHECKSUM_OFFSET, checksumOf(bytes));
  return bytes;
}

/** Copies what it keeps of `bytes`. Throws `InvalidTopology` where one bit is not as it was encoded. */
export function decodeTopology(bytes: Uint8Array): Topology {
  checkHeader(bytes);
  const reader = new ByteReader(bytes, BODY_OFFSET);
  const epoch = reader.number('the epoch', EPOCH_MAX);
  const cluster = reader.text("the cluster's name");
  const replicaCount = reader.number('the number of replicas', REPLICA_COUNT_MAX);
  const nodes = readNodes(reader);
  const owners = new Uint16Array(SLOT_COUNT);
  readIndexes(reader, nodes.length, owners, { first: 0, step: 1 });
  const replicas = new Uint16Array(SLOT_COUNT * replicaCount);
  for (let n = 0; n < replicaCount; n += 1) {
    readIndexes(reader, nodes.length, replicas, { first: n, step: replicaCount });
  }
  const lineage = bytes[VERSION_OFFSET] === VERSION_LINEAGE ? readLineage(reader) : null;
  const moves = readMoves(reader, nodes);
  if (!reader.isAtEnd) throw invalid('there are bytes behind its end');
  const topology = Topology.made({ cluster, epoch, nodes, owners, replicaCount, replicas, lineage, moves });
  if (lineage !== null && topology.lineage === null) throw invalid('its lineage says nothing');
  return topology;
}

function checkHeader(bytes: Uint8Array): void {
  if (bytes.length < BODY_OFFSET) throw invalid(`its bytes end after ${bytes.length}`);
  if (!MAGIC.every((byte, at) => bytes[at] === byte)) throw invalid('these bytes are none');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(LENGTH_OFFSET);
  if (length !== bytes.length) throw invalid(`it has ${bytes.length} bytes instead of ${length}`);
  if (view.getUint32(CHECKSUM_OFFSET) !== checksumOf(bytes))
    throw invalid('its bytes are damaged, the checksum is wrong');
  const version = bytes[VERSION_OFFSET]!;
  if (version !== VERSION && version !== VERSION_LINEAGE) {
    throw invalid(`its encoding has version ${version}; this program knows versions ${VERSION} and ${VERSION_LINEAGE}`);
  }
}

function checksumOf(bytes: Uint8Array): number {
  return crc32c(bytes, BODY_OFFSET, bytes.length - BODY_OFFSET, crc32c(bytes, 0, CHECKSUM_OFFSET));
}

function writeNodes(writer: ByteWriter, nodes: readonly ClusterNode[]): void {
  const zones = new Map<string, number>();
  for (const { zone } of nodes) if (!zones.has(zone)) zones.set(zone, zones.size);
  writer.number(zones.size);
  for (const zone of zones.keys()) writer.text(zone);
  writer.number(nodes.length);
  for (const { id, host, port, peerPort, zone, weight, state } of nodes) {
    writer.raw(Buffer.from(id, 'hex'));
    writer.text(host);
    writePort(writer, port);
    writePort(writer, peerPort);
    writer.number(zones.get(zone)!);
    writer.number(weight);
    writer.number(NODE_STATES.indexOf(state));
  }
}

function readNodes(reader: ByteReader): readonly ClusterNode[] {
  const zoneCount = reader.number('the number of zones', NODE_COUNT_MAX);
  const zones: string[] = [];
  while (zones.length < zoneCount) zones.push(reader.text('a zone'));
  const nodeCount = reader.number('the number of nodes', NODE_COUNT_MAX);
  const nodes: ClusterNode[] = [];
  let idBefore = '';
  while (nodes.length < nodeCount) {
    const id = Buffer.from(reader.raw(ID_BYTES)).toString('hex');
    if (id <= idBefore) throw invalid(`the node ${id} stands behind ${idBefore}`);
    const host = reader.text(`the host of ${id}`);
    const port = readPort(reader);
    const peerPort = readPort(reader);
    const zone = zones[reader.number(`the zone of ${id}`, zoneCount - 1)]!;
    const weight = reader.number(`the weight of ${id}`, WEIGHT_MAX);
    const state = NODE_STATES[reader.number(`the state of ${id}`, NODE_STATES.length - 1)]!;
    nodes.push({ id, host, port, peerPort, zone, weight, state });
    idBefore = id;
  }
  return nodes;
}

function writePort(writer: ByteWriter, port: number): void {
  writer.byte(port >>> 8);
  writer.byte(port & 0xff);
}

function readPort(reader: ByteReader): number {
  const high = reader.byte();
  return (high << 8) | reader.byte();
}

function writeIndexes(writer: ByteWriter, indexOf: (slot: number) => number): void {
  for (let slot = 0; slot < SLOT_COUNT; ) {
    const index = indexOf(slot);
    let end = slot + 1;
    while (end < SLOT_COUNT && indexOf(end) === index) end += 1;
    writer.number(end - slot);
    writer.number(index === NO_NODE ? 0 : index + 1);
    slot = end;
  }
}

/** The index of a slot goes to `first + slot * step` of `indexes`. */
function readIndexes(
  reader: ByteReader,
  nodeCount: number,
  indexes: Uint16Array,
  { first, step }: { readonly first: number; readonly step: number },
): void {
  let before = -1;
  for (let slot = 0; slot < SLOT_COUNT; ) {
    const length = reader.number('a run of slots', SLOT_COUNT - slot);
    const told = reader.number("a run's node", nodeCount);
    if (length === 0 || told === before) throw invalid('a run of slots is none of its own');
    const index = told === 0 ? NO_NODE : told - 1;
    for (const end = slot + length; slot < end; slot += 1) indexes[first + slot * step] = index;
    before = told;
  }
}

function writeNumbers(writer: ByteWriter, numbers: Uint32Array | Uint8Array): void {
  for (let slot = 0; slot < SLOT_COUNT; ) {
    const number = numbers[slot]!;
    let end = slot + 1;
    while (end < SLOT_COUNT && numbers[end] === number) end += 1;
    writer.number(end - slot);
    writer.number(number);
    slot = end;
  }
}

function readLineage(reader: ByteReader): SlotLineage {
  const lineage = emptyLineage();
  readNumbers(reader, MARKS_MAX, lineage.marks);
  readNumbers(reader, EPOCH_MAX, lineage.since);
  readNumbers(reader, EPOCH_MAX, lineage.before);
  return lineage;
}

function readNumbers(reader: ByteReader, max: number, numbers: Uint32Array | Uint8Array): void {
  let before = -1;
  for (let slot = 0; slot < SLOT_COUNT; ) {
    const length = reader.number('a run of slots', SLOT_COUNT - slot);
    const number = reader.number("a run's lineage", max);
    if (length === 0 || number === before) throw invalid('a run of slots is none of its own');
    numbers.fill(number, slot, slot + length);
    slot += length;
    before = number;
  }
}

function writeMoves(writer: ByteWriter, topology: Topology): void {
  writer.number(topology.moves.length);
  for (const { id, from, to, slots } of topology.moves) {
    const ranges = slotRanges(slots);
    writer.number(id);
    writer.number(topology.indexOf(from));
    writer.number(topology.indexOf(to));
    writer.number(ranges.length);
    let end = 0;
    for (const [first, last] of ranges) {
      writer.number(first - end);
      writer.number(last + 1 - first);
      end = last + 1;
    }
  }
}

function readMoves(reader: ByteReader, nodes: readonly ClusterNode[]): readonly SlotMove[] {
  const moveCount = reader.number('the number of moves', SLOT_COUNT);
  const moves: SlotMove[] = [];
  // A slot is in one move at most, which bounds what a few bytes can ask for.
  let slotsLeft = SLOT_COUNT;
  while (moves.length < moveCount) {
    const id = reader.number("a move's id", EPOCH_MAX);
    const from = nodes[reader.number("a move's source", nodes.length - 1)]!.id;
    const to = nodes[reader.number("a move's target", nodes.length - 1)]!.id;
    const slots: number[] = [];
    let slot = 0;
    for (let runs = reader.number("a move's runs", SLOT_COUNT); runs > 0; runs -= 1) {
      const gap = reader.number('the slots between two runs', SLOT_COUNT - slot);
      const length = reader.number('a run of slots', Math.min(SLOT_COUNT - slot - gap, slotsLeft));
      if (length === 0 || (gap === 0 && slots.length > 0)) throw invalid('a run of slots is none of its own');
      slot += gap;
      for (const end = slot + length; slot < end; slot += 1) slots.push(slot);
      slotsLeft -= length;
    }
    moves.push({ id, from, to, slots });
  }
  return moves;
}
