/**
 * A proxy between a client and a node that does to a connection what networks do, by a seed: it cuts what passes into pieces and holds them for a while,
 * it ends connections at every stage (before the first byte, in the middle of a request, in the middle of a reply), it stops forwarding and says nothing,
 * and, knowing the frames of the Shoal protocol, it sends replies in another order than the node did.
 *
 * Bytes are never changed: TCP sees to that.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { AT_FIELDS_BYTES, AT_VALUE_LENGTH, HEADER_BYTES } from '../../src/protocol/shoal/frame.ts';
import type { Random } from '../vectors/random.ts';

/** Chances in a thousand, for each piece that passes. */
export interface Faults {
  /** The piece is sent in small pieces. */
  readonly split: number;
  /** The piece, and what comes after it, waits for 1 to 5 ms. */
  readonly delay: number;
  /** A part of the piece is sent, then the connection is cut. */
  readonly cut: number;
  /** Nothing passes any more in this direction; the connection stays open. */
  readonly stall: number;
  /** Replies that came together are sent in another order. */
  readonly reorder: number;
  /** For each connection: it is closed as soon as it is accepted. */
  readonly refuse: number;
}

export const NO_FAULTS: Faults = { split: 0, delay: 0, cut: 0, stall: 0, reorder: 0, refuse: 0 };

export class FaultProxy implements AsyncDisposable {
  readonly port: number;
  faults: Faults;
  /** What was done so far, to show that something was. */
  readonly counts = { connections: 0, splits: 0, delays: 0, cuts: 0, stalls: 0, reorders: 0, refusals: 0 };
  private readonly server: Server;
  private readonly targetPort: number;
  readonly random: Random;
  private readonly sockets = new Set<Socket>();

  private constructor(server: Server, targetPort: number, random: Random, faults: Faults) {
    this.server = server;
    this.port = (server.address() as AddressInfo).port;
    this.targetPort = targetPort;
    this.random = random;
    this.faults = faults;
    server.on('connection', (client) => this.accept(client));
  }

  static async start(targetPort: number, random: Random, faults: Faults): Promise<FaultProxy> {
    const server = createServer({ noDelay: true });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return new FaultProxy(server, targetPort, random, faults);
  }

  /** Ends all connections that are open. */
  cutAll(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cutAll();
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
  }

  chance(perThousand: number): boolean {
    return perThousand > 0 && this.random.below(1000) < perThousand;
  }

  private accept(client: Socket): void {
    this.counts.connections += 1;
    if (this.chance(this.faults.refuse)) {
      this.counts.refusals += 1;
      client.destroy();
      return;
    }
    const node = connect({ port: this.targetPort, host: '127.0.0.1', noDelay: true });
    for (const socket of [client, node]) {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.sockets.delete(socket);
        client.destroy();
        node.destroy();
      });
    }
    const requests = new Direction(this, node, null);
    const replies = new Direction(this, client, new ReplyShuffle());
    client.on('data', (piece) => requests.take(piece));
    node.on('data', (piece) => replies.take(piece));
  }
}

/** One way of one connection: pieces in, pieces out, in order and with faults. */
class Direction {
  private readonly proxy: FaultProxy;
  private readonly target: Socket;
  private readonly shuffle: ReplyShuffle | null;
  private stalled = false;
  private held: Buffer[] = [];
  private waiting = false;

  constructor(proxy: FaultProxy, target: Socket, shuffle: ReplyShuffle | null) {
    this.proxy = proxy;
    this.target = target;
    this.shuffle = shuffle;
  }

  take(piece: Buffer): void {
    const { proxy } = this;
    if (this.stalled) return;
    if (proxy.chance(proxy.faults.stall)) {
      proxy.counts.stalls += 1;
      this.stalled = true;
      return;
    }
    let bytes = piece;
    if (this.shuffle !== null && proxy.faults.reorder > 0) {
      const { out, shuffled } = this.shuffle.pass(piece, proxy.random, proxy.faults.reorder);
      bytes = out;
      if (shuffled) proxy.counts.reorders += 1;
    }
    if (bytes.length > 0) this.held.push(bytes);
    if (this.waiting) return;
    if (proxy.chance(proxy.faults.delay)) {
      proxy.counts.delays += 1;
      this.waiting = true;
      setTimeout(() => {
        this.waiting = false;
        this.release();
      }, 1 + proxy.random.below(5));
      return;
    }
    this.release();
  }

  private release(): void {
    const { proxy, target } = this;
    const pieces = this.held;
    this.held = [];
    for (const piece of pieces) {
      if (target.destroyed) return;
      if (proxy.chance(proxy.faults.cut)) {
        proxy.counts.cuts += 1;
        // `end` flushes what is written before the connection goes: the peer really gets this part.
        target.end(piece.subarray(0, proxy.random.below(piece.length + 1)), () => target.destroy());
        this.stalled = true;
        return;
      }
      if (proxy.chance(proxy.faults.split)) {
        proxy.counts.splits += 1;
        for (let at = 0; at < piece.length; ) {
          const length = 1 + proxy.random.below(50);
          target.write(piece.subarray(at, at + length));
          at += length;
        }
      } else {
        target.write(piece);
      }
    }
  }
}

/** Cuts a stream of replies into frames and passes those that are whole on, sometimes in another order. */
class ReplyShuffle {
  private rest: Buffer = Buffer.alloc(0);

  pass(piece: Buffer, random: Random, perThousand: number): { readonly out: Buffer; readonly shuffled: boolean } {
    const bytes = this.rest.length === 0 ? piece : Buffer.concat([this.rest, piece]);
    const frames: Buffer[] = [];
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const length = HEADER_BYTES + bytes.readUInt16LE(at + AT_FIELDS_BYTES) + bytes.readUInt32LE(at + AT_VALUE_LENGTH);
      if (bytes.length - at < length) break;
      frames.push(bytes.subarray(at, at + length));
      at += length;
    }
    this.rest = Buffer.from(bytes.subarray(at));
    const shuffled = frames.length > 1 && random.below(1000) < perThousand;
    if (shuffled) {
      for (let index = frames.length - 1; index > 0; index -= 1) {
        const other = random.below(index + 1);
        [frames[index], frames[other]] = [frames[other]!, frames[index]!];
      }
    }
    return { out: Buffer.concat(frames), shuffled };
  }
}
