/**
 * Two stores with their movers in one process, in virtual time: the moves of slots from the left one to the right one, over a connection that can be
 * cut, with the part of the agent that a move needs (pause, hand-over). For tests; nothing here waits.
 */
import { ChangeLog } from '../../src/changes/change-log.ts';
import type { LinkPurpose, MoveLinkEvents } from '../../src/cluster/move-link.ts';
import type { MoveReport } from '../../src/cluster/mover.ts';
import { ReplicaTable } from '../../src/cluster/replica-table.ts';
import { StoreMover } from '../../src/cluster/store-mover.ts';
import { controlRow } from '../../src/store/memory.ts';
import { Store } from '../../src/store/store.ts';
import type { ClusterNode, SlotMove } from '../../src/topology/topology.ts';

export const WALL_MS = 1_750_000_000_000;

const NODE: Omit<ClusterNode, 'id'> = {
  host: '127.0.0.1',
  port: 1,
  peerPort: 2,
  zone: '',
  weight: 1,
  state: 'active',
};
export const LEFT: ClusterNode = { ...NODE, id: 'a'.repeat(40) };
export const RIGHT: ClusterNode = { ...NODE, id: 'b'.repeat(40) };

export interface TwoMoversOptions {
  readonly memoryBytes?: number;
  readonly eviction?: 's3fifo' | 'noeviction';
  readonly changeLogBytes?: number;
  readonly bytesPerSecond?: number;
  readonly rightMemoryBytes?: number;
  /** Threads that write to the left store; 2 by default. */
  readonly threadCount?: number;
}

/** The connection of one move: what is on its way is lost with it. */
class Link {
  readonly events: MoveLinkEvents;
  requests: Uint8Array[] = [];
  replies: Uint8Array[] = [];
  isUp = false;
  isClosed = false;
  /** Replies to frames that came over an earlier connection go nowhere. */
  connection = 0;

  constructor(events: MoveLinkEvents) {
    this.events = events;
  }
}

export class TwoMovers {
  readonly left: Store;
  readonly right: Store;
  /** The left mover's access. */
  readonly leftControl: Store;
  readonly leftMover: StoreMover;
  readonly rightMover: StoreMover;
  readonly log: ChangeLog;
  nowMs = 0;
  /** Reports in the order of their coming, the left ones. */
  readonly leftReports: MoveReport[] = [];
  readonly rightReports: MoveReport[] = [];
  readonly purged: number[] = [];
  dropped = 0;
  isPaused = false;
  /** The left one has said that the right one may take over. */
  private isLetGo = false;
  /** The right one has the slots. */
  isHanded = false;
  error: string | null = null;
  /** Whether the slots are paused as soon as the source is ready. */
  pausesAtOnce = true;
  writersResumed = 0;
  /** Called when the slots are paused, and when they are not any more. */
  onPause: (paused: boolean) => void = () => {};
  /** Looks at, and may change or drop (null), each frame before it comes in. */
  tamper: (frame: Uint8Array) => Uint8Array | null = (frame) => frame;
  /** The target takes one frame in so many ms; 0: as they come. */
  frameEveryMs = 0;
  private frameAtMs = 0;
  private links: Link[] = [];

  constructor(options: TwoMoversOptions = {}) {
    const memoryBytes = options.memoryBytes ?? 64 * 2 ** 20;
    const { eviction = 'noeviction', threadCount = 2 } = options;
    const config = { segmentBytes: 65_536, threadCount, clustered: true, eviction } as const;
    const changeLog = options.changeLogBytes === undefined ? {} : { changeLogBytes: options.changeLogBytes };
    this.left = Store.create({ ...config, ...changeLog, memoryBytes, hashSeed: [1, 2] });
    this.right = Store.create({ ...config, memoryBytes: options.rightMemoryBytes ?? memoryBytes, hashSeed: [3, 4] });
    this.log = new ChangeLog(this.left.handle);
    const bytesPerSecond = options.bytesPerSecond ?? Number.POSITIVE_INFINITY;
    const connect = (_target: ClusterNode, _purpose: LinkPurpose, events: MoveLinkEvents) => {
      const link = new Link(events);
      this.links.push(link);
      return {
        send: (frame: Uint8Array) => void (link.isUp && link.requests.push(frame)),
        close: () => {
          link.isClosed = true;
        },
      };
    };
    const port = { connect, wake: () => {}, wakeNow: () => {}, writersResumed: () => void (this.writersResumed += 1) };
    this.leftControl = Store.attach(this.left.handle, controlRow(this.left.handle));
    this.leftMover = new StoreMover({
      store: this.leftControl,
      log: this.log,
      port,
      bytesPerSecond,
      replicas: ReplicaTable.create(),
      random01: () => 0,
      reports: {
        moveChanged: (report) => this.leftReported(report),
        replicasChanged: () => {},
        purged: (id) => void this.purged.push(id),
        claimed: () => {},
        dropped: () => void (this.dropped += 1),
      },
    });
    this.rightMover = new StoreMover({
      store: Store.attach(this.right.handle, controlRow(this.right.handle)),
      log: new ChangeLog(this.right.handle),
      port,
      bytesPerSecond,
      replicas: ReplicaTable.create(),
      random01: () => 0,
      reports: {
        moveChanged: (report) => this.rightReported(report),
        replicasChanged: () => {},
        purged: (id) => void this.purged.push(id),
        claimed: () => {},
        dropped: () => void (this.dropped += 1),
      },
    });
  }

