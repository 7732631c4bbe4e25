/** Messages of a cluster: each comes back as it was, and whatever is wrong with one is named. */
import { describe, expect, test } from 'bun:test';
import {
  decodeCoordinatorAnswer,
  decodeCoordinatorRequest,
  decodePeerAnswer,
  decodePeerRequest,
} from './message-reader.ts';
import {
  CONTROL_BYTES_MAX,
  type CoordinatorAnswer,
  type CoordinatorRequest,
  encodeMessage,
  type PeerAnswer,
  type PeerRequest,
} from './messages.ts';

const cluster = 'test';
const A = 'a'.repeat(40);
const B = '0123456789abcdef0123456789abcdef01234567';
const progress = { id: 3, state: 'copying', items: 1, bytes: 2, itemsTotal: 3, lag: 4, error: null } as const;
const node = { id: A, host: '10.0.0.1', port: 7600, peerPort: 7601, zone: 'süd', weight: 100 } as const;
const figures = { items: 5, bytes: 6, memoryBytes: 7 } as const;

const REQUESTS: readonly CoordinatorRequest[] = [
  {
    type: 'heartbeat',
    cluster,
    node,
    epoch: 0xffff_ffff,
    leaving: true,
    moves: [progress, { ...progress, id: 4, state: 'failed', error: 'no memory' }],
    handed: [1, 2],
    figures,
    replication: {
      epoch: 7,
      copies: [
        { source: B, through: 0xffff_ffff, kept: false, slots: [0, 0, 2, 16_383] },
        { source: A, through: null, kept: true, slots: [1, 1] },
      ],
      vacant: [5, 6],
      streams: [{ target: B, slots: 4, synced: 3, lag: 5, error: null }],
    },
  },
  {
    type: 'heartbeat',
    cluster,
    node,
    epoch: 1,
    leaving: false,
    moves: [],
    handed: [],
    figures,
    restarts: true,
  },
  { type: 'watch', cluster, epoch: 0, node: A, waitMs: 10_000 },
  { type: 'watch', cluster, epoch: 0, node: null, waitMs: 0 },
  { type: 'status', cluster },
  { type: 'cancel', cluster },
  { type: 'drain', cluster, node: A },
  { type: 'undrain', cluster, node: A },
  { type: 'forget', cluster, node: A },
  { type: 'weight', cluster, node: A, weight: 1 },
  { type: 'rebalance', cluster, dryRun: true },
  { type: 'limits', cluster, concurrentMoves: 0, bytesPerSecond: null },
  { type: 'limits', cluster, concurrentMoves: null, bytesPerSecond: null, replicas: 3 },
  { type: 'failover', cluster, node: A },
  { type: 'restart', cluster, node: A },
];

const PEER_REQUESTS: readonly PeerRequest[] = [
  { type: 'promise', cluster, from: A, epoch: 7, durationMs: 2000 },
  { type: 'moveStatus', cluster, to: A, move: 1 },
  { type: 'moveStatus', cluster, to: A, move: 1, isAhead: true },
  { type: 'handover', cluster, to: A, move: 2, attempt: 3, frames: 40 },
];

const ANSWERS: readonly CoordinatorAnswer[] = [
  { type: 'lease', leaseMs: 2000, epoch: 3, coordinator: 'c:7500', mayGo: false, moveBytesPerSecond: 0 },
  { type: 'lease', leaseMs: 1, epoch: 0, coordinator: '', mayGo: true, moveBytesPerSecond: 9, cancel: [1, 2] },
  {
    type: 'lease',
    leaseMs: 1,
    epoch: 0,
    coordinator: '',
    mayGo: false,
    moveBytesPerSecond: 9,
    restart: true,
  },
  { type: 'notLeader', leader: null },
  { type: 'notLeader', leader: 'c:7501' },
  { type: 'refused', text: 'because' },
  { type: 'topology', epoch: 1, topology: 'AAAA' },
  { type: 'unchanged' },
  { type: 'done' },
  { type: 'plan', transfers: [{ from: null, to: A, slots: 3 }] },
  {
    type: 'status',
    cluster,
    coordinator: 'c:7500',
    store: 'file:/x',
    trouble: null,
    epoch: 3,
    nodes: [
      {
        ...node,
        ...figures,
        state: 'joining',
        slots: 0,
        fairSlots: 1,
        epoch: 2,
        silentMs: -1,
        replicaSlots: 3,
        syncedSlots: 2,
        coveredSlots: 1,
        isRestarting: true,
        streams: [{ target: B, slots: 4, synced: 3, lag: 5, error: 'slow' }],
      },
    ],
    moves: [{ ...progress, from: A, to: B, slots: 64 }],
    departed: [{ id: B, host: 'h', port: 1, epoch: 3 }],
    returning: ['h:2'],
    unassigned: 16_384,
    plannedSlots: 0,
    concurrentMoves: 4,
    moveBytesPerSecond: 0,
    replicas: 1,
    missingCopies: 7,
  },
];

