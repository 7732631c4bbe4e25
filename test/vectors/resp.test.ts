import { describe, expect, test } from 'bun:test';
import { REQUEST_VECTORS, VECTOR_LIMITS, type RequestVector } from './resp.ts';
import { everyByte, type Transcript } from './decoder-feed.ts';
import { feed } from './resp-feed.ts';

/** A longer input is cut only near its ends and at every {@link LONG_STEP}th byte between. */
const SHORT_INPUT_BYTES = 1024;
const LONG_STEP = 997;
const LONG_ENDS = 30;

describe('request vectors', () => {
  for (const vector of REQUEST_VECTORS) {
    test(`${vector.then === 'end' ? 'gives' : vector.then === 'more' ? 'waits' : 'fails'}: ${vector.name}`, () => {
      const input = Buffer.from(vector.input, 'latin1');
      expectVector(run(vector, input, []), vector);
      const cuts = cutsOf(input.length);
      expectVector(run(vector, input, cuts), vector);
      for (const cut of cuts) expectVector(run(vector, input, [cut]), vector);
    });
  }
});

function run(vector: RequestVector, input: Uint8Array, cuts: readonly number[]): Transcript<string[]> {
  return feed(input, cuts, { limits: VECTOR_LIMITS, authenticated: vector.unauthenticated !== true });
}

function expectVector(transcript: Transcript<string[]>, vector: RequestVector): void {
  const then = vector.then === 'more' && vector.input === '' ? 'end' : vector.then;
  expect(transcript.then).toEqual(then);
  expect(transcript.frames).toEqual(vector.frames as string[][]);
}

function cutsOf(length: number): number[] {
  const every = everyByte(length);
  if (length <= SHORT_INPUT_BYTES) return every;
  return every.filter((cut) => cut % LONG_STEP === 0 || cut <= LONG_ENDS || cut >= length - LONG_ENDS);
}
