/**
 * Properties of the Shoal decoder and its checks over seeded input: what is encoded comes out, what is cut short never does, and no
 * input at all does harm.
 */
import { expect, test } from 'bun:test';
import { PROTOCOL_ERROR, ShoalDecoder } from '../../src/protocol/shoal/decoder.ts';
import { Flag, Opcode, Status } from '../../src/protocol/shoal/frame.ts';
import { Operation } from '../../src/protocol/shoal/operation.ts';
import { frameFault } from '../../src/protocol/shoal/validation.ts';
import { encodeFrame, type OpcodeName } from '../support/shoal-frames.ts';
import { randomCuts } from './mutations.ts';
import { Random } from './random.ts';
import { feedShoal } from './shoal-feed.ts';
import { shoalInput, validRequest } from './shoal-mutations.ts';

const LIMITS = { bulkBytesMax: 2 ** 26 };
const FUZZ_COUNT = 50_000;

test('requests come out as they were encoded, however they are cut', () => {
  const random = new Random(1);
  for (let round = 0; round < 1000; round += 1) {
    const requests = Array.from({ length: 1 + random.below(5) }, () => ({
      opcode: random.pick(Object.keys(Opcode) as OpcodeName[]),
      requestId: random.next(),
      epoch: random.next(),
      key: random.bytes(random.below(random.below(50) === 0 ? 65_536 : 20)),
      value: random.bytes(random.below(random.below(10) === 0 ? 5000 : 20)),
      ttlMs: BigInt(random.next()) * BigInt(random.below(2 ** 21)),
      ack: { replicas: random.next(), waitMs: random.next() },
    }));
    const input = Buffer.concat(requests.map(encodeFrame));
    const frames = requests.map(({ opcode, requestId, epoch, key, value, ttlMs, ack }) => {
      const header = [1, Opcode[opcode], Flag.ttl | Flag.ack, requestId, epoch, 16];
      const words = ['', key.toString('hex'), value.toString('hex')];
      return [...header, ttlMs, '', ack.waitMs, ack.replicas, ...words].join(' ');
    });
    const transcript = feedShoal(input, randomCuts(random, input.length), LIMITS);
    expect(transcript.frames).toEqual(frames);
    expect(transcript.then).toBe('end');
  }
});

test('a request cut at any byte is no request', () => {
  const random = new Random(2);
  for (let round = 0; round < 300; round += 1) {
    const input = validRequest(random);
    const step = input.length > 500 ? 37 : 1;
    for (let length = 1; length < input.length; length += step) {
      expect(feedShoal(input.subarray(0, length), [], LIMITS)).toEqual({ frames: [], then: 'more', calls: 1 });
    }
  }
});

test('no input makes it throw, read past the end, or give another answer when cut', () => {
  const random = new Random(3);
  const seen = { end: 0, more: 0, error: 0 };
  for (let round = 0; round < FUZZ_COUNT; round += 1) {
    const input = shoalInput(random);
    const greeted = random.below(4) !== 0;
    const whole = feedShoal(input, [], LIMITS, greeted);
    const cut = feedShoal(input, randomCuts(random, input.length), LIMITS, greeted);
    if (!Bun.deepEquals([whole.frames, whole.then], [cut.frames, cut.then])) {
      throw new Error(`input ${round} of seed 3 decodes differently when cut: ${input.toString('hex').slice(0, 200)}`);
    }
    seen[typeof whole.then === 'object' ? 'error' : whole.then] += 1;
  }
  expect(Math.min(seen.end, seen.more, seen.error)).toBeGreaterThan(FUZZ_COUNT / 20);
});

test('arguments lie within the bytes of their frame, whatever is stated; and faults are of every kind', () => {
  const random = new Random(4);
  const decoder = new ShoalDecoder(LIMITS);
  const operation = new Operation();
  const initial = operation.starts.length;
  const statuses = new Set<number>();
  let faultless = 0;
  for (let round = 0; round < FUZZ_COUNT; round += 1) {
    const input = shoalInput(random);
    let start = 0;
    for (;;) {
      const taken = decoder.decode(input, start, input.length, operation);
      if (taken <= 0) {
        if (taken === PROTOCOL_ERROR) expect(decoder.error).not.toBe('');
        else expect(decoder.bytesWanted).toBeGreaterThan(0);
        break;
      }
      expect(operation.count).toBe(3);
      for (let index = 0; index < operation.count; index += 1) {
        const from = operation.start(index);
        if (from < start || from + operation.length(index) > start + taken) {
          throw new Error(`argument ${index} is outside its frame, input ${round} of seed 4`);
        }
      }
      const fault = frameFault(operation, 1);
      if (fault === null) faultless += 1;
      else statuses.add(fault.status);
      start += taken;
    }
  }
  expect(operation.starts.length).toBe(initial);
  expect(faultless).toBeGreaterThan(FUZZ_COUNT / 4);
  expect(statuses).toEqual(new Set([Status.badRequest, Status.unknownOpcode, Status.unsupportedVersion]));
});