const PEER_ANSWERS: readonly PeerAnswer[] = [
  { type: 'promised', granted: true },
  { type: 'moveState', state: 'handed' },
  { type: 'refused', text: 'because' },
];

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

/** The heartbeat with `change` made to a copy. */
function heartbeat(change: (message: Record<string, unknown>, of: Record<string, unknown>) => void): Uint8Array {
  const message = JSON.parse(Buffer.from(encodeMessage(REQUESTS[0]!)).toString()) as Record<string, unknown>;
  change(message, message['node'] as Record<string, unknown>);
  return json(message);
}

/** The heartbeat with `change` made to what it says of copies. */
function replication(change: (told: Record<string, unknown>) => void): Uint8Array {
  return heartbeat((message) => change(message['replication'] as Record<string, unknown>));
}

describe('messages come back as they were', () => {
  test.each(REQUESTS.map((message) => [message.type, message] as const))('%s', (_type, message) => {
    expect(decodeCoordinatorRequest(encodeMessage(message), cluster)).toEqual(message);
  });
  test.each(PEER_REQUESTS.map((message) => [message.type, message] as const))('%s', (_type, message) => {
    expect(decodePeerRequest(encodeMessage(message), cluster)).toEqual(message);
  });
  test.each(ANSWERS.map((message) => [message.type, message] as const))('%s', (_type, message) => {
    expect(decodeCoordinatorAnswer(encodeMessage(message))).toEqual(message);
  });
  test.each(PEER_ANSWERS.map((message) => [message.type, message] as const))('%s', (_type, message) => {
    expect(decodePeerAnswer(encodeMessage(message))).toEqual(message);
  });
});

