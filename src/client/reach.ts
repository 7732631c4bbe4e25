/** To reach nodes whatever keys they have: the ping of one, the first of all that answers; and the error where the client was closed. */
import { ShoalError } from '../base/errors.ts';
import { Opcode } from '../protocol/shoal/frame.ts';
import { doneAnswer } from './answers.ts';
import { Request } from './request.ts';
import type { Router } from './router.ts';
import type { Sender } from './sender.ts';

export function pingRequest(): Request {
  return new Request(Opcode.ping, '', true, doneAnswer);
}

/** Resolves once a node has answered and, where it is in a cluster, has told its topology, which may take `timeoutMs`. */
export async function reachAny<V>(router: Router, sender: Sender<V>, timeoutMs: number): Promise<void> {
  const attempts = router.all.map(({ pool }) => sender.send(pingRequest(), undefined, pool));
  if (attempts.length > 0) await firstFulfilled(attempts);
  await router.whenDecided(timeoutMs);
}

/** The first that succeeds; where none does, the first one's error. */
async function firstFulfilled(attempts: readonly Promise<unknown>[]): Promise<void> {
  try {
    await Promise.any(attempts);
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}

export function closedError(): ShoalError {
  return new ShoalError('ClientClosed', 'the client was closed');
}
