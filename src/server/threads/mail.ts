/** What threads of a node tell each other. Plain data: it is copied on its way. */
import type { ClusterNews } from '../cluster/thread-cluster.ts';
import type { KeyChanges } from '../tracking/key-changes.ts';
import type { ChangedKeys } from '../tracking/tracking-messages.ts';
import type { Question, Questions } from './questions.ts';

export type Mail =
  /** PUBLISH: for the receiver's own subscribers. */
  | { readonly kind: 'message'; readonly channel: Uint8Array; readonly message: Uint8Array }
  /** How many sessions of the sender now listen to these names. */
  | { readonly kind: 'subscribers'; readonly from: number; readonly changes: readonly SubscriberCount[] }
  /** How many sessions of the sender now are in MONITOR. */
  | { readonly kind: 'monitors'; readonly from: number; readonly count: number }
  /** A line for the receiver's sessions in MONITOR. */
  | { readonly kind: 'monitorLine'; readonly line: Uint8Array }
  /** Keys that changed, which clients of the receiver may hold. */
  | { readonly kind: 'keysChanged'; readonly changes: KeyChanges }
  /** All keys may have changed. */
  | { readonly kind: 'allChanged' }
  /** For the receiver's client `client`: what the sender's client `source` redirects to it. */
  | {
      readonly kind: 'tellClient';
      readonly client: number;
      readonly keys: ChangedKeys;
      readonly from: number;
      readonly source: number;
    }
  /** The client `target`, to which the receiver's client `source` redirects, is gone. */
  | { readonly kind: 'redirectBroken'; readonly source: number; readonly target: number }
  /** An accepted connection, for the receiver to serve. */
  | { readonly kind: 'connection'; readonly descriptor: number }
  | { readonly kind: 'question'; readonly from: number; readonly id: number; readonly question: AnyQuestion }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  /** From the control thread: what stands beside the slot table has changed. */
  | { readonly kind: 'cluster'; readonly news: ClusterNews }
  /** From the control thread: the slot table has changed, so what waits for a slot is to be looked at again. */
  | { readonly kind: 'slots' }
  /** From the control thread: close everything and end. */
  | { readonly kind: 'stop' };

export interface SubscriberCount {
  readonly isPattern: boolean;
  readonly name: Uint8Array;
  readonly count: number;
}

/** One of the questions, with what it asks. */
export type AnyQuestion = {
  readonly [Q in Question]: { readonly name: Q; readonly ask: Questions[Q]['ask'] };
}[Question];
