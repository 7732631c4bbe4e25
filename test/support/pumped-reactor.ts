/**
 * An epoll reactor on the test's own thread: a round of it in each turn of the event loop, so that peers of the same process get their turns
 * too.
 */
import { EpollReactor } from '../../src/io/epoll/reactor.ts';

export class PumpedReactor implements Disposable {
  readonly reactor = new EpollReactor();
  private pumping = true;

  constructor() {
    const pump = (): void => {
      if (!this.pumping) return;
      this.reactor.turn(0);
      setImmediate(pump);
    };
    pump();
  }

  [Symbol.dispose](): void {
    this.pumping = false;
    this.reactor.close();
  }
}
