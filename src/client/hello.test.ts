import { expect, test } from 'bun:test';
import { SHOAL_STEPS } from '../../test/vectors/shoal-vectors.ts';
import type { ShoalError } from '../base/errors.ts';
import { decodeGreeting, type Greeting } from './hello.ts';
import { ReplyReader } from './reply-reader.ts';
import { Feature } from '../protocol/shoal/frame.ts';

/** What the client makes of the reply of a vector, to whose value `more` is added or from which so many bytes are taken. */
function greetingOf(name: string, more: string | number = ''): Greeting {
  const { replyParts } = SHOAL_STEPS.find((step) => step.name === name)!;
  const whole = Buffer.from(replyParts.value, 'hex');
  const value =
    typeof more === 'number' ? whole.subarray(0, whole.length - more) : Buffer.concat([whole, Buffer.from(more)]);
  const frame = Buffer.alloc(20 + value.length);
  frame[0] = 0xa6;
  frame.writeUInt32LE(value.length, 16);
  value.copy(frame, 20);
  let greeting: Greeting | undefined;
  new ReplyReader(1000, (_id, reply) => {
    greeting = decodeGreeting(reply);
    return true;
  }).read(frame, frame.length);
  return greeting!;
}

test('a node that is in no cluster says what it knows behind its version', () => {
  expect(greetingOf('hello')).toEqual({
    protocolVersion: 1,
    keyBytesMax: 65_535,
    valueBytesMax: 8_388_608,
    nodeId: '0123456789abcdef0123456789abcdef01234567',
    softwareVersion: '0.1.0',
    epoch: null,
    features: Feature.ack | Feature.getCopy,
  });
  expect(greetingOf('hello', 'xy')).toMatchObject({ epoch: null, features: Feature.ack | Feature.getCopy });
});

test('a node in a cluster says its epoch, and later ones perhaps more', () => {
  expect(greetingOf('hello to a node in a cluster')).toMatchObject({
    epoch: 7,
    features: Feature.ack | Feature.getCopy,
  });
  expect(greetingOf('hello to a node in a cluster', 'more')).toMatchObject({
    epoch: 7,
    features: Feature.ack | Feature.getCopy,
  });
});

test('one that knows nothing more says nothing of that', () => {
  expect(greetingOf('hello', 1)).toMatchObject({ epoch: null, features: 0 });
  expect(greetingOf('hello to a node in a cluster', 1)).toMatchObject({ epoch: 7, features: 0 });
});

test('a greeting that is cut is none', () => {
  for (const cut of [2, 7, 21, 48]) {
    let code: string | undefined;
    try {
      greetingOf('hello', cut);
    } catch (error) {
      ({ code } = error as ShoalError);
    }
    expect([cut, code]).toEqual([cut, 'UnexpectedResponse']);
  }
});
