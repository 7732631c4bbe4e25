/**
 * What one thread may ask all others, with what it asks and what each answers. The answers are in `answers.ts`. Plain data, since it
 * travels between threads.
 */
import type { ClientType } from '../session.ts';
import type { ThreadFigures } from '../thread-figures.ts';

export interface Questions {
  /** CLIENT LIST: the sessions, described as of `nowMs`. */
  readonly clients: { readonly ask: { readonly nowMs: number }; readonly answer: readonly ClientLine[] };
  /** CLIENT KILL: closes the sessions that match; how many. */
  readonly kill: { readonly ask: KillFilter; readonly answer: number };
  /** CLIENT TRACKING: the number of the thread that serves the client; null where it is another's. */
  readonly thread: { readonly ask: { readonly clientId: number }; readonly answer: number | null };
  /** INFO: what a thread counts for itself. */
  readonly figures: { readonly ask: null; readonly answer: ThreadFigures };
  /** CONFIG SET: takes over values that the asker has checked. */
  readonly configure: { readonly ask: readonly (readonly [name: string, text: string])[]; readonly answer: null };
  /** CONFIG RESETSTAT. */
  readonly resetFigures: { readonly ask: null; readonly answer: null };
  /** CLIENT PAUSE. */
  readonly pause: { readonly ask: { readonly mode: 'write' | 'all'; readonly untilMs: number }; readonly answer: null };
  /** CLIENT UNPAUSE. */
  readonly unpause: { readonly ask: null; readonly answer: null };
  /** CLIENT UNBLOCK: whether that session waited in a command, which is answered as if its time were over, or with an error. */
  readonly unblock: { readonly ask: { readonly id: number; readonly reason: UnblockReason }; readonly answer: boolean };
}

export type Question = keyof Questions;

export type UnblockReason = 'timeout' | 'error';

export interface ClientLine {
  readonly id: number;
  readonly type: ClientType;
  /** As in CLIENT LIST, without a line end. */
  readonly line: string;
}

export interface KillFilter {
  readonly id: number | null;
  readonly type: ClientType | null;
  readonly address: string | null;
  readonly localAddress: string | null;
  /** The session that kills: it is spared, or closed after its reply. */
  readonly killerId: number;
  readonly sparesKiller: boolean;
}
