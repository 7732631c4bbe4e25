/** Runs something on one core. Linux under Bun only. */
import { dlopen } from 'bun:ffi';
import { addressOf, byteBuffer, errorNumber, systemError } from '../../src/io/epoll/libc.ts';

/** A set of cores: as many as Linux knows, a bit each. */
const SET_BYTES = 1024;

/** What `act` returns; this thread does nothing elsewhere meanwhile. Throws where the thread may not use that core. */
export function onCore<T>(core: number, act: () => T): T {
  const before = allowedSet();
  const only = byteBuffer(SET_BYTES);
  only[core >> 3] = 1 << (core & 7);
  allow(only);
  try {
    return act();
  } finally {
    allow(before);
  }
}

/** The numbers of the cores that this thread may use. */
export function allowedCores(): readonly number[] {
  const set = allowedSet();
  return Array.from({ length: SET_BYTES * 8 }, (_, core) => core).filter(
    (core) => (set[core >> 3]! & (1 << (core & 7))) !== 0,
  );
}

function allowedSet(): Uint8Array {
  const set = byteBuffer(SET_BYTES);
  check(symbols().sched_getaffinity(0, BigInt(SET_BYTES), addressOf(set) as never), 'sched_getaffinity');
  return set;
}

function allow(set: Uint8Array): void {
  check(symbols().sched_setaffinity(0, BigInt(SET_BYTES), addressOf(set) as never), 'sched_setaffinity');
}

function check(result: number, call: string): void {
  if (result < 0) throw systemError(errorNumber(), call);
}

function symbols() {
  const form = { args: ['i32', 'u64', 'ptr'], returns: 'i32' } as const;
  return dlopen('libc.so.6', { sched_getaffinity: form, sched_setaffinity: form }).symbols;
}
