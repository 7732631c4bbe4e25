/**
 * Waits for one event. Unlike `once` of node:events it does not reject when an `error` event comes first: clients that
 * reconnect report each failed attempt in that way.
 */
import type { EventEmitter } from 'node:events';

/** Resolves with what the event carries. */
export function nextEvent(emitter: Pick<EventEmitter, 'once'>, name: string): Promise<readonly unknown[]> {
  return new Promise((resolve) => {
    emitter.once(name, (...args: unknown[]) => resolve(args));
  });
}
