/** A state store with its listener, as tests of the stores use them: short times, ended with the test. */
import { openStateStore, type OpenStateStoreOptions } from '../../src/coordinator/state/open-state-store.ts';
import type { StateStore, StoredState } from '../../src/coordinator/state/state-store.ts';
import { RecordingListener } from './state-listener.ts';

/** The shortest that etcd gives with the members' settings of the tests, and all else in proportion. */
export const SHORT_TIMING = { electionMs: 1000, attemptMs: 400, pollMs: 300, againMs: 20 };

/** For who is not to lose the election, however busy the machine is. */
export const LASTING_TIMING = { ...SHORT_TIMING, electionMs: 15_000, writeMs: 15_000 };

export class StateCoordinator implements AsyncDisposable {
  readonly store: StateStore;
  readonly listener = new RecordingListener();
  readonly address: string;

  constructor(spec: string, address: string, options: OpenStateStoreOptions = {}) {
    this.address = address;
    this.store = openStateStore(spec, { etcdTiming: LASTING_TIMING, ...options });
  }

  static async start(spec: string, address: string, options: OpenStateStoreOptions = {}): Promise<StateCoordinator> {
    const coordinator = new StateCoordinator(spec, address, options);
    await coordinator.start();
    return coordinator;
  }

  async start(): Promise<void> {
    await this.store.start(this.address, this.listener);
  }

  /** Resolves at the next election of this one. */
  async elected(): Promise<StoredState> {
    return (await this.listener.next('elected')).state;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
  }
}
