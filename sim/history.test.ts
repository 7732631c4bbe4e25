import { describe, expect, test } from 'bun:test';
import { ABSENT, History } from './history.ts';

/** `w1 0-5`: a write of 1, called at 0, answered at 5; without a second number it got no answer. `r`: a read, `e`: the owner died. `r0`: absent. */
function historyOf(...operations: readonly string[]): History {
  const history = new History();
  for (const text of operations) {
    const [, letter, value, called, answered] = /^([wre])(\d*) (\d+)-(\d*)$/.exec(text)!;
    const kind = ({ w: 'write', r: 'read', e: 'erase' } as const)[letter as 'w' | 'r' | 'e'];
    const operation = history.call('key', kind, Number(value), Number(called), 'k1');
    if (answered !== '') history.answer(operation, Number(value), Number(answered), 0);
  }
  return history;
}

describe('what some order explains', () => {
  test.each([
    [['r0 0-1', 'w1 2-3', 'r1 4-5']],
    [['w1 0-10', 'r0 1-2', 'r1 3-4']],
    [['w1 0-10', 'w2 0-10', 'r1 11-12']],
    [['w1 0-10', 'w2 0-10', 'r1 3-4', 'r2 5-6', 'r2 11-12']],
    // Two overlapping reads of two overlapping writes, each in one order alone.
    [['w1 0-10', 'w2 0-10', 'r1 1-9', 'r2 1-9', 'r1 11-12']],
    // No answer: done late, or never.
    [['w1 0-1', 'w2 2-', 'r1 3-4', 'r2 5-6']],
    [['w1 0-1', 'w2 2-', 'r1 3-4', 'r1 5-6']],
    // Tried twice, and the first try comes through after something else was written.
    [['w1 0-', 'w1 1-2', 'w2 3-4', 'r2 5-6', 'r1 7-8']],
    // The owner died: absent at any time after, or not at all.
    [['w1 0-1', 'e 2-', 'r0 3-4']],
    [['w1 0-1', 'e 2-', 'r1 3-4', 'r0 5-6']],
    [['w1 0-1', 'e 2-', 'w2 3-4', 'r0 5-6', 'w3 7-8', 'r3 9-10']],
    [['w1 0-1', 'e 2-', 'e 2-', 'r0 3-4', 'w2 5-6', 'r0 7-8']],
  ])('%p', (operations) => {
    expect(historyOf(...operations).check()).toBeNull();
  });
});

describe('what none does', () => {
  test.each([
    ['a write that is gone', ['w1 0-1', 'r0 2-3'], 'r0'],
    ['an old value', ['w1 0-1', 'w2 2-3', 'r1 4-5'], 'r1'],
    ['a value that was never written', ['w1 0-1', 'r7 2-3'], 'r7'],
    ['a read from the future', ['r1 0-1', 'w1 2-3'], 'r1'],
    ['back again', ['w1 0-1', 'w2 2-9', 'r2 3-4', 'r1 5-6'], 'r1'],
    ['the same with no answer', ['w1 0-1', 'w2 2-', 'r2 3-4', 'r1 5-6'], 'r1'],
    ['once tried, twice seen', ['w1 0-1', 'w2 2-', 'r2 3-4', 'w3 5-6', 'r3 7-8', 'r2 9-10'], 'r2'],
    ['gone before the owner died', ['w1 0-1', 'r0 2-3', 'e 4-'], 'r0'],
    ['gone twice by one death', ['w1 0-1', 'e 2-', 'r0 3-4', 'w2 5-6', 'r0 7-8'], 'r0'],
    ['back from the dead', ['w1 0-1', 'e 2-', 'r0 3-4', 'r1 5-6'], 'r1'],
    ['an old value after a death', ['w1 0-1', 'w2 2-3', 'e 4-', 'r1 5-6'], 'r1'],
  ])('%s', (_name, operations, expected) => {
    const problem = historyOf(...operations).check();
    expect(problem).not.toBeNull();
    const { kind, value } = problem!.operation;
    expect(`${kind === 'read' ? 'r' : 'w'}${value}`).toBe(expected);
  });
});

/** As `historyOf`, where owners have replicas: `v`: a replica took over; `w1+1 0-5`: one of them had it at the answer; `d 3`: a node died, `D`: one of few. */
function replicatedHistory(...operations: readonly string[]): History {
  const history = new History();
  for (const text of operations) {
    const [, letter, value, copies, called, answered] = /^([wrvdD])(\d*)(?:\+(\d+))? (\d+)-?(\d*)$/.exec(text)!;
    if (letter === 'd' || letter === 'D') history.died(Number(called), letter === 'd');
    else if (letter === 'v') history.revert('key', Number(called), 'n1');
    else {
      const operation = history.call('key', letter === 'w' ? 'write' : 'read', Number(value), Number(called), 'k1');
      if (answered !== '') history.answer(operation, Number(value), Number(answered), 0, Number(copies ?? 0));
    }
  }
  return history;
}

