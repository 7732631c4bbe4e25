/**
 * The connection of a move, from its source to its target, or of a stream to a replica: frames go as calls, each answered or not. Where one is not answered in time the connection
 * counts as lost, and a new one stands a little later, as the real link does it.
 */
import type { LinkPurpose, MoveLink, MoveLinkEvents } from '../src/cluster/move-link.ts';
import type { ClusterNode } from '../src/topology/topology.ts';
import type { SimProcess } from './process.ts';
import type { Chance } from './randomness.ts';
import type { World } from './world.ts';

const CONNECT_MS_MEAN = 2;
const FRAME_TIMEOUT_MS = 600;
const RECONNECT_MS = 50;
/** What a frame takes more than other messages: stores of a run are small, and a copy that is over at once meets no writes. */
const DELAYS_MS = [0, 5, 20, 60] as const;
/** The same of a stream to a replica, which may be far behind. */
const STREAM_DELAYS_MS = [0, 0, 20, 200] as const;

/** A frame as it travels: which kind it is says the opcode of the real one. */
export interface ItemFrame {
  readonly purpose: LinkPurpose;
  readonly bytes: Uint8Array;
}

export interface MoveLinkSetting {
  readonly world: World;
  readonly process: SimProcess;
  readonly chance: Chance;
  readonly target: ClusterNode;
  readonly purpose: LinkPurpose;
  readonly events: MoveLinkEvents;
}

export function openMoveLink({ world, process, chance, target, purpose, events }: MoveLinkSetting): MoveLink {
  const address = `${target.host}:${target.peerPort}`;
  // The same for all moves of a run, and for each stream another: of two replicas one is behind.
  const delayMs = purpose === 'move' ? world.chance('frames of moves').pick(DELAYS_MS) : chance.pick(STREAM_DELAYS_MS);
  let isClosed = false;
  let isUp = false;
  const connect = (waitMs: number): void => {
    process.after(waitMs + chance.exponential(CONNECT_MS_MEAN), () => {
      if (isClosed) return;
      isUp = true;
      events.up();
    });
  };
  const settle = (reply: Uint8Array | null): void => {
    if (isClosed) return;
    if (reply !== null) {
      events.replied(reply);
      return;
    }
    if (!isUp) return;
    isUp = false;
    events.down();
    connect(RECONNECT_MS);
  };
  connect(0);
  return {
    send(frame) {
      if (!isUp) return;
      process.after(delayMs, () => {
        if (isClosed) return;
        world.moves.call(
          { from: process, address, request: { purpose, bytes: frame }, timeoutMs: FRAME_TIMEOUT_MS },
          settle,
        );
      });
    },
    close() {
      isClosed = true;
    },
  };
}
