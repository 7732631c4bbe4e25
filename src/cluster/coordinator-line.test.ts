import { describe, expect, test } from 'bun:test';
import { CoordinatorLine } from './coordinator-line.ts';

function line(...addresses: readonly string[]): CoordinatorLine {
  return new CoordinatorLine(addresses, () => 0.5);
}

describe('the line of coordinators', () => {
  test('goes on to the next one at once, and waits after a round', () => {
    const coordinators = line('a:1', 'b:2');
    coordinators.failed('a:1', 0);
    expect([coordinators.address, coordinators.isReady(0)]).toEqual(['b:2', true]);
    coordinators.failed('b:2', 0);
    expect([coordinators.address, coordinators.isReady(0), coordinators.isReady(50)]).toEqual(['a:1', false, true]);
  });

  test('waits longer after each round, up to a limit, and not after an answer', () => {
    const coordinators = line('a:1');
    const waits: number[] = [];
    for (let round = 0, nowMs = 0; round < 8; round += 1) {
      coordinators.failed('a:1', nowMs);
      let waitMs = 0;
      while (!coordinators.isReady(nowMs + waitMs)) waitMs += 0.5;
      waits.push(waitMs);
      nowMs += waitMs;
    }
    expect(waits).toEqual(waits.toSorted((left, right) => left - right));
    expect(waits.at(-1)).toBe(375);
    coordinators.answered('a:1');
    coordinators.failed('a:1', 100_000);
    expect(coordinators.isReady(100_000 + waits[0]!)).toBeTrue();
  });

  test('does not mind what is told of one that it does not ask now', () => {
    const coordinators = line('a:1', 'b:2', 'c:3');
    coordinators.failed('a:1', 0);
    coordinators.failed('a:1', 0);
    coordinators.redirected('a:1', 'c:3', 0);
    expect([coordinators.address, coordinators.isReady(0)]).toEqual(['b:2', true]);
  });

  test('follows to a leader that is not listed, and goes on behind who named it when that fails', () => {
    const coordinators = line('a:1', 'b:2');
    coordinators.redirected('a:1', 'z:9', 0);
    expect(coordinators.address).toBe('z:9');
    coordinators.failed('z:9', 0);
    expect(coordinators.address).toBe('b:2');
  });

  test('reaches the one that leads although all others name one that is dead', () => {
    const coordinators = line('a:1', 'b:2', 'dead:3');
    const asked: string[] = [];
    for (let nowMs = 0; nowMs < 2000 && coordinators.address !== 'b:2'; nowMs += 1) {
      if (!coordinators.isReady(nowMs)) continue;
      asked.push(coordinators.address);
      if (coordinators.address === 'a:1') coordinators.redirected('a:1', 'dead:3', nowMs);
      else coordinators.failed(coordinators.address, nowMs);
    }
    expect(asked).toEqual(['a:1', 'dead:3']);
    expect(coordinators.address).toBe('b:2');
  });

  test.each([null, 'a:1'])('goes on when the leader is said to be %p', (leader) => {
    const coordinators = line('a:1', 'b:2');
    coordinators.redirected('a:1', leader, 0);
    expect(coordinators.address).toBe('b:2');
  });
});