describe('with replicas', () => {
  test.each([
    [['w1 0-1', 'w2 2-3', 'd 4', 'v 4', 'r2 5-6']],
    [['w1 0-1', 'w2 2-3', 'd 4', 'v 4', 'r1 5-6', 'r1 7-8']],
    [['w1 0-1', 'w2 2-3', 'd 4', 'v 4', 'r0 5-6']],
    [['w1 0-1', 'w2 2-3', 'd 4', 'v 4', 'r2 5-6', 'r1 7-8']],
    // What a replica had stays, and what came after it may go.
    [['w1+1 0-1', 'w2 2-3', 'd 4', 'v 4', 'r1 5-6']],
    // More nodes died than had it, or there were too few of them.
    [['w1+1 0-1', 'd 2', 'v 2', 'd 3', 'v 3', 'r0 5-6']],
    [['w1+1 0-1', 'D 2', 'v 2', 'r0 5-6']],
    // Two that took over, each with less.
    [['w1 0-1', 'w2 2-3', 'd 4', 'v 4', 'r1 5-6', 'd 7', 'v 7', 'r0 8-9']],
  ])('is explained: %p', (operations) => {
    expect(replicatedHistory(...operations).check()).toBeNull();
  });

  test.each([
    ['a write that a replica had', ['w1+1 0-1', 'd 2', 'v 2', 'r0 3-4'], 'r0'],
    ['the same behind another that it had', ['w1 0-1', 'w2+1 2-3', 'w3 4-5', 'd 6', 'v 6', 'r1 7-8'], 'r1'],
    ['one that two had, after one death', ['w1+2 0-1', 'd 2', 'v 2', 'd 3', 'v 3', 'r0 4-5'], 'r0'],
    ['back twice by one death', ['w1 0-1', 'w2 2-3', 'd 4', 'v 4', 'r1 5-6', 'r0 7-8'], 'r0'],
    ['back before anybody died', ['w1 0-1', 'w2 2-3', 'r1 4-5', 'd 6', 'v 6'], 'r1'],
    ['forward again', ['w1 0-1', 'w2 2-3', 'd 4', 'v 4', 'r1 5-6', 'd 7', 'v 7', 'r2 8-9'], 'r2'],
  ])('is not: %s', (_name, operations, expected) => {
    const problem = replicatedHistory(...operations).check();
    expect(problem).not.toBeNull();
    expect(`r${problem!.operation.value}`).toBe(expected);
  });
});

test('what nobody reads any more does not multiply what is to be checked', () => {
  const overlapping = Array.from({ length: 14 }, (_, round) => {
    const [first, second, third] = [3 * round + 1, 3 * round + 2, 3 * round + 3];
    const during = `${10 * round}-${10 * round + 5}`;
    return [
      `w${first} ${during}`,
      `w${second} ${during}`,
      `w${third} ${during}`,
      `r${third} ${10 * round + 6}-${10 * round + 7}`,
    ];
  }).flat();
  expect(replicatedHistory('v 0', ...overlapping, 'r1 200-201').check()).toBeNull();
  expect(replicatedHistory('v 0', ...overlapping, 'r1 200-201', 'r42 202-203').check()?.operation.value).toBe(42);
});

test('keys have nothing to do with each other, and the problem that shows first is told', () => {
  const history = new History();
  for (const [key, atMs] of [
    ['late', 100],
    ['early', 50],
    ['fine', 10],
  ] as const) {
    history.answer(history.call(key, 'write', atMs, 0, 'k1'), atMs, 1, 1);
    history.answer(history.call(key, 'read', ABSENT, atMs, 'k1'), key === 'fine' ? atMs : ABSENT, atMs + 1, atMs);
  }
  const problem = history.check()!;
  expect(problem.key).toBe('early');
  expect(problem.operation.answeredAtStep).toBe(50);
  expect(problem.recent).toHaveLength(2);
});

test('a call that was refused did nothing', () => {
  const history = historyOf('w1 0-1');
  const refused = history.call('key', 'write', 2, 2, 'k1');
  history.refuse(refused);
  history.answer(history.call('key', 'read', ABSENT, 3, 'k1'), 2, 4, 4);
  expect(history.check()?.operation.value).toBe(2);
});
