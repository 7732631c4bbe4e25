/**
 * Starts a whole node: the store, its janitor, the disk thread where data is kept, data threads, and listeners. Stopped, it leaves nothing behind. Any number of nodes live
 * in one process, each with a store of its own.
 *
 * It takes options that are checked already: `shoal serve` and `ShoalNode` (node.ts) check what people gave them.
 */
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { NodeOptions } from '../config/node-options.ts';
import { EpollReactor } from '../io/epoll/reactor.ts';
import { SendRing } from '../io/epoll/send-ring.ts';
import { currentRuntime } from '../io/select-transport.ts';
import type { Transport } from '../io/transport.ts';
import { warnOfDescriptorLimit } from './assembly.ts';
import { systemEnvironment } from './environment.ts';
import type { NodeEnvironment } from './environment.ts';
import { startInlineNode } from './inline-node.ts';
import type { LoadingProgress } from './persistence/disk-start.ts';
import type { NodeStart, RunningNode } from './running-node.ts';
import { placeThreads } from './threads/placement.ts';

/** What a node is built from beyond its options; each has a default. */
export interface NodeParts {
  /** Threads of the node's own take only its log; their clock and timers are the machine's. */
  readonly environment?: NodeEnvironment;
  /** For a data thread on the caller's own thread; a test's. */
  readonly transport?: Transport;
  /** Shoal's version, as INFO shows it. */
  readonly version?: string;
  /**
   * Whether data threads are threads of their own even where one could run on the caller's: for a process that is nothing but
   * a node. By default only several threads are, and a transport that blocks its thread.
   */
  readonly ownThreads?: boolean;
  /** Called while what is on disk is loaded, before the node listens. */
  readonly onLoading?: (progress: LoadingProgress) => void;
}

/** Rejects with a ShoalError where an option does not fit this machine, the data folder cannot be used, or the address cannot be listened on. */
export async function startNode(options: NodeOptions, parts: NodeParts = {}): Promise<RunningNode> {
  const environment = parts.environment ?? systemEnvironment();
  const runtime = currentRuntime();
  const placement = placeThreads(options, parts.ownThreads ?? false, {
    runtime,
    cores: availableParallelism(),
    hasEpoll: () => EpollReactor.isAvailable(),
    hasRing: () => SendRing.isAvailable(),
  });
  const start: NodeStart = {
    options,
    environment,
    identity: {
      runId: randomBytes(20).toString('hex'),
      startedAtMs: environment.clock.nowMs(),
      processId: process.pid,
      version: parts.version ?? 'unknown',
      transportName: parts.transport?.name ?? placement.transport,
      host: options.host,
      port: options.port,
    },
    itemVersionSeed: await itemVersionSeed(options),
    isProcess: parts.ownThreads ?? false,
    onLoading: parts.onLoading ?? (() => {}),
  };
  warnOfDescriptorLimit(options, environment);
  if (parts.transport !== undefined) return startInlineNode(start, parts.transport);
  if (!placement.ownThreads) return startInlineNode(start, placement.transport);
  // Loaded only here: most nodes inside applications have no thread of their own.
  const { startThreadedNode } = await import('./threads/threaded-node.ts');
  return startThreadedNode(start, placement);
}

/** A node by itself has a key of its own; those of a cluster have one in common. */
async function itemVersionSeed(options: NodeOptions): Promise<readonly [number, number]> {
  if (options.cluster.coordinators === '') return [randomBytes(4).readInt32LE(), randomBytes(4).readInt32LE()];
  const { clusterVersionSeed } = await import('./cluster/cluster-membership.ts');
  return clusterVersionSeed(options);
}
