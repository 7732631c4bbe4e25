import { describe, expect, test } from 'bun:test';
import {
  below,
  CHANGES,
  changedNodes,
  randomNodes,
  randomTopology,
  withMoves,
} from '../../test/support/slot-clusters.ts';
import { crc32c } from '../base/crc32c.ts';
import { ShoalError } from '../base/errors.ts';
import { seededRandom } from '../base/random.ts';
import { ByteWriter } from './byte-codec.ts';
import { diffTopologies } from './diff.ts';
import { decodeTopology, encodeTopology } from './encoding.ts';
import { planOwners } from './planner.ts';
import { emptyLineage, keptMark, type SlotLineage, UNSURE } from './slot-lineage.ts';
import { SLOT_COUNT } from './slots.ts';
import { nextTopology, NO_NODE, Topology } from './topology.ts';

const SMALL = { nodeCountMin: 2, nodeCountMax: 40, weightMax: 16, zoneCountMax: 4 };

/** With unowned slots, replicas, moves and nodes in all states. */
function anyTopology(random: () => number, limits = SMALL): Topology {
  const nodes = randomNodes(random, limits);
  const before = randomTopology(random, nodes, below(random, 4));
  const changed = nextTopology(before, { nodes: changedNodes(random, nodes, CHANGES[below(random, CHANGES.length)]!) });
  const { nodes: all, replicaCount } = changed;
  const replicas = new Uint16Array(SLOT_COUNT * replicaCount).fill(NO_NODE);
  for (let slot = 0, turn = 0; slot * replicaCount < replicas.length; slot += 1, turn += below(random, 40)) {
    const node = Math.floor(turn / 1000) % all.length;
    if (node !== changed.ownerIndex(slot)) replicas[slot * replicaCount] = node;
  }
  const replicated = nextTopology(changed, { replicas, ...anyLineage(random, changed, replicas) });
  return random() < 0.5 ? replicated : withMoves(replicated, planOwners(replicated));
}

/** Of half the topologies that have replicas, with marks of all kinds. */
function anyLineage(random: () => number, topology: Topology, replicas: Uint16Array): { lineage?: SlotLineage } {
  const { replicaCount, epoch } = topology;
  if (replicaCount === 0 || random() < 0.5) return {};
  const lineage = emptyLineage();
  for (let slot = 0, turn = 0; slot < SLOT_COUNT; slot += 1, turn += below(random, 40)) {
    lineage.since[slot] = Math.floor(turn / 1000) % (epoch + 2);
    lineage.before[slot] = lineage.since[slot]! >>> 1;
    const isKept = turn % 7000 < 1000 && replicas[slot * replicaCount] !== NO_NODE;
    const isUnsure = turn % 5000 < 1000 && topology.ownerIndex(slot) !== NO_NODE;
    lineage.marks[slot] = (isKept ? keptMark(0) : 0) | (isUnsure ? UNSURE : 0);
  }
  return { lineage };
}

/** With the length and the checksum that these bytes should have. */
function sealed(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(4, bytes.length);
  view.setUint32(8, crc32c(bytes, 12, bytes.length - 12, crc32c(bytes, 0, 8)));
  return bytes;
}

/** Header and whatever `write` puts behind it. */
function crafted(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter(64);
  writer.raw(Buffer.from('SHT\x01\0\0\0\0\0\0\0\0', 'latin1'));
  write(writer);
  return sealed(writer.written().slice());
}

function refusalOf(bytes: Uint8Array): string {
  try {
    decodeTopology(bytes);
  } catch (error) {
    if (error instanceof ShoalError && error.code === 'InvalidTopology') return error.message;
    throw error;
  }
  throw new Error('it was taken');
}

