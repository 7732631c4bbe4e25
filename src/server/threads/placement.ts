/** Which transport a node uses, how many data threads it has, and whether they are threads of their own: by options and machine. Pure. */
import { ShoalError } from '../../base/errors.ts';
import type { NodeOptions } from '../../config/node-options.ts';
import { effectiveMode } from '../../config/persistence-options.ts';
import { threadCountMax } from '../../store/memory.ts';

export interface Machine {
  readonly runtime: 'bun' | 'node';
  /** Cores that this process may use. */
  readonly cores: number;
  /** Whether epoll can be used from this runtime; tried only where it would be chosen. */
  readonly hasEpoll: () => boolean;
  /** The same for io_uring. */
  readonly hasRing: () => boolean;
}

export type Placement = OwnThreads | CallersThread;

/** Data threads are threads of their own. */
export interface OwnThreads {
  readonly ownThreads: true;
  readonly transport: 'epoll' | 'io_uring' | 'bun';
  readonly threadCount: number;
}

/** The one data thread is the caller's. */
export interface CallersThread {
  readonly ownThreads: false;
  readonly transport: 'bun' | 'node';
}

/**
 * `wantsOwnThreads`: see `NodeParts.ownThreads`. Throws a ShoalError `InvalidOption` for a transport that the machine does not have, and
 * for more threads than the transport or the memory allows.
 */
export function placeThreads(options: NodeOptions, wantsOwnThreads: boolean, machine: Machine): Placement {
  const transport = chooseTransport(options, wantsOwnThreads, machine);
  const clustered = options.cluster.coordinators !== '';
  const most = threadCountMax({ ...options, clustered, kept: effectiveMode(options.persistence) !== 'off' });
  const { threadCount: wanted } = options;
  if (transport === 'node') {
    if (wanted > 1) {
      throw new ShoalError(
        'InvalidOption',
        'threads: node:net serves from one thread; use 1, or Bun and another transport',
      );
    }
    return { ownThreads: false, transport };
  }
  if (wanted > most) {
    throw new ShoalError('InvalidOption', `threads: the memory is enough for ${most} data threads, not for ${wanted}`);
  }
  const threadCount = wanted === 0 ? Math.max(1, Math.min(machine.cores, most)) : wanted;
  if (transport === 'bun' && threadCount === 1 && !wantsOwnThreads) return { ownThreads: false, transport };
  return { ownThreads: true, transport, threadCount };
}

function chooseTransport(options: NodeOptions, wantsOwnThreads: boolean, machine: Machine): Placement['transport'] {
  const { transport, threadCount } = options;
  if (transport === 'auto') {
    if (machine.runtime === 'node') return 'node';
    const ownThreads = wantsOwnThreads || threadCount !== 1;
    if (!ownThreads || !machine.hasEpoll()) return 'bun';
    return machine.hasRing() ? 'io_uring' : 'epoll';
  }
  if ((transport === 'epoll' || transport === 'io_uring') && !machine.hasEpoll()) {
    throw new ShoalError(
      'InvalidOption',
      `transport "${transport}" needs Linux and the Bun runtime; use "auto", or start shoal with Bun on Linux`,
    );
  }
  if (transport === 'io_uring' && !machine.hasRing()) {
    throw new ShoalError(
      'InvalidOption',
      'transport "io_uring" needs Linux 6.1, and a system that allows io_uring to this process (containers often do not); use "auto" or "epoll"',
    );
  }
  if (transport === 'bun' && machine.runtime === 'node') {
    throw new ShoalError(
      'InvalidOption',
      'transport "bun" needs the Bun runtime and this is Node; use "node" or "auto", or start shoal with Bun',
    );
  }
  return transport;
}
