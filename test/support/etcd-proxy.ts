/** A TCP proxy before a member of etcd, which a test tells when to cut, to refuse, to fall silent, and what to hold back. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

interface Pair {
  readonly client: Socket;
  readonly member: Socket;
  isSilent: boolean;
}

export class EtcdProxy implements AsyncDisposable {
  /** `http://127.0.0.1:40001` */
  readonly origin: string;
  /** New connections are closed as soon as they are accepted. */
  isRefusing = false;
  /** Which requests wait, by their path; their connections pass nothing until `release`. */
  holds: (path: string) => boolean = () => false;
  private readonly server: Server;
  private readonly port: number;
  private readonly pairs = new Set<Pair>();
  private held: (() => void)[] = [];
  private onHeld: (() => void) | null = null;

  private constructor(server: Server, port: number) {
    this.server = server;
    this.port = port;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (client) => this.accept(client));
  }

  static async start(memberPort: number): Promise<EtcdProxy> {
    const server = createServer({ noDelay: true });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return new EtcdProxy(server, memberPort);
  }

  /** Ends all connections that are open. */
  cutAll(): void {
    for (const { client, member } of this.pairs) {
      client.destroy();
      member.destroy();
    }
  }

  /** The connections that are open stay so, and pass nothing any more. New ones work. */
  silence(): void {
    for (const pair of this.pairs) pair.isSilent = true;
  }

  /** Resolves once a request is held. */
  async holding(): Promise<void> {
    if (this.held.length > 0) return;
    await new Promise<void>((resolve) => {
      this.onHeld = resolve;
    });
  }

  /** Nothing is held from now on, and what was goes its way. */
  release(): void {
    this.holds = () => false;
    for (const pass of this.held.splice(0)) pass();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isRefusing = true;
    this.cutAll();
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
  }

  private accept(client: Socket): void {
    if (this.isRefusing) {
      client.on('error', () => undefined);
      client.destroy();
      return;
    }
    const member = connect({ port: this.port, host: '127.0.0.1', noDelay: true });
    const pair: Pair = { client, member, isSilent: false };
    this.pairs.add(pair);
    for (const socket of [client, member]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.pairs.delete(pair);
        client.destroy();
        member.destroy();
      });
    }
    client.on('data', (piece) => {
      if (pair.isSilent) return;
      const path = /^POST (\S+)/.exec(piece.toString('latin1'))?.[1];
      if (path === undefined || !this.holds(path)) {
        member.write(piece);
        return;
      }
      client.pause();
      this.held.push(() => {
        member.write(piece);
        client.resume();
      });
      this.onHeld?.();
    });
    member.on('data', (piece) => {
      if (!pair.isSilent) client.write(piece);
    });
  }
}
