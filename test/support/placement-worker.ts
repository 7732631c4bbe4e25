/** One of two threads that place a connection at the same time, again and again, and take both away before the next. Tells where its own went. */
import { parentPort, workerData } from 'node:worker_threads';
import { SharedState } from '../../src/server/threads/shared-state.ts';

export interface PlacementWork {
  readonly shared: SharedArrayBuffer;
  /** One word: how often a thread has come to where it waits for the other. */
  readonly meetings: SharedArrayBuffer;
  readonly rounds: number;
}

const { shared, meetings, rounds } = workerData as PlacementWork;
const state = new SharedState(shared);
const met = new Int32Array(meetings);
let meetingCount = 0;

function meet(): void {
  meetingCount += 1;
  Atomics.add(met, 0, 1);
  while (Atomics.load(met, 0) < 2 * meetingCount);
}

const chosen: number[] = [];
for (let round = 0; round < rounds; round += 1) {
  meet();
  const thread = state.placeConnection(0, 2);
  chosen.push(thread);
  meet();
  state.unplaceConnection(thread);
}
parentPort?.postMessage(chosen);
