import { describe, expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { nextEvent } from '../../test/support/next-event.ts';
import { judge, ownIdentity, parseIdentity, type ProcessIdentity, processState } from './process-identity.ts';

const OWN: ProcessIdentity = {
  id: '00000000000000ff',
  pid: 100,
  began: '5000',
  boot: 'boot-1',
  namespace: 'pid:[1]',
  host: 'one',
  address: '10.0.0.1:7500',
};
const BARE: ProcessIdentity = { ...OWN, began: null, boot: null, namespace: null };

describe('the verdict', () => {
  test.each<[string, Partial<ProcessIdentity>, ReturnType<typeof processState>, string]>([
    ['the number is free', {}, { kind: 'missing' }, 'dead'],
    ['the number is that of the same process', {}, { kind: 'running', began: '5000' }, 'alive'],
    ['the number was given out again', {}, { kind: 'running', began: '6000' }, 'dead'],
    ['of a process that may not be looked at', {}, { kind: 'running', began: null }, 'unknown'],
    [
      'of another container, where the number is another process',
      { namespace: 'pid:[2]' },
      { kind: 'missing' },
      'unknown',
    ],
    ['of before the machine started, or of another machine', { boot: 'boot-2' }, { kind: 'missing' }, 'unknown'],
    ['of a system without /proc', { boot: null, namespace: null, began: null }, { kind: 'missing' }, 'unknown'],
  ])('%s', (_, other, state, verdict) => {
    expect<string>(judge({ ...OWN, ...other }, OWN, () => state)).toBe(verdict);
  });

  test.each<[string, Partial<ProcessIdentity>, ReturnType<typeof processState>, string]>([
    ['the number is free', {}, { kind: 'missing' }, 'dead'],
    ['somebody has the number', {}, { kind: 'running', began: null }, 'unknown'],
    ['of another machine', { host: 'two' }, { kind: 'missing' }, 'unknown'],
  ])('without /proc: %s', (_, other, state, verdict) => {
    expect<string>(judge({ ...BARE, ...other }, BARE, () => state)).toBe(verdict);
  });
});

test('this process is alive, and a killed one is dead, waited for or not', async () => {
  const own = ownIdentity('10.0.0.1:7500');
  expect(judge(own, own)).toBe(own.boot === null ? 'unknown' : 'alive');
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  try {
    await nextEvent(child, 'spawn');
    const pid = child.pid ?? 0;
    const state = processState(pid);
    const other = { ...own, pid, began: state.kind === 'running' ? state.began : null };
    expect(judge(other, own)).toBe(own.boot === null ? 'unknown' : 'alive');
    const ended = nextEvent(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    expect(judge(other, own)).toBe('dead');
  } finally {
    child.kill('SIGKILL');
  }
});

test('two holders in one process are two', () => {
  expect(ownIdentity('a').id).not.toBe(ownIdentity('a').id);
});

test('what is read is what was written, and nothing else is taken', () => {
  expect(parseIdentity(JSON.stringify(OWN))).toEqual(OWN);
  expect(parseIdentity(JSON.stringify(BARE))).toEqual(BARE);
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '{}',
    JSON.stringify({ ...OWN, pid: 0 }),
    JSON.stringify({ ...OWN, boot: 1 }),
  ]) {
    expect(parseIdentity(text)).toBeNull();
  }
});
