/** The one `ExecutionContext` of a data thread, with its scratch; the thread sets it up before each command. */
import type { Limits } from '../config/node-options.ts';
import type { StoreApi } from '../store/api.ts';
import { KeyBatch } from '../store/key-batch.ts';
import { ItemInfo, ItemSnapshot, Key, WriteOptions } from '../store/types.ts';
import type { ConnectionControl, ExecutionContext } from './execution-context.ts';
import type { NodeServices } from './node-services.ts';
import type { Session } from './session.ts';

export class MutableContext implements ExecutionContext {
  readonly store: StoreApi;
  readonly limits: Limits;
  readonly random01: () => number;
  readonly node: NodeServices;
  database = 0;
  nowMs = 0;
  readonly key = new Key();
  readonly otherKey = new Key();
  readonly writeOptions = new WriteOptions();
  readonly info = new ItemInfo();
  readonly snapshot = new ItemSnapshot();
  readonly otherSnapshot = new ItemSnapshot();
  readonly batch = new KeyBatch();
  /** Set by the data thread before the first command. */
  session!: Session;
  control!: ConnectionControl;

  constructor(store: StoreApi, limits: Limits, node: NodeServices, random01: () => number) {
    this.store = store;
    this.limits = limits;
    this.node = node;
    this.random01 = random01;
  }
}
