/** One data thread as the control thread sees it: started, listening, ended. */
import { type MessagePort, Worker } from 'node:worker_threads';
import { type ErrorCode, ShoalError } from '../../base/errors.ts';
import type { LastWill } from '../../persistence/persistence-state.ts';
import type { Log } from '../environment.ts';
import type { ThreadReport, ThreadStart } from './thread-start.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ThreadListener {
  readonly log: Log;
  /** The thread died of an error, which is a bug. */
  readonly onDeath: (error: Error) => void;
  /** A client asked the node to stop. */
  readonly onStopAsked: (last: LastWill) => void;
}

export class RunningThread {
  readonly number: number;
  /** Rejects as `Transport.listen` does, or with what the thread died of. */
  readonly listening: Promise<Address>;
  /** Resolves when the thread is gone. */
  readonly ended: Promise<void>;

  constructor(start: ThreadStart, { log, onDeath, onStopAsked }: ThreadListener) {
    this.number = start.thread;
    // The compiled module stands beside this one under the ending that this one has.
    const file = import.meta.url.endsWith('.ts') ? './data-thread-worker.ts' : './data-thread-worker.js';
    const worker = new Worker(new URL(file, import.meta.url), {
      workerData: start,
      transferList: start.ports.filter((port): port is MessagePort => port !== null),
      // Flags that the process was started with are for its own program.
      execArgv: [],
    });
    this.ended = new Promise((resolve) => {
      worker.once('exit', () => resolve());
    });
    this.listening = new Promise((resolve, reject) => {
      worker.on('message', (report: ThreadReport) => {
        switch (report.kind) {
          case 'log':
            log(report.level, report.message);
            break;
          case 'listening':
            resolve({ host: report.host, port: report.port });
            break;
          case 'refused':
            reject(new ShoalError(report.code as ErrorCode, report.message));
            break;
          case 'stopAsked':
            onStopAsked(report.last);
            break;
        }
      });
      worker.once('error', (error) => {
        reject(error);
        onDeath(error);
      });
      worker.once('exit', () => reject(new Error(`data thread ${start.thread} ended before it listened`)));
    });
    // Nobody need wait for a thread's port: where the first is refused, the others never start.
    this.listening.catch(() => {});
  }
}
