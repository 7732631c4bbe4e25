import { describe, expect, test } from 'bun:test';
import type { ShoalError } from '../../base/errors.ts';
import { defaultOptions } from '../../config/options.ts';
import type { NodeOptions } from '../../config/node-options.ts';
import { type Machine, placeThreads } from './placement.ts';

const MIB = 1024 * 1024;
const LINUX_BUN: Machine = { runtime: 'bun', cores: 8, hasEpoll: () => true, hasRing: () => false };
const RING_BUN: Machine = { ...LINUX_BUN, hasRing: () => true };
const OTHER_BUN: Machine = { runtime: 'bun', cores: 8, hasEpoll: () => false, hasRing: () => false };
const NODE: Machine = { runtime: 'node', cores: 8, hasEpoll: () => false, hasRing: () => false };

function options(changes: Partial<NodeOptions>): NodeOptions {
  return { ...defaultOptions(), ...changes };
}

function refusal(changes: Partial<NodeOptions>, machine: Machine): string {
  try {
    placeThreads(options(changes), true, machine);
  } catch (error) {
    expect((error as ShoalError).code).toBe('InvalidOption');
    return (error as ShoalError).message;
  }
  throw new Error('it was not refused');
}

describe('a process that is nothing but a node', () => {
  test('by default takes epoll and all cores', () => {
    expect(placeThreads(options({}), true, LINUX_BUN)).toEqual({
      ownThreads: true,
      transport: 'epoll',
      threadCount: 8,
    });
  });

  test('takes io_uring with it where the system allows that', () => {
    expect(placeThreads(options({}), true, RING_BUN)).toMatchObject({ transport: 'io_uring', threadCount: 8 });
    const plain = options({ transport: 'epoll' });
    expect(placeThreads(plain, true, RING_BUN)).toMatchObject({ transport: 'epoll', threadCount: 8 });
  });

  test('has a thread of its own for one data thread too', () => {
    const one = options({ threadCount: 1 });
    expect(placeThreads(one, true, LINUX_BUN)).toEqual({ ownThreads: true, transport: 'epoll', threadCount: 1 });
    expect(placeThreads(one, true, OTHER_BUN)).toEqual({ ownThreads: true, transport: 'bun', threadCount: 1 });
  });

  test('without epoll takes Bun.listen, and on Node node:net with one thread', () => {
    expect(placeThreads(options({}), true, OTHER_BUN)).toEqual({ ownThreads: true, transport: 'bun', threadCount: 8 });
    expect(placeThreads(options({}), true, NODE)).toEqual({ ownThreads: false, transport: 'node' });
  });
});

describe('inside an application', () => {
  test('one thread is the caller’s, as long as its transport does not block', () => {
    const one = { threadCount: 1 };
    expect(placeThreads(options(one), false, LINUX_BUN)).toEqual({ ownThreads: false, transport: 'bun' });
    expect(placeThreads(options(one), false, NODE)).toEqual({ ownThreads: false, transport: 'node' });
    const epoll = options({ ...one, transport: 'epoll' });
    expect(placeThreads(epoll, false, LINUX_BUN)).toEqual({ ownThreads: true, transport: 'epoll', threadCount: 1 });
  });

  test('several are threads of their own', () => {
    const three = options({ threadCount: 3 });
    expect(placeThreads(three, false, LINUX_BUN)).toEqual({ ownThreads: true, transport: 'epoll', threadCount: 3 });
    const overBun = options({ threadCount: 3, transport: 'bun' });
    expect(placeThreads(overBun, false, LINUX_BUN)).toEqual({ ownThreads: true, transport: 'bun', threadCount: 3 });
  });
});

test('a small memory has room for few threads', () => {
  const small = { memoryBytes: 4 * MIB };
  expect(placeThreads(options(small), true, LINUX_BUN)).toMatchObject({ threadCount: 6 });
  expect(refusal({ ...small, threadCount: 7 }, LINUX_BUN)).toBe(
    'threads: the memory is enough for 6 data threads, not for 7',
  );
});

test('who keeps data on disk needs room for one more', () => {
  const { persistence } = defaultOptions();
  const kept = { memoryBytes: 4 * MIB, persistence: { ...persistence, dataDir: 'data' } };
  expect(placeThreads(options(kept), true, LINUX_BUN)).toMatchObject({ threadCount: 5 });
});

test('what the machine does not have is refused with what to do', () => {
  expect(refusal({ transport: 'epoll' }, OTHER_BUN)).toContain('needs Linux and the Bun runtime; use "auto"');
  expect(refusal({ transport: 'io_uring' }, OTHER_BUN)).toContain('needs Linux and the Bun runtime; use "auto"');
  expect(refusal({ transport: 'io_uring' }, LINUX_BUN)).toContain('use "auto" or "epoll"');
  expect(refusal({ transport: 'bun' }, NODE)).toContain('use "node" or "auto"');
  expect(refusal({ threadCount: 2 }, NODE)).toContain('node:net serves from one thread');
  expect(refusal({ threadCount: 2, transport: 'node' }, LINUX_BUN)).toContain('node:net serves from one thread');
});
