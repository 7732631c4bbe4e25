/**
 * Properties of the decoder over seeded input: what is encoded comes out, what is cut short never does, and no input
 * at all does harm.
 */
import { expect, test } from 'bun:test';
import { Command } from '../../src/protocol/command.ts';
import { PROTOCOL_ERROR, RespDecoder } from '../../src/protocol/resp/decoder.ts';
import { randomCuts } from './mutations.ts';
import { Random } from './random.ts';
import { encodeRequest, feed } from './resp-feed.ts';
import { fuzzInput, validCommand } from './resp-mutations.ts';

const LIMITS = { argumentCountMax: 2 ** 20, bulkBytesMax: 2 ** 29, inlineBytesMax: 2 ** 16 };
const OPTIONS = { limits: LIMITS, authenticated: true };
const FUZZ_COUNT = 50_000;
/**
 * The bytes that an argument takes at least, in the arrays of a command: `$0\r\n\r\n`, or an inline letter and a
 * blank.
 */
const ARGUMENT_BYTES_MIN = 2;

test('commands come out as they were encoded, however they are cut', () => {
  const random = new Random(1);
  for (let round = 0; round < 1000; round += 1) {
    const commands = Array.from({ length: 1 + random.below(5) }, () =>
      Array.from({ length: 1 + random.below(random.below(10) === 0 ? 200 : 6) }, () =>
        random.bytes(random.below(random.below(10) === 0 ? 5000 : 20)),
      ),
    );
    const input = Buffer.concat(commands.map(encodeRequest));
    const frames = commands.map((words) => words.map((word) => word.toString('latin1')));
    const transcript = feed(input, randomCuts(random, input.length), OPTIONS);
    expect(transcript.frames).toEqual(frames);
    expect(transcript.then).toBe('end');
  }
});

test('a command cut at any byte is not a command', () => {
  const random = new Random(2);
  for (let round = 0; round < 300; round += 1) {
    const input = validCommand(random);
    const step = input.length > 500 ? 37 : 1;
    for (let length = 1; length < input.length; length += step) {
      expect(feed(input.subarray(0, length), [], OPTIONS)).toEqual({ frames: [], then: 'more', calls: 1 });
    }
  }
});

test('no input makes it throw, read past the end, or give another answer when cut', () => {
  const random = new Random(3);
  const seen = { end: 0, more: 0, error: 0 };
  for (let round = 0; round < FUZZ_COUNT; round += 1) {
    const input = fuzzInput(random);
    const whole = feed(input, [], OPTIONS);
    const cut = feed(input, randomCuts(random, input.length), OPTIONS);
    if (!Bun.deepEquals([whole.frames, whole.then], [cut.frames, cut.then])) {
      throw new Error(
        `input ${round} of seed 3 decodes differently when cut: ${JSON.stringify(input.toString('latin1').slice(0, 200))}`,
      );
    }
    seen[typeof whole.then === 'object' ? 'error' : whole.then] += 1;
  }
  expect(Math.min(seen.end, seen.more, seen.error)).toBeGreaterThan(FUZZ_COUNT / 20);
});

test('arguments lie within the bytes of their frame, and room for them grows with what came only', () => {
  const random = new Random(4);
  const command = new Command();
  const initial = command.starts.length;
  let bytesMax = 0;
  for (let round = 0; round < 20_000; round += 1) {
    const input = fuzzInput(random);
    bytesMax = Math.max(bytesMax, input.length);
    const decoder = new RespDecoder(LIMITS);
    let start = 0;
    for (;;) {
      const taken = decoder.decode(input, start, input.length, command);
      if (taken <= 0) {
        expect(taken === PROTOCOL_ERROR).toBe(decoder.error !== '');
        break;
      }
      const [low, high] = command.bytes === input ? [start, start + taken] : [0, command.bytes.length];
      for (let index = 0; index < command.count; index += 1) {
        const from = command.start(index);
        if (from < low || from + command.length(index) > high)
          throw new Error(`argument ${index} is outside its frame, input ${round} of seed 4`);
      }
      start += taken;
    }
  }
  expect(command.starts.length).toBeLessThanOrEqual(Math.max(initial, (2 * bytesMax) / ARGUMENT_BYTES_MIN));
});
