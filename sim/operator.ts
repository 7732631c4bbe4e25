/** The person at the command line: asks one coordinator after the other until the elected one does what is wanted, or time is over. */
import { decodeCoordinatorAnswer } from '../src/protocol/cluster/message-reader.ts';
import { type AdminRequest, encodeMessage } from '../src/protocol/cluster/messages.ts';
import type { SimProcess } from './process.ts';
import type { World } from './world.ts';

const TRIES_MAX = 40;
const TIMEOUT_MS = 500;
const PAUSE_MS = 100;

export class Operator {
  private readonly world: World;
  private readonly process: SimProcess;

  constructor(world: World) {
    this.world = world;
    this.process = world.newProcess('op');
  }

  ask(request: AdminRequest): void {
    this.attempt(request, 0, this.world.coordinatorAddresses[0]!);
  }

  private attempt(request: AdminRequest, tries: number, address: string): void {
    const { control, trace, coordinatorAddresses } = this.world;
    const call = { from: this.process, address, request: encodeMessage(request), timeoutMs: TIMEOUT_MS };
    control.call(call, (bytes) => {
      const answer = bytes === null ? null : decodeCoordinatorAnswer(bytes);
      const text = answer === null ? 'no answer' : answer.type === 'refused' ? `refused, ${answer.text}` : answer.type;
      trace.note('op', () => `${request.type} at ${address}: ${text}`);
      if (answer !== null && answer.type !== 'notLeader') return;
      if (tries >= TRIES_MAX) return;
      const leader = answer?.leader ?? coordinatorAddresses[tries % coordinatorAddresses.length]!;
      this.process.after(PAUSE_MS, () => this.attempt(request, tries + 1, leader));
    });
  }
}
