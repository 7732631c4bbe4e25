/**
 * A lock in one word of shared memory: held for well under a microsecond, so a waiter spins first and then sleeps in short naps
 * (a holder that was preempted comes back by itself; nobody has to wake us).
 */

const SPINS_BEFORE_NAP = 200;
const NAP_MS = 0.1;
const napping = new Int32Array(new SharedArrayBuffer(4));

/** One turn of waiting: `spins` is how many came before. */
export function backOff(spins: number): void {
  if (spins >= SPINS_BEFORE_NAP) Atomics.wait(napping, 0, 0, NAP_MS);
}

/** Takes the lock at `words[index]`: 0 is free, 1 held. Not reentrant. */
export function lock(words: Int32Array, index: number): void {
  for (let spins = 0; Atomics.compareExchange(words, index, 0, 1) !== 0; spins += 1) backOff(spins);
}

/** Takes the lock if it is free. */
export function tryLock(words: Int32Array, index: number): boolean {
  return Atomics.compareExchange(words, index, 0, 1) === 0;
}

export function unlock(words: Int32Array, index: number): void {
  Atomics.store(words, index, 0);
}

/** Takes a lock that shares its word with other bits: `bit` is the lock, the rest is kept. */
export function lockBit(words: Int32Array, index: number, bit: number): void {
  for (let spins = 0; ; spins += 1) {
    const word = Atomics.load(words, index);
    if ((word & bit) === 0 && Atomics.compareExchange(words, index, word, word | bit) === word) return;
    backOff(spins);
  }
}

/** Lets go of a lock taken with `lockBit`; the holder may have changed the other bits. */
export function unlockBit(words: Int32Array, index: number, bit: number): void {
  Atomics.store(words, index, words[index]! & ~bit);
}