describe('an encoded topology', () => {
  test('comes back as it was', () => {
    const random = seededRandom(1);
    for (let round = 0; round < 100; round += 1) {
      const topology = anyTopology(random);
      const bytes = encodeTopology(topology);
      const decoded = decodeTopology(bytes);
      expect([decoded.cluster, decoded.epoch, decoded.replicaCount]).toEqual([
        topology.cluster,
        topology.epoch,
        topology.replicaCount,
      ]);
      expect(decoded.nodes).toEqual(topology.nodes);
      expect(decoded.moves).toEqual(topology.moves);
      expect(diffTopologies(topology, decoded).isEmpty).toBe(true);
      expect(decoded.lineage).toEqual(topology.lineage);
      expect(Buffer.compare(encodeTopology(decoded), bytes)).toBe(0);
    }
  });

  test('comes back from the middle of other bytes, and does not depend on them later', () => {
    const topology = anyTopology(seededRandom(2));
    const bytes = encodeTopology(topology);
    const around = Buffer.alloc(bytes.length + 20, 0xff);
    around.set(bytes, 7);
    const decoded = decodeTopology(around.subarray(7, 7 + bytes.length));
    around.fill(0);
    expect(encodeTopology(decoded)).toEqual(bytes);
  });

  test('of no nodes, and of the highest numbers and longest texts', () => {
    const empty = Topology.empty('ö'.repeat(127));
    expect(decodeTopology(encodeTopology(empty))).toEqual(empty);
    const [one, two] = randomNodes(seededRandom(3), { ...SMALL, nodeCountMax: 2 });
    const greatest = { port: 65_535, peerPort: 65_535, weight: 100, zone: 'z'.repeat(255), host: 'h'.repeat(255) };
    const topology = Topology.of({
      cluster: 'c',
      epoch: 0xffff_ffff,
      nodes: [{ ...one!, ...greatest }, two!],
      owners: new Uint16Array(SLOT_COUNT),
      replicaCount: 1,
      replicas: new Uint16Array(SLOT_COUNT).fill(1),
      moves: [{ id: 0xffff_ffff, from: one!.id, to: two!.id, slots: [0, 1, 5, 16_382, 16_383] }],
    });
    expect(decodeTopology(encodeTopology(topology))).toEqual(topology);
  });

  test('is small', () => {
    const topology = randomTopology(seededRandom(4), randomNodes(seededRandom(4), { ...SMALL, nodeCountMax: 2 }));
    expect(encodeTopology(topology).length).toBeLessThan(150);
  });

  test('is refused if it is cut short anywhere, and if anything follows it', () => {
    const bytes = encodeTopology(anyTopology(seededRandom(5), { ...SMALL, nodeCountMax: 8 }));
    for (let length = 0; length < bytes.length; length += 1) refusalOf(bytes.subarray(0, length));
    refusalOf(Buffer.concat([bytes, Buffer.of(0)]));
    // Where whoever cut it made a new header for it, too.
    for (let length = 12; length < bytes.length; length += 1) refusalOf(sealed(bytes.slice(0, length)));
    refusalOf(sealed(Buffer.concat([bytes, Buffer.of(0)])));
  });

  test('is refused if one bit is another', () => {
    const random = seededRandom(6);
    const bytes = encodeTopology(randomTopology(random, randomNodes(random, { ...SMALL, nodeCountMax: 4 }), 1));
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      bytes[bit >>> 3]! ^= 1 << (bit & 7);
      refusalOf(bytes);
      bytes[bit >>> 3]! ^= 1 << (bit & 7);
    }
    decodeTopology(bytes);
  });

  test('that somebody made up is refused or a topology, and nothing worse', () => {
    const random = seededRandom(7);
    let taken = 0;
    let refused = 0;
    for (let round = 0; round < 1500; round += 1) {
      const bytes = encodeTopology(ANY[round % ANY.length]!);
      for (let changes = 1 + below(random, 3); changes > 0; changes -= 1) {
        bytes[3 + below(random, bytes.length - 3)] = random() < 0.5 ? below(random, 256) : below(random, 4);
      }
      let decoded: Topology;
      try {
        decoded = decodeTopology(sealed(bytes));
      } catch (error) {
        if (!(error instanceof ShoalError) || error.code !== 'InvalidTopology') throw error;
        refused += 1;
        continue;
      }
      taken += 1;
      expect(diffTopologies(decoded, decodeTopology(encodeTopology(decoded))).isEmpty).toBe(true);
    }
    expect(Math.min(taken, refused)).toBeGreaterThan(50);
  });

  test('of bytes without any sense is refused', () => {
    const random = seededRandom(8);
    for (let round = 0; round < 2000; round += 1) {
      const bytes = Uint8Array.from({ length: below(random, 60) }, () => below(random, 256));
      refusalOf(bytes);
      if (bytes.length < 12) continue;
      bytes.set([0x53, 0x48, 0x54, 1]);
      refusalOf(sealed(bytes));
    }
  });
});

const ANY: readonly Topology[] = Array.from({ length: 8 }, (_, seed) =>
  anyTopology(seededRandom(seed + 100), { ...SMALL, nodeCountMax: 6 }),
);

describe('the refusal says what is wrong:', () => {
  const good = encodeTopology(ANY[0]!);
  const changed = (at: number, byte: number): Uint8Array => {
    const bytes = good.slice();
    bytes[at] = byte;
    return bytes;
  };
  const head = (writer: ByteWriter): void => {
    writer.number(1);
    writer.text('c');
    writer.number(0);
  };

  test.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(0), 'its bytes end after 0'],
    ['something else', Buffer.from('*1\r\n$4\r\nPING\r\n'), 'these bytes are none'],
    ['cut', good.subarray(0, 100), `it has 100 bytes instead of ${good.length}`],
    ['damaged', changed(40, good[40]! ^ 1), 'its bytes are damaged, the checksum is wrong'],
    ['of the future', sealed(changed(3, 3)), 'its encoding has version 3; this program knows versions 1 and 2'],
    ['without a name', crafted((writer) => [1, 0, 0, 0, 0].forEach((byte) => writer.byte(byte))), 'end too early'],
    [
      'too many nodes',
      crafted((writer) => [head(writer), writer.number(0), writer.number(1025)]),
      'the number of nodes is 1025',
    ],
    [
      'nodes that are not there',
      crafted((writer) => [head(writer), writer.number(0), writer.number(1000)]),
      'end too early',
    ],
    [
      'a number too long',
      crafted((writer) => writer.raw(new Uint8Array(6).fill(0xff))),
      'the epoch is too long a number',
    ],
    [
      'a number with a needless byte',
      crafted((writer) => writer.raw(Uint8Array.of(0x81, 0))),
      'more bytes than it needs',
    ],
    [
      'a number too large',
      crafted((writer) => writer.raw(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x7f))),
      'more than 4294967295',
    ],
    ['no UTF-8', crafted((writer) => writer.raw(Uint8Array.of(1, 2, 0xc3, 0x28))), "the cluster's name is no UTF-8"],
    [
      'too many slots',
      crafted((writer) => [head(writer), writer.number(0), writer.number(0), writer.number(16_385)]),
      'a run of slots is 16385',
    ],
    [
      'an empty run',
      crafted((writer) => [head(writer), writer.number(0), writer.number(0), writer.number(0), writer.number(0)]),
      'none of its own',
    ],
  ])('%s', (_, bytes, problem) => {
    expect(refusalOf(bytes)).toContain(problem);
  });
});
