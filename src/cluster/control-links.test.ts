/** Connections for control messages, against a real server that answers when the test says so. */
import { describe, expect, test } from 'bun:test';
import { FrameServer, type IncomingRequest } from '../control/frame-server.ts';
import { currentRuntime, newTransport } from '../io/select-transport.ts';
import { Opcode, Status } from '../protocol/shoal/frame.ts';
import { ControlLinks } from './control-links.ts';
import { MoveConnection } from './move-connection.ts';

class Peer implements AsyncDisposable {
  readonly requests: IncomingRequest[] = [];
  readonly gone: number[] = [];
  private waiting: (() => void)[] = [];
  private server: FrameServer | null = null;

  static async start(port = 0, password = ''): Promise<Peer> {
    const peer = new Peer();
    peer.server = await FrameServer.listen(newTransport(currentRuntime()), {
      host: '127.0.0.1',
      port,
      password,
      valueBytesMax: 1024,
      onRequest: (request) => peer.take(request),
    });
    return peer;
  }

  get port(): number {
    return this.server!.port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** The request of this number, from 0, when it has come. */
  async request(number: number): Promise<IncomingRequest> {
    while (this.requests.length <= number) await this.news();
    return this.requests[number]!;
  }

  async hasGone(number: number): Promise<void> {
    while (!this.gone.includes(number)) await this.news();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server?.close();
  }

  private take(request: IncomingRequest): void {
    const number = this.requests.push(request) - 1;
    request.onGone = () => {
      this.gone.push(number);
      this.tell();
    };
    this.tell();
  }

  private news(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private tell(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

class Asking implements Disposable {
  nowMs = 0;
  readonly links: ControlLinks;

  constructor(password = '') {
    this.links = new ControlLinks({ password, name: 'test', monotonicMs: () => this.nowMs });
  }

  ask(requestId: number, address: string): Promise<string> {
    return new Promise((resolve) => {
      this.links.ask(requestId, address, Buffer.from(`${requestId}`), {
        answered: (value) => resolve(`answer ${Buffer.from(value).toString()}`),
        failed: (reason) => resolve(`failed ${reason}`),
      });
    });
  }

  [Symbol.dispose](): void {
    this.links.close();
  }
}

function answer(request: IncomingRequest): void {
  request.answer(Status.ok, request.value);
}

describe('control links', () => {
  test('match answers to questions, in whatever order they come', async () => {
    await using peer = await Peer.start();
    using asking = new Asking();
    const first = asking.ask(1, peer.address);
    const second = asking.ask(2, peer.address);
    answer(await peer.request(1));
    expect(await second).toBe('answer 2');
    answer(await peer.request(0));
    expect(await first).toBe('answer 1');
    expect(peer.requests[0]!.opcode).toBe(Opcode.control);
  });

  test('say why there is no answer', async () => {
    await using peer = await Peer.start(0, 'secret');
    using asking = new Asking('wrong');
    expect(await asking.ask(1, peer.address)).toContain('the password is wrong');
    expect(await asking.ask(2, 'nonsense')).toBe('failed nonsense is not an address of the form HOST:PORT');
    expect(await asking.ask(3, '127.0.0.1:1')).toContain('failed 127.0.0.1:1');
  });

  test('make a new connection where nothing came over the last one since the question', async () => {
    await using peer = await Peer.start();
    using asking = new Asking();
    void asking.ask(1, peer.address);
    await peer.request(0);
    asking.nowMs = 100;
    asking.links.forget(1);
    await peer.hasGone(0);
    const second = asking.ask(2, peer.address);
    answer(await peer.request(1));
    expect(await second).toBe('answer 2');
  });

  test('keep a connection that has brought something since', async () => {
    await using peer = await Peer.start();
    using asking = new Asking();
    void asking.ask(1, peer.address);
    asking.nowMs = 1;
    const second = asking.ask(2, peer.address);
    answer(await peer.request(1));
    await second;
    asking.links.forget(1);
    const third = asking.ask(3, peer.address);
    answer(await peer.request(2));
    expect(await third).toBe('answer 3');
    expect(peer.gone).toEqual([]);
  });

  test('fail all that waits on a connection that is given up', async () => {
    await using peer = await Peer.start();
    using asking = new Asking();
    void asking.ask(1, peer.address);
    const second = asking.ask(2, peer.address);
    await peer.request(1);
    asking.links.forget(1);
    expect(await second).toBe('failed the link is closed');
    asking.links.forget(1);
    asking.links.forget(77);
  });
});

describe("a move's connection", () => {
  /** Ticks a connection while a promise is waited for. */
  async function whileTicking<T>(connection: MoveConnection, wanted: Promise<T>): Promise<T> {
    let nowMs = 0;
    const timer = setInterval(() => {
      nowMs += 50;
      connection.tick(nowMs);
    }, 1);
    try {
      return await wanted;
    } finally {
      clearInterval(timer);
    }
  }

  test.each([
    ['move', Opcode.moveItems],
    ['replica', Opcode.replicate],
  ] as const)(
    'for a %s tells when it stands, drops what is sent before, and comes back after a loss',
    async (purpose, opcode) => {
      const events: string[] = [];
      let wake = (): void => {};
      const reached = async (count: number): Promise<void> => {
        while (events.length < count) await new Promise<void>((resolve) => (wake = resolve));
      };
      const tell = (event: string): void => {
        events.push(event);
        wake();
      };
      const first = await Peer.start();
      const { port } = first;
      const connection = new MoveConnection({ host: '127.0.0.1', port, password: '', name: 'test' }, purpose, {
        up: () => tell('up'),
        down: () => tell('down'),
        replied: (reply) => tell(Buffer.from(reply).toString()),
      });
      connection.send(Buffer.from('too early'));
      connection.tick(0);
      const greeting = await first.request(0);
      expect(greeting.opcode).toBe(Opcode.ping);
      answer(greeting);
      await reached(1);
      connection.send(Buffer.from('frame 1'));
      const frame = await first.request(1);
      expect([frame.opcode, Buffer.from(frame.value).toString()]).toEqual([opcode, 'frame 1']);
      answer(frame);
      await reached(2);
      connection.send(Buffer.from('frame 2'));
      await first.request(2);
      await first[Symbol.asyncDispose]();
      await reached(3);
      connection.send(Buffer.from('nobody gets this'));
      await using second = await Peer.start(port);
      answer(await whileTicking(connection, second.request(0)));
      await reached(4);
      expect(events).toEqual(['up', 'frame 1', 'down', 'up']);
      connection.close();
      connection.send(Buffer.from('nor this'));
      connection.tick(1e9);
      expect(second.requests).toHaveLength(1);
    },
  );
});
