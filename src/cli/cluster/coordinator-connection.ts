/** A connection of the command line to a coordinator: questions, each answered or explained. */
import { ShoalError } from '../../base/errors.ts';
import { resolveAddress } from '../../client/address.ts';
import { FrameLink } from '../../control/frame-link.ts';
import { MessageFault } from '../../protocol/cluster/json-fields.ts';
import { decodeCoordinatorAnswer } from '../../protocol/cluster/message-reader.ts';
import {
  type AdminRequest,
  type CoordinatorAnswer,
  encodeMessage,
  type Plan,
  type Status,
} from '../../protocol/cluster/messages.ts';
import { Opcode } from '../../protocol/shoal/frame.ts';

const ANSWER_MS_MAX = 5000;
/** A coordinator that does not lead says who does; so often that is followed. */
const REDIRECTS_MAX = 3;

/** Without the cluster's name, which the connection adds. */
type Question<R extends AdminRequest = AdminRequest> = R extends AdminRequest ? Omit<R, 'cluster'> : never;

export interface CoordinatorTarget {
  /** `host:port`, or several of them with commas: whoever answers knows who leads. */
  readonly address: string;
  /** Empty: none. */
  readonly password: string;
  readonly cluster: string;
}

export class CoordinatorConnection {
  private readonly target: CoordinatorTarget;
  private readonly addresses: readonly string[];
  private address: string;
  /** Index of the address that was tried last of those that we were told. */
  private turn = 0;
  private link: FrameLink;

  constructor(target: CoordinatorTarget) {
    this.target = target;
    this.addresses = target.address.split(',').map((address) => address.trim());
    this.address = this.addresses[0]!;
    this.link = this.linkTo(this.address);
  }

  status(): Promise<Status> {
    return this.ask({ type: 'status' }, 'status');
  }

  async drain(node: string): Promise<void> {
    await this.ask({ type: 'drain', node }, 'done');
  }

  async undrain(node: string): Promise<void> {
    await this.ask({ type: 'undrain', node }, 'done');
  }

  async weight(node: string, weight: number): Promise<void> {
    await this.ask({ type: 'weight', node, weight }, 'done');
  }

  rebalance(dryRun: boolean): Promise<Plan> {
    return this.ask({ type: 'rebalance', dryRun }, 'plan');
  }

  /** Null: as it is. */
  async limits(concurrentMoves: number | null, bytesPerSecond: number | null, replicas: number | null): Promise<void> {
    const wanted = replicas === null ? {} : { replicas };
    await this.ask({ type: 'limits', concurrentMoves, bytesPerSecond, ...wanted }, 'done');
  }

  async restart(node: string): Promise<void> {
    await this.ask({ type: 'restart', node }, 'done');
  }

  async failover(node: string): Promise<void> {
    await this.ask({ type: 'failover', node }, 'done');
  }

  async cancel(): Promise<void> {
    await this.ask({ type: 'cancel' }, 'done');
  }

  async forget(node: string): Promise<void> {
    await this.ask({ type: 'forget', node }, 'done');
  }

  close(): void {
    this.link.close();
  }

  /** Rejects with a ShoalError: `ServerError` with the coordinator's words where it refuses, `ConnectFailed` where nobody is there. */
  private async ask<T extends CoordinatorAnswer['type']>(
    question: Question,
    type: T,
  ): Promise<Extract<CoordinatorAnswer, { type: T }>> {
    const value = encodeMessage({ ...question, cluster: this.target.cluster });
    for (let redirects = 0, failures = 0; ; redirects += 1) {
      let answer: CoordinatorAnswer;
      try {
        answer = await this.exchange(value);
      } catch (error) {
        // Whoever another one named may be gone, or one that we were told of: the next of those is asked.
        this.turn = (this.turn + 1) % this.addresses.length;
        this.goTo(this.addresses[this.turn]!);
        failures += 1;
        if (failures >= this.addresses.length) throw error;
        continue;
      }
      if (answer.type === type) return answer as Extract<CoordinatorAnswer, { type: T }>;
      if (answer.type === 'refused') throw new ShoalError('ServerError', `${this.address}: ${answer.text}`);
      if (answer.type !== 'notLeader') {
        throw new ShoalError('UnexpectedResponse', `${this.address} answered ${answer.type} where ${type} was due`);
      }
      if (answer.leader === null || redirects === REDIRECTS_MAX) {
        throw new ShoalError('ConnectFailed', `${this.address} does not lead, and no coordinator does at the moment`);
      }
      this.goTo(answer.leader);
    }
  }

  private goTo(address: string): void {
    if (address === this.address) return;
    this.link.close();
    this.address = address;
    this.link = this.linkTo(address);
  }

  private exchange(value: Uint8Array): Promise<CoordinatorAnswer> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new ShoalError('Timeout', `the coordinator ${this.address} does not answer`));
      }, ANSWER_MS_MAX);
      this.link.send(Opcode.control, value, {
        answered: (answer) => {
          clearTimeout(timer);
          try {
            resolve(decodeCoordinatorAnswer(answer));
          } catch (error) {
            if (!(error instanceof MessageFault)) throw error;
            reject(new ShoalError('UnexpectedResponse', `${this.address}: ${error.message}`));
          }
        },
        failed: (reason) => {
          clearTimeout(timer);
          reject(new ShoalError('ConnectFailed', `the coordinator ${this.address} cannot be used: ${reason}`));
        },
      });
    });
  }

  private linkTo(address: string): FrameLink {
    const { host, port } = resolveAddress(address);
    return new FrameLink({ host, port, password: this.target.password, name: 'shoal-cli' });
  }
}
