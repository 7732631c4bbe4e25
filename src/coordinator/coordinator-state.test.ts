/** The stored value: what comes back, and what is refused. */
import { describe, expect, test } from 'bun:test';
import { type CoordinatorState, decodeState, encodeState, initialState } from './coordinator-state.ts';

const CLUSTER = 'a cluster, ü';

function state(): CoordinatorState {
  const initial = initialState(CLUSTER, { concurrentMoves: 4, moveBytesPerSecond: 1024, replicas: 0, leaseMs: 2000 });
  return {
    ...initial,
    settings: {
      ...initial.settings,
      weights: new Map([
        ['10.0.0.1:7001', 3],
        ['[::1]:7002', 100],
      ]),
      drained: new Set(['a'.repeat(40)]),
      tight: true,
      restarting: new Set(['f'.repeat(40)]),
      returning: new Map([
        ['h:1', 'active'],
        ['h:2', 'drained'],
        ['h:3', 'failedOver'],
      ] as const),
    },
    nextMoveId: 9,
    cancelled: new Set([3, 8]),
    removalEpoch: 5,
    departed: [
      { id: 'b'.repeat(40), host: 'h', port: 1, epoch: 5, leaseMs: 10, witnesses: null, isGone: false },
      { id: 'c'.repeat(40), host: 'h', port: 2, epoch: 5, leaseMs: 10, witnesses: ['d'.repeat(40)], isGone: true },
    ],
  };
}

function withJson(change: (json: Record<string, unknown>) => void): Buffer {
  const bytes = Buffer.from(encodeState(state()));
  const end = 4 + bytes.readUInt32LE(0);
  const json = JSON.parse(bytes.toString('utf8', 4, end)) as Record<string, unknown>;
  change(json);
  const text = Buffer.from(JSON.stringify(json));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, text, bytes.subarray(end)]);
}

describe('the stored value', () => {
  test('comes back as it was', () => {
    const { topology, ...rest } = decodeState(encodeState(state()), CLUSTER);
    const { topology: before, ...expected } = state();
    expect(rest).toEqual(expected);
    expect(topology.epoch).toBe(before.epoch);
    expect(topology.cluster).toBe(CLUSTER);
  });

  test('is refused wherever it is cut', () => {
    const bytes = encodeState(state());
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => decodeState(bytes.subarray(0, length), CLUSTER)).toThrow();
    }
  });

  test('with replicas is of another version, which older coordinators refuse; without them it is not', () => {
    const version = (value: Uint8Array): unknown => {
      const bytes = Buffer.from(value);
      return (JSON.parse(bytes.toString('utf8', 4, 4 + bytes.readUInt32LE(0))) as { version: number }).version;
    };
    const plain = state();
    expect(version(encodeState(plain))).toBe(1);
    const settings = { ...plain.settings, replicas: 2, failedOver: new Set(['e'.repeat(40)]) };
    const replicated = { ...plain, settings };
    expect(version(encodeState(replicated))).toBe(2);
    expect(decodeState(encodeState(replicated), CLUSTER).settings).toEqual(settings);
  });

  test('of a later version, or of another cluster, says so', () => {
    const later = withJson((json) => (json['version'] = 4));
    expect(() => decodeState(later, CLUSTER)).toThrow('it is of version 4, and this coordinator reads up to 3');
    expect(() => decodeState(encodeState(state()), 'another')).toThrow('it is of the cluster "a cluster, ü"');
  });

  test.each([
    ['nextMoveId', 0],
    ['leaseMs', -1],
    ['leaseMs', undefined],
    ['tight', 'yes'],
    ['weights', [{ address: 'h:1', weight: 0 }]],
    ['drained', [7]],
    ['departed', [{}]],
    ['cancelled', ['x']],
    ['restarting', [1]],
    ['returning', [{ address: 'h:1', as: 'gone' }]],
  ])('with %p %p names the field', (name, value) => {
    const bytes = withJson((json) => (json[name] = value));
    expect(() => decodeState(bytes, CLUSTER)).toThrow(name);
  });

  test('of any damaged byte is refused or reads as some state, and nothing else', () => {
    const bytes = Buffer.from(encodeState(state()));
    for (let at = 0; at < bytes.length; at += 7) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 0x20;
      try {
        decodeState(damaged, CLUSTER);
      } catch (error) {
        expect(error).toMatchObject({ code: 'InvalidTopology' });
      }
    }
  });
});
