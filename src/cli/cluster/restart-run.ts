/**
 * Has nodes of a cluster start again, one after the other, and sees that each is back and everything whole before the next goes.
 *
 *     whole ──► asked ──► gives everything away ──► its process ends ──► another one is at its address ──► whole ──► the next
 *
 * All of it is in the coordinator's hands once it is asked: who only looks may go at any time, and the node goes on.
 */
import { ShoalError } from '../../base/errors.ts';
import type { NodeStatus, Status } from '../../protocol/cluster/messages.ts';
import { addressOf, emptyingText, whyNotWhole } from './restart-plan.ts';

const LOOK_AGAIN_MS = 200;
/** A node that has left goes on for a second before its process ends; who looked less than that before sees it as one that is to come back. */
const LOOK_GAP_MS_MAX = 900;

const WHAT_TO_DO =
  'nothing is lost, the others have all that it had. Start it, and have something start it whenever it ends (systemd Restart=always, a restart policy)';

export interface RestartParts {
  readonly status: () => Promise<Status>;
  readonly restart: (id: string) => Promise<void>;
  /** Monotonic. */
  readonly nowMs: () => number;
  readonly pause: (ms: number) => Promise<void>;
  /** A line that stays. */
  readonly say: (line: string) => void;
  /** What is waited for; each takes the place of the one before. */
  readonly show: (text: string) => void;
  /** How long it is waited for without anything getting on. */
  readonly timeoutMs: number;
}

/** What is still to happen, for people; null: nothing, it is done. */
type Look = (status: Status) => string | null | Promise<string | null>;

export class RestartRun {
  /** Addresses of those that have not started again, the present one first. */
  readonly left: string[];
  /** The node that was asked to start again and is not known to be back; null: there is none. */
  current: string | null = null;
  private readonly parts: RestartParts;
  private readonly nodes: readonly NodeStatus[];
  private readonly addresses: readonly string[];
  private lookedAtMs = Number.NEGATIVE_INFINITY;
  private isOver = false;

  /** `nodes` of the cluster that `status` tells of start again, in their order. */
  constructor(nodes: readonly NodeStatus[], status: Status, parts: RestartParts) {
    this.nodes = nodes;
    this.parts = parts;
    this.addresses = status.nodes.map(addressOf);
    this.left = nodes.map(addressOf);
  }

  /** Looks no more; what has begun goes on. */
  stop(): void {
    this.isOver = true;
  }

  /** Resolves once all are back, or `stop` was called. Rejects with a ShoalError that says who is not, and why. */
  async run(): Promise<void> {
    for (const [index, { id }] of this.nodes.entries()) {
      const { node } = await this.whole(id);
      if (this.isOver) return;
      const name = `${this.left[0]!} (${index + 1} of ${this.nodes.length})`;
      if (node === undefined) this.parts.say(`${name} has started again by itself meanwhile`);
      else await this.startAgain(node, name);
      if (this.isOver) return;
      this.left.shift();
      this.current = null;
    }
  }

  private async startAgain(node: NodeStatus, name: string): Promise<void> {
    const { say, nowMs, show } = this.parts;
    const { id } = node;
    const address = addressOf(node);
    const startMs = nowMs();
    say(`${name}: ${emptyingText(node)}`);
    this.current = address;
    await this.ask(id);
    const hasDied = await this.emptied(id, address);
    const ends = `${address} ends and starts again`;
    await this.follow(
      ({ nodes }) => (nodes.some((one) => addressOf(one) === address) ? null : ends),
      (text) =>
        text === ends && !hasDied ? `${address} has ended in order and does not come back; ${WHAT_TO_DO}` : text,
    );
    await this.whole(id);
    show('');
    if (this.isOver) return;
    if (hasDied) throw new ShoalError('ConnectionLost', `${address} died before it had given everything away`);
    say(`${name}: is back after ${((nowMs() - startMs) / 1000).toFixed(1)} s`);
  }

  /** Waits until nothing is missing; `node` as it is then. */
  private async whole(id: string): Promise<{ node: NodeStatus | undefined }> {
    let node: NodeStatus | undefined;
    await this.follow((status) => {
      node = status.nodes.find((one) => one.id === id);
      return whyNotWhole(status, this.addresses);
    });
    return { node };
  }

  /** Asks until the coordinator knows of it. It may know already where an answer was lost. */
  private async ask(id: string): Promise<void> {
    let tries = 0;
    await this.follow(async ({ nodes }) => {
      const node = nodes.find((one) => one.id === id);
      if (node?.isRestarting === true || (node === undefined && tries > 0)) return null;
      tries += 1;
      await this.parts.restart(id);
      return null;
    });
  }

  /** Waits until the node has gone. Returns whether it died with something that others did not have. */
  private async emptied(id: string, address: string): Promise<boolean> {
    let hasDied = false;
    await this.follow(({ nodes, returning }) => {
      const sinceMs = this.parts.nowMs() - this.lookedAtMs;
      const node = nodes.find((one) => one.id === id);
      hasDied = node === undefined && !returning.includes(address) && sinceMs < LOOK_GAP_MS_MAX;
      if (node === undefined) return null;
      if (!node.isRestarting) throw new ShoalError('Aborted', `${address} is not to start again any more (undrain)`);
      return `${address} has ${node.slots} slots and copies ${node.replicaSlots}, which others are to have first`;
    });
    return hasDied;
  }

  /** Looks until `look` finds nothing left to wait for. Rejects with `Timeout` where nothing gets on. */
  private async follow(look: Look, stalled: (text: string) => string = (text) => text): Promise<void> {
    const { nowMs, pause, show, timeoutMs } = this.parts;
    let sign = '';
    let movedAtMs = nowMs();
    while (!this.isOver) {
      const { text, progress } = await this.looked(look);
      if (text === null) return;
      show(text);
      if (`${text} ${progress}` !== sign) movedAtMs = nowMs();
      sign = `${text} ${progress}`;
      if (nowMs() - movedAtMs >= timeoutMs) {
        throw new ShoalError('Timeout', `nothing has got on for ${timeoutMs / 1000} s: ${stalled(text)}`);
      }
      await pause(LOOK_AGAIN_MS);
    }
  }

  /** A coordinator that is silent, or about to be elected, is asked again. */
  private async looked(look: Look): Promise<{ text: string | null; progress: string }> {
    try {
      const status = await this.parts.status();
      const text = await look(status);
      this.lookedAtMs = this.parts.nowMs();
      return { text, progress: progressOf(status) };
    } catch (error) {
      if (!(error instanceof ShoalError) || !error.retryable || error.code === 'ConnectionLost') throw error;
      return { text: error.message, progress: '' };
    }
  }
}

/** Another text whenever something gets on. */
function progressOf({ moves, nodes }: Status): string {
  const moved = moves.map(({ id, items }) => `${id}:${items}`);
  return [...moved, ...nodes.map(({ syncedSlots }) => syncedSlots)].join(' ');
}
