/** Makes those who write to the slots of a move wait, while the move cannot keep up with them; and remembers that somebody has to tell them when they may go on. */
import type { ChangeLog } from '../changes/change-log.ts';

export class WriterHold {
  /** Whether they wait. */
  isOn = false;
  private readonly log: ChangeLog;
  private readonly slots: readonly number[];
  private hasEnded = false;

  constructor(log: ChangeLog, slots: readonly number[]) {
    this.log = log;
    this.slots = slots;
  }

  set(on: boolean): void {
    if (on === this.isOn) return;
    this.isOn = on;
    this.log.setWritersWait(this.slots, on);
    if (!on) this.hasEnded = true;
  }

  /** Whether it has ended since this was last asked. */
  takeEnded(): boolean {
    const ended = this.hasEnded;
    this.hasEnded = false;
    return ended;
  }
}
