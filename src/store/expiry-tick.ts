/**
 * Expiries as the segment table keeps them: ticks of 256 ms since November 2023 in an Int32, a lower bound that tells the janitor which
 * segments may hold something expired. What a command sees is exact and does not depend on ticks.
 */

const TICK_MS = 256;
const TICK_ORIGIN_MS = 1_700_000_000_000;
/** The tick of what never expires. */
export const NEVER_TICK = 0x7fff_ffff;

/** The tick that `atMs` falls in; times before the origin and after 2041 fall in the first and last one. */
export function expiryTick(atMs: number): number {
  const tick = Math.floor((atMs - TICK_ORIGIN_MS) / TICK_MS);
  return Math.min(Math.max(tick, 0), NEVER_TICK - 1);
}

/** Lowers `control[index]` to the tick of `expiresAtMs`. Any thread, at any time. */
export function noteExpiry(control: Int32Array, index: number, expiresAtMs: number): void {
  noteExpiryTick(control, index, expiryTick(expiresAtMs));
}

/** Lowers `control[index]` to `tick`. */
export function noteExpiryTick(control: Int32Array, index: number, tick: number): void {
  for (;;) {
    const known = Atomics.load(control, index);
    if (known <= tick || Atomics.compareExchange(control, index, known, tick) === known) return;
  }
}
