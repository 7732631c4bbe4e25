/** The transports of data threads that this machine has. */
import { EpollReactor } from '../../src/io/epoll/reactor.ts';
import { SendRing } from '../../src/io/epoll/send-ring.ts';

export const THREAD_TRANSPORTS: readonly ('io_uring' | 'epoll' | 'bun')[] = [
  ...(SendRing.isAvailable() && EpollReactor.isAvailable() ? (['io_uring'] as const) : []),
  ...(EpollReactor.isAvailable() ? (['epoll'] as const) : []),
  'bun',
];
