/**
 * What a handler works with. One per data thread, set up again before each command: no object per request.
 */
import type { Limits } from '../config/node-options.ts';
import type { StoreApi } from '../store/api.ts';
import type { KeyBatch } from '../store/key-batch.ts';
import type { ItemInfo, ItemSnapshot, Key, WriteOptions } from '../store/types.ts';
import type { NodeServices } from './node-services.ts';
import type { Session } from './session.ts';

/** All that a command on keys and values needs. */
export interface KeyspaceContext {
  readonly store: StoreApi;
  readonly limits: Limits;
  /** The session's selected database. */
  database: number;
  /** ms since 1970; the same for a batch of commands. */
  nowMs: number;
  /** In [0, 1). */
  readonly random01: () => number;
  // Scratch, for use within one handler call:
  readonly key: Key;
  readonly otherKey: Key;
  readonly writeOptions: WriteOptions;
  readonly info: ItemInfo;
  readonly snapshot: ItemSnapshot;
  readonly otherSnapshot: ItemSnapshot;
  readonly batch: KeyBatch;
}

export interface ExecutionContext extends KeyspaceContext {
  session: Session;
  readonly node: NodeServices;
}
