import { expect, test } from 'bun:test';
import { ScriptedNetwork } from '../../test/support/scripted-sockets.ts';
import { ShoalError } from '../base/errors.ts';
import { Opcode } from '../protocol/shoal/frame.ts';
import { HeldRequests } from './held-requests.ts';
import { Request } from './request.ts';

function start(countMax = 100) {
  const network = new ScriptedNetwork();
  const tried: Request[] = [];
  const held = new HeldRequests(network.runtime, countMax, (one) => tried.push(one));
  return { network, held, tried };
}

function request(deadlineMs = 5000): Request {
  const made = new Request(Opcode.get, 'key', true, () => undefined);
  made.deadlineMs = deadlineMs;
  made.timeoutMs = deadlineMs;
  return made;
}

test('waits double up to the longest', async () => {
  const { network, held, tried } = start();
  const one = request();
  const waits: number[] = [];
  for (let round = 0; round < 9; round += 1) {
    held.hold(one, null);
    let waitedMs = 0;
    while (tried.length <= round) {
      await network.advance(1);
      waitedMs += 1;
    }
    waits.push(waitedMs);
  }
  // A wait ends up to a step before its time.
  expect(waits.map((waitMs, round) => Math.abs(waitMs - Math.min(100, 2 * 2 ** round)) <= 1)).toEqual(
    waits.map(() => true),
  );
});

test('those that began together are tried together, in their order', async () => {
  const { network, held, tried } = start();
  const all = Array.from({ length: 50 }, () => request());
  for (const one of all) held.hold(one, null);
  await network.advance(1);
  await network.advance(1);
  expect(tried).toEqual(all);
  expect(held.count).toBe(0);
  expect(network.timerCount).toBe(0);
});

test('a release tries all at once, and what is held again meanwhile stays', async () => {
  const network = new ScriptedNetwork();
  let count = 0;
  const held: HeldRequests = new HeldRequests(network.runtime, 10, (one) => {
    count += 1;
    if (count < 3) held.hold(one, null);
  });
  held.hold(request(), null);
  held.release();
  held.release();
  expect([count, held.count]).toEqual([2, 1]);
  await network.advance(100);
  expect([count, held.count, network.timerCount]).toEqual([3, 0, 0]);
});

test('one that a lost connection may have carried is not said to be undone', () => {
  const { held } = start(1);
  let error: ShoalError | null = null;
  const one = request(10);
  one.sendCount = 1;
  one.reject = (reason) => {
    error = reason;
  };
  held.hold(one, null);
  held.expire(10);
  expect(String(error)).toContain('may have');
  expect(String(error)).not.toContain('not executed');
});

test('deadlines, the end of the client and the limit', () => {
  const { network, held } = start(2);
  const errors: ShoalError[] = [];
  const [early, late] = [request(10), request(20)];
  for (const one of [early, late]) {
    one.reject = (error) => errors.push(error);
    held.hold(one, null);
  }
  expect(() => held.hold(request(), null)).toThrow(/as many as may/);
  early.refusal = 'a:1 said: no';
  held.expire(10);
  expect(errors[0]!.message).toBe('no node took it within 10 ms, so it was not executed; a:1 said: no');
  expect(held.count).toBe(1);
  held.destroy(new ShoalError('ClientClosed', 'closed'));
  expect(errors.map(({ code }) => code)).toEqual(['Timeout', 'ClientClosed']);
  expect([held.count, network.timerCount]).toEqual([0, 0]);
});
