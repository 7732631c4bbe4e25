/** Keys by slot, for tests. */
import { keySlot } from '../../src/topology/slots.ts';

export function slotOf(key: string): number {
  const bytes = Buffer.from(key, 'latin1');
  return keySlot(bytes, 0, bytes.length);
}

/** The first `count` keys `prefix:0`, `prefix:1`, … whose slot is one that `wanted` holds for. */
export function keysWhere(wanted: (slot: number) => boolean, count: number, prefix = 'key'): string[] {
  const keys: string[] = [];
  for (let serial = 0; keys.length < count; serial += 1) {
    const key = `${prefix}:${serial}`;
    if (wanted(slotOf(key))) keys.push(key);
  }
  return keys;
}