  get wallMs(): number {
    return WALL_MS + this.nowMs;
  }

  /** The last report of the source. */
  get last(): MoveReport | undefined {
    return this.leftReports.at(-1);
  }

  begin(id: number, slots: readonly number[]): SlotMove {
    const move = { id, from: LEFT.id, to: RIGHT.id, slots };
    this.rightMover.beginImport(move, LEFT, 'copy');
    this.leftMover.beginExport(move, RIGHT, 'copy');
    return move;
  }

  /** Time passes; each mover does a piece of work, and what is on its way comes in, in order. */
  tick(ms: number): void {
    this.nowMs += ms;
    this.leftMover.step(this.nowMs, this.wallMs);
    this.deliver();
    this.rightMover.step(this.nowMs, this.wallMs);
    this.deliver();
  }

  /** Opens the connections that are not. */
  connect(): void {
    for (const link of this.links) {
      if (link.isUp || link.isClosed) continue;
      link.isUp = true;
      link.events.up();
    }
  }

  /** Cuts all connections: what is on its way is lost. */
  cut(): void {
    for (const link of this.links) {
      if (!link.isUp) continue;
      link.isUp = false;
      link.connection += 1;
      link.requests = [];
      link.replies = [];
      link.events.down();
    }
  }

  /** Ticks until `isDone`, at most so often. */
  run(isDone: () => boolean, { ms = 1, ticksMax = 100_000 }: { ms?: number; ticksMax?: number } = {}): void {
    for (let ticks = 0; !isDone(); ticks += 1) {
      if (ticks === ticksMax) throw new Error(`not done after ${ticks} ticks: ${JSON.stringify(this.last)}`);
      this.connect();
      this.tick(ms);
    }
  }

  private deliver(): void {
    for (const link of this.links) {
      if (link.isClosed) continue;
      for (const frame of this.arriving(link)) {
        const { connection } = link;
        const arrived = this.tamper(frame);
        if (arrived === null) continue;
        this.rightMover.takeFrame(arrived.slice(), (reply) => {
          if (link.connection === connection) link.replies.push(reply);
        });
      }
      for (const reply of link.replies.splice(0)) link.events.replied(reply);
    }
  }

  private arriving(link: Link): Uint8Array[] {
    if (this.frameEveryMs === 0) return link.requests.splice(0);
    if (link.requests.length === 0 || this.nowMs < this.frameAtMs) return [];
    this.frameAtMs = this.nowMs + this.frameEveryMs;
    return link.requests.splice(0, 1);
  }

  private pause(paused: boolean): void {
    this.isPaused = paused;
    this.onPause(paused);
  }

  private leftReported(report: MoveReport): void {
    this.leftReports.push(report);
    // Once the source has let go, the target decides.
    if (report.state === 'failed' && !this.isLetGo) this.fail(report);
    if (report.state === 'ready' && this.pausesAtOnce) {
      this.pause(true);
      this.leftMover.shipRest(report.id);
    }
    if (report.extent !== undefined) {
      this.isLetGo = true;
      this.rightMover.takeOver(report.id, report.extent);
    }
  }

  private rightReported(report: MoveReport): void {
    this.rightReports.push(report);
    if (report.state === 'failed' && this.isLetGo) this.fail(report);
    if (report.state === 'complete') {
      this.isHanded = true;
      this.isLetGo = false;
      this.pause(false);
      this.rightMover.endMove(report.id, 'handed');
      this.leftMover.endMove(report.id, 'handed');
    }
  }

  private fail({ id, error = '' }: MoveReport): void {
    this.error = error;
    this.isLetGo = false;
    this.pause(false);
    if (this.last?.state !== 'failed') this.leftMover.endMove(id, 'cancelled');
  }
}
