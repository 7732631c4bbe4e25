/** Entry of a data thread that is a thread of its own: listens, reports its port, serves until it is told to stop. */
import { parentPort, workerData } from 'node:worker_threads';
import { CopyTable } from '../../cluster/copy-table.ts';
import { ReplicaTable } from '../../cluster/replica-table.ts';
import { SlotTable } from '../../cluster/slot-table.ts';
import { ShoalError } from '../../base/errors.ts';
import { wakeReactor } from '../../io/epoll/reactor.ts';
import { PersistenceState } from '../../persistence/persistence-state.ts';
import type { Listener } from '../../io/transport.ts';
import { Store } from '../../store/store.ts';
import { assembleDataThread, type AssemblyParts } from '../assembly.ts';
import { TICK_INTERVAL_MS } from '../connection-sweep.ts';
import { systemEnvironment, type NodeEnvironment } from '../environment.ts';
import { InlineJanitor } from '../store-host.ts';
import { TrackingMemory } from '../tracking/tracking-memory.ts';
import { Mailbox, wakeThread } from './mailbox.ts';
import { PeerThreads } from './peer-threads.ts';
import { SharedState } from './shared-state.ts';
import { EpollHost, EventLoopHost } from './thread-host.ts';
import type { ThreadReport, ThreadStart } from './thread-start.ts';

const start = workerData as ThreadStart;
const { thread, threadCount, options, identity, itemVersionSeed } = start;

const shared = new SharedState(start.shared);
const mailbox = new Mailbox(shared, thread, start.ports, wakeReactor);
const system = systemEnvironment();
const host =
  start.transport === 'bun'
    ? new EventLoopHost(system.timers, (onMail) => mailbox.listen(onMail))
    : new EpollHost({
        transport: start.transport,
        shared,
        thread,
        threadCount,
        handOver: (to, descriptor) => mailbox.post(to, { kind: 'connection', descriptor }),
        onExhausted: (error) => warn(`connections wait to be accepted: ${error.message}`),
        onRingRefused: (error) => warn(`data thread ${thread} sends without io_uring: ${error.message}`),
      });
const environment: NodeEnvironment = {
  ...system,
  timers: host.timers,
  log: (level, message) => report({ kind: 'log', level, message }),
};
const store = Store.attach(start.store, thread);
const threads = new PeerThreads(thread, threadCount, mailbox, store.parts.exclusive);
const {
  thread: dataThread,
  sweep,
  services,
} = assembleDataThread({
  options,
  environment,
  store,
  identity,
  shared,
  threads,
  mail: threads,
  transport: host.transport,
  slots: start.slots === null ? null : SlotTable.attach(start.slots),
  ...(start.copies === null ? {} : { copies: CopyTable.attach(start.copies) }),
  ...(start.replicas === null ? {} : { replicas: replicasOf(start.replicas) }),
  itemVersionSeed,
  persistence: start.persistence === null ? null : PersistenceState.attach(start.persistence),
  tracking: new TrackingMemory(start.tracking, threadCount),
  askToStop: start.isProcess ? (last) => report({ kind: 'stopAsked', last }) : null,
});
if (start.transport !== 'bun') dataThread.onConnectionGone = () => shared.unplaceConnection(thread);
threads.serve({
  answering: { node: services, control: dataThread.control },
  adopt: (descriptor) => host.adopt(descriptor),
  stop: () => void stop(),
});
const janitor = start.runsJanitor ? new InlineJanitor(start.store, () => threads.readMail()) : null;
const listener = await listen();
if (listener !== null) {
  identity.host = listener.host;
  identity.port = listener.port;
  if (host.wakeDescriptor !== null) shared.setWakeDescriptor(thread, host.wakeDescriptor);
  const timer = host.timers.every(TICK_INTERVAL_MS, () => {
    sweep.tick();
    janitor?.tick(environment.clock.nowMs());
  });
  report({ kind: 'listening', host: listener.host, port: listener.port });
  // Mail may have come before there was anybody to wake.
  dataThread.mailArrived();
  await host.run(() => dataThread.mailArrived());
  timer.stop();
}
mailbox.close();
// Whatever the runtime still holds open must not keep the thread.
process.exit(0);

/** The control thread sends to replicas, and is woken where somebody waits for them. */
function replicasOf(memory: SharedArrayBuffer): NonNullable<AssemblyParts['replicas']> {
  return { positions: ReplicaTable.attach(memory), ask: () => wakeThread(shared, threadCount, wakeReactor) };
}

async function listen(): Promise<Listener | null> {
  const { host: address } = options;
  try {
    const sharing = start.portSharing === null ? {} : { portShared: start.portSharing };
    return await host.listen({ host: address, port: start.port, ...sharing }, dataThread);
  } catch (error) {
    if (!(error instanceof ShoalError)) throw error;
    report({ kind: 'refused', code: error.code, message: error.message });
    return null;
  }
}

async function stop(): Promise<void> {
  await listener?.close();
  host.stop();
}

function warn(message: string): void {
  report({ kind: 'log', level: 'warn', message });
}

function report(message: ThreadReport): void {
  parentPort?.postMessage(message);
}
