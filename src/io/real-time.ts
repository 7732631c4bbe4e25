/**
 * Time that fake timers do not touch, for a node that lives in the process of the tests.
 *
 * Most fakes put their own functions in the place of the globals, so those that this module took when it was loaded stay
 * real. Bun's (`jest.useFakeTimers` and `setSystemTime` of `bun:test`) change the clock inside the runtime, under every
 * function that JavaScript has for it. There the time comes from the C library, and a tick is a wait that runs out, which
 * Bun's fakes leave alone. Where the library cannot be loaded, time is what the runtime says.
 */

export interface RealTime {
  /** ms since 1970. */
  readonly nowMs: () => number;
  /** ms since some fixed moment, with fractions; never goes back. */
  readonly monotonicMs: () => number;
  /** Calls `callback` about every `intervalMs` until the returned function is called; does not keep the process alive. */
  readonly every: (intervalMs: number, callback: () => void) => () => void;
}

const { setInterval: startInterval, clearInterval: stopInterval, performance, Date: RealDate } = globalThis;

const threadMs = performance.now.bind(performance);
/** Added to `threadMs`, gives the same time in all threads; null until it is asked for. */
let sharedOffsetMs: number | null = null;

/**
 * The runtime's own, as they were when this module was loaded. All threads of a process have the same `monotonicMs`: what one thread
 * may do until a moment, another says. Bun counts from the start of each thread, so there the difference to the machine's clock is
 * measured once.
 */
export const RUNTIME_TIME: RealTime = {
  nowMs: RealDate.now.bind(RealDate),
  monotonicMs(): number {
    sharedOffsetMs ??= process.versions['bun'] === undefined ? 0 : offsetToMachineClock();
    return threadMs() + sharedOffsetMs;
  },
  every(intervalMs, callback) {
    const timer = startInterval(callback, intervalMs);
    timer.unref();
    return () => stopInterval(timer);
  },
};

let realTime: RealTime | null = null;

/** Made at the first call, and the same from then on. */
export function systemTime(): RealTime {
  realTime ??= process.versions['bun'] === undefined ? RUNTIME_TIME : bunTime();
  return realTime;
}

interface ClockLibrary {
  readonly symbols: { clock_gettime(clock: number, timespec: ArrayBufferView): number };
}
/** The part of `bun:ffi` that is used here. */
interface ForeignFunctions {
  dlopen(path: string, symbols: object): ClockLibrary;
}

/** Names of the C library, and the numbers that it gives the two clocks. */
const C_LIBRARIES: Partial<Record<NodeJS.Platform, { readonly names: readonly string[]; readonly monotonic: number }>> =
  {
    linux: { names: ['libc.so.6', 'libc.so'], monotonic: 1 },
    darwin: { names: ['libSystem.B.dylib'], monotonic: 6 },
  };
const WALL_CLOCK = 0;

function bunTime(): RealTime {
  const every = typeof atomics.waitAsync === 'function' ? everyWait : RUNTIME_TIME.every;
  const monotonic = C_LIBRARIES[process.platform]?.monotonic ?? 0;
  const clock = openClock();
  if (clock === null) return { ...RUNTIME_TIME, every };
  return { nowMs: () => Math.floor(clock(WALL_CLOCK)), monotonicMs: () => clock(monotonic), every };
}

/** Reads a clock of the C library by its number, in ms; null where there is none. */
function openClock(): ((clock: number) => number) | null {
  // Asked for at run time: no bundler and no Node has this module.
  const foreign = process.getBuiltinModule?.('bun:ffi') as ForeignFunctions | undefined;
  if (foreign === undefined) return null;
  for (const name of C_LIBRARIES[process.platform]?.names ?? []) {
    try {
      return clockOf(foreign, name);
    } catch {
      // Another name, or the runtime's own clock.
    }
  }
  return null;
}

/** Without the library, what the runtime says of its start: right as long as nobody sets the wall clock between the starts of two threads. */
function offsetToMachineClock(): number {
  const monotonic = C_LIBRARIES[process.platform]?.monotonic ?? 0;
  const clock = openClock();
  return clock === null ? performance.timeOrigin : clock(monotonic) - threadMs();
}

const NANOSECONDS_PER_MS = 1_000_000;
const WORD = 2 ** 32;
const TIMESPEC_BYTES = 16;

/** Reads a clock in ms. Throws where there is no such library or function. */
function clockOf(foreign: ForeignFunctions, name: string): (clock: number) => number {
  const library = foreign.dlopen(name, { clock_gettime: { args: ['i32', 'ptr'], returns: 'i32' } });
  // `struct timespec` of a 64-bit machine: seconds and nanoseconds, 64 bits each; read as halves, which makes no BigInt. On
  // a buffer of its own, and given as such at each call: a short array without one lies on the collector's heap and may
  // move away from a pointer that was taken once, and the library would write over something else.
  const timespec = new Uint32Array(new ArrayBuffer(TIMESPEC_BYTES));
  const read = (clock: number): number => {
    library.symbols.clock_gettime(clock, timespec);
    const seconds = (timespec[1] ?? 0) * WORD + (timespec[0] ?? 0);
    return seconds * 1000 + (timespec[2] ?? 0) / NANOSECONDS_PER_MS;
  };
  const difference = read(WALL_CLOCK) - RealDate.now();
  if (!Number.isFinite(difference)) throw new Error(`clock_gettime of ${name} gives no time`);
  return read;
}

/** In a later library of TypeScript than this project's. */
const atomics = Atomics as unknown as {
  waitAsync?(
    array: Int32Array,
    index: number,
    value: number,
    timeoutMs: number,
  ): { readonly async: boolean; readonly value: Promise<unknown> | string };
};

function everyWait(intervalMs: number, callback: () => void): () => void {
  const cell = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const run = async (): Promise<void> => {
    while (Atomics.load(cell, 0) === 0) {
      await atomics.waitAsync?.(cell, 0, 0, intervalMs).value;
      if (Atomics.load(cell, 0) === 0) callback();
    }
  };
  void run();
  return () => {
    Atomics.store(cell, 0, 1);
    Atomics.notify(cell, 0);
  };
}