describe('refused', () => {
  test.each([
    ['nothing', new Uint8Array(0), 'a message must be JSON'],
    ['garbage', Buffer.from([0xff, 0, 0x7b, 1]), 'a message must be JSON'],
    ['a list', json([]), 'a message must be an object'],
    ['null', json(null), 'a message must be an object'],
    ['no version', json({ type: 'status', cluster }), 'protocol must be a whole number'],
    [
      'an older version',
      json({ protocol: 0, type: 'status', cluster }),
      "this side speaks version 1 of the cluster's messages, the other 0",
    ],
    ['a later version', json({ protocol: 2, type: 'status', cluster }), 'the other 2'],
    ['another cluster', json({ protocol: 1, type: 'status', cluster: 'x' }), 'this is the cluster "test", not "x"'],
    ['no cluster', json({ protocol: 1, type: 'status' }), 'cluster must be a text'],
    ['an unknown type', json({ protocol: 1, type: 'sing', cluster }), 'no message of type "sing"'],
    ['no type', json({ protocol: 1, cluster }), 'type must be a text'],
    ['a node id of 39 digits', heartbeat((_, of) => (of['id'] = 'a'.repeat(39))), 'node.id must be the 40 hex'],
    ['a node id in capitals', heartbeat((_, of) => (of['id'] = 'A'.repeat(40))), 'node.id must be the 40 hex'],
    ['no host', heartbeat((_, of) => (of['host'] = '')), 'node.host must be a host'],
    ['a host with a space', heartbeat((_, of) => (of['host'] = 'a b')), 'node.host must be a host'],
    ['a long host', heartbeat((_, of) => (of['host'] = 'h'.repeat(256))), 'node.host must be a host'],
    ['a host in two lines', heartbeat((_, of) => (of['host'] = 'a\nb')), 'node.host must be a host'],
    ['a zone in two lines', heartbeat((_, of) => (of['zone'] = 'a\nb')), 'node.zone must be a name'],
    ['half a character as zone', heartbeat((_, of) => (of['zone'] = '\ud800')), 'node.zone must be a name'],
    ['port 0', heartbeat((_, of) => (of['port'] = 0)), 'node.port must be a whole number from 1 to 65535'],
    ['weight 101', heartbeat((_, of) => (of['weight'] = 101)), 'node.weight must be a whole number from 1 to 100'],
    ['weight 1.5', heartbeat((_, of) => (of['weight'] = 1.5)), 'node.weight must be a whole number'],
    ['a negative epoch', heartbeat((message) => (message['epoch'] = -1)), 'epoch must be a whole number'],
    ['an endless epoch', heartbeat((message) => (message['epoch'] = 2 ** 32)), 'epoch must be a whole number'],
    ['leaving perhaps', heartbeat((message) => (message['leaving'] = 'yes')), 'leaving must be true or false'],
    ['moves that are none', heartbeat((message) => (message['moves'] = [{}])), 'moves[0].id must be a whole number'],
    ['handed nonsense', heartbeat((message) => (message['handed'] = ['1'])), 'handed must hold whole numbers'],
    [
      'too many moves',
      heartbeat((message) => (message['handed'] = Array.from({ length: 16_385 }, () => 1))),
      'handed must be a list of at most 16384',
    ],
    ['ranges without an end', replication((told) => (told['vacant'] = [1])), 'replication.vacant must hold ranges'],
    ['ranges that end before they begin', replication((told) => (told['vacant'] = [2, 1])), 'must hold ranges'],
    ['ranges that meet', replication((told) => (told['vacant'] = [1, 2, 2, 3])), 'must hold ranges'],
    ['ranges of no slots', replication((told) => (told['vacant'] = [1, 16_384])), 'whole numbers from 0 to 16383'],
    [
      'a position that is none',
      replication((told) => (told['copies'] = [{ source: A, through: -1 }])),
      'copies[0].through',
    ],
    [
      '4 copies',
      json({ protocol: 1, type: 'limits', cluster, replicas: 4 }),
      'replicas must be a whole number from 0 to 3',
    ],
    ['no figures', heartbeat((message) => (message['figures'] = 3)), 'figures must be an object'],
  ])('%s', (_name, bytes, text) => {
    const answer = decodeCoordinatorRequest(bytes, cluster);
    expect(answer).toMatchObject({ type: 'refused' });
    expect(answer.type === 'refused' && answer.text).toContain(text);
  });

  test('is what is longer than a message may be, unread', () => {
    const answer = decodeCoordinatorRequest(Buffer.alloc(CONTROL_BYTES_MAX + 1, '['), cluster);
    expect(answer).toEqual({ type: 'refused', text: `a message has at most ${CONTROL_BYTES_MAX} bytes` });
  });

  test('are requests that the other kind of process takes', () => {
    for (const message of PEER_REQUESTS) {
      expect(decodeCoordinatorRequest(encodeMessage(message), cluster).type).toBe('refused');
    }
    for (const message of REQUESTS) expect(decodePeerRequest(encodeMessage(message), cluster).type).toBe('refused');
  });
});

describe('an answer that is none', () => {
  test.each([
    ['garbage', Buffer.from('}')],
    ['another version', json({ protocol: 9, type: 'done' })],
    ['an unknown type', json({ protocol: 1, type: 'well' })],
    ['a lease without its time', json({ protocol: 1, type: 'lease', epoch: 1 })],
    ['a topology of epoch 0', json({ protocol: 1, type: 'topology', epoch: 0, topology: '' })],
  ])('%s throws a fault and nothing else', (_name, bytes) => {
    expect(() => decodeCoordinatorAnswer(bytes)).toThrow(expect.objectContaining({ name: 'MessageFault' }));
    expect(() => decodePeerAnswer(bytes)).toThrow(expect.objectContaining({ name: 'MessageFault' }));
  });

  test('whatever byte is changed, it is an answer or a fault', () => {
    for (const answer of ANSWERS) {
      const bytes = encodeMessage(answer);
      for (let at = 0; at < bytes.length; at += 1) {
        const damaged = Uint8Array.from(bytes);
        damaged[at]! ^= 1 << (at % 7);
        try {
          decodeCoordinatorAnswer(damaged);
        } catch (error) {
          expect(error).toMatchObject({ name: 'MessageFault' });
        }
      }
    }
  });
});
