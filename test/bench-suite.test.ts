/**
 * The load generator of the benchmarks on real sockets: a process of it against an embedded node, over both protocols, and against
 * servers that answer wrongly. How fast anything is, is not asked here.
 */
import { afterAll, describe, expect, test } from 'bun:test';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Generators, type Load, shareOf } from '../bench/lib/generators.ts';
import type { EngineOptions } from '../bench/lib/load-engine.ts';
import { startCommand } from '../bench/lib/servers.ts';
import { startNode } from './support/node.ts';

// The generator is of Linux: epoll, through Bun.
const onLinux = describe.skipIf(process.platform !== 'linux');
/** Short runs until something was seen that comes with chance: far more than it takes. */
const RUNS_MAX = 100;
const HOST = '127.0.0.1';
const SHAPE = { keyBytes: 32, valueBytes: 64 };

function optionsFor(port: number, changes: Partial<EngineOptions> = {}): EngineOptions {
  return {
    port,
    protocol: 'resp',
    shape: SHAPE,
    keyCount: 500,
    zipfExponent: null,
    readShare: 0.7,
    pipeline: 1,
    connections: 4,
    allowMisses: false,
    seed: 1,
    ...changes,
  };
}

/** The message that `work` rejects with. */
async function failureOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'nothing failed',
    (error: Error) => error.message,
  );
}

interface TestServer extends AsyncDisposable {
  readonly port: number;
  /** Closes the socket with the server. */
  keep(socket: Socket): Socket;
}

/** A server that treats each connection, by its number, as it is told. */
async function listen(treat: (socket: Socket, index: number) => void): Promise<TestServer> {
  const sockets: Socket[] = [];
  let opened = 0;
  const keep = (socket: Socket): Socket => {
    sockets.push(socket);
    return socket.on('error', () => undefined);
  };
  const server = createServer((socket) => treat(keep(socket), opened++));
  await new Promise<void>((done) => server.listen(0, HOST, done));
  return {
    port: (server.address() as AddressInfo).port,
    keep,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

/** Answers the greeting, and treats each request after it. */
function onceGreeted(socket: Socket, treat: () => void): void {
  socket.once('data', () => {
    socket.write('+PONG\r\n');
    socket.on('data', treat);
  });
}

onLinux('the load generator', () => {
  const generators = new Generators([]);
  afterAll(() => generators.stop());

  async function withLoad<T>(options: EngineOptions, work: (load: Load) => Promise<T>): Promise<T> {
    const load = await generators.open(options);
    try {
      return await work(load);
    } finally {
      await load.close();
    }
  }

  test.each([
    ['resp', 1],
    ['resp', 16],
    ['shoal', 1],
    ['shoal', 16],
  ] as const)('fills a node over %s and gets right answers, pipeline %p', async (protocol, pipeline) => {
    await using node = await startNode();
    await withLoad(optionsFor(node.port, { protocol, pipeline }), async (load) => {
      await load.fill();
      // However slow the machine: until a batch was compared byte by byte.
      let closed = await load.runClosed(0.1);
      for (let run = 0; run < RUNS_MAX && closed.verifiedBatches === 0; run += 1) closed = await load.runClosed(0.1);
      expect(closed).toMatchObject({ errors: 0, firstError: null, misses: 0, unsent: 0 });
      expect(closed.verifiedBatches).toBeGreaterThan(0);
      expect(closed.operations % pipeline).toBe(0);
      expect(closed.latencyNs.count).toBe(closed.operations / pipeline);
      const paced = await load.runOpen(0.15, 1000 * pipeline);
      expect(paced).toMatchObject({ errors: 0, firstError: null, misses: 0 });
      expect(paced.operations).toBeGreaterThan(0);
      expect(paced.latencyNs.count).toBe(paced.operations / pipeline);
    });
  });

  test('sends batches that are larger than a socket takes at once', async () => {
    await using node = await startNode();
    const shape = { keyBytes: 32, valueBytes: 64 * 1024 };
    await withLoad(
      optionsFor(node.port, { shape, readShare: 0, pipeline: 100, keyCount: 20, connections: 2 }),
      async (load) => {
        const figures = await load.runClosed(0.05);
        expect(figures).toMatchObject({ errors: 0, firstError: null });
        expect(figures.operations).toBeGreaterThan(0);
      },
    );
  });

  test('counts misses where they may be, over each protocol', async () => {
    await using node = await startNode();
    for (const protocol of ['resp', 'shoal'] as const) {
      const options = optionsFor(node.port, { protocol, readShare: 1, allowMisses: true });
      const figures = await withLoad(options, (load) => load.runClosed(0.05));
      expect(figures.errors).toBe(0);
      expect(figures.operations).toBeGreaterThan(0);
      expect(figures.misses).toBe(figures.operations);
    }
  });

  test('a miss where none may be is an error, and tells what came', async () => {
    await using node = await startNode();
    const options = optionsFor(node.port, { readShare: 1 });
    const failure = await failureOf(withLoad(options, (load) => load.runClosed(5)));
    expect(failure).toContain(
      String.raw`requests failed, the first because: not the reply that was expected: "$-1\r\n"`,
    );
  });

  test('an error and a lost connection are counted, and the load goes on', async () => {
    await using node = await startNode();
    await withLoad(optionsFor(node.port), (load) => load.fill());
    // The first connection is answered with an error, the second is closed; behind each other one there is the node.
    await using server = await listen((socket, index) => {
      if (index === 0) onceGreeted(socket, () => socket.write('-ERR busy\r\n'));
      else if (index === 1) onceGreeted(socket, () => socket.end());
      else socket.pipe(server.keep(connect(node.port, HOST))).pipe(socket);
    });
    const options = optionsFor(server.port, { readShare: 1, connections: 1 });
    await withLoad(options, async (load) => {
      const first = await load.runClosed(0.1);
      expect(first).toMatchObject({ errors: 2, firstError: 'not the reply that was expected: "-ERR busy\\r\\n"' });
      const second = await load.runClosed(0.1);
      expect(second).toMatchObject({ errors: 0, firstError: null });
      expect(second.operations).toBeGreaterThan(0);
    });
  });

  test('a value of another key is found, since some are compared byte by byte', async () => {
    await using server = await listen((socket) => {
      onceGreeted(socket, () => socket.write(`$64\r\n${'x'.repeat(64)}\r\n`));
    });
    const options = optionsFor(server.port, { readShare: 1, connections: 1 });
    await withLoad(options, async (load) => {
      let figures = await load.runClosed(0.05);
      for (let run = 0; run < RUNS_MAX && figures.errors === 0; run += 1) figures = await load.runClosed(0.05);
      expect(figures.firstError).toStartWith('a wrong reply: "$64');
    });
  });

  test('a server that refuses a connection is told with its words', async () => {
    const words = '-ERR max number of clients reached\r\n';
    await using refusing = await listen((socket) => socket.write(words));
    expect(await failureOf(generators.open(optionsFor(refusing.port)))).toBe(
      `greeted, the server answered ${JSON.stringify(words)}`,
    );
    await using closing = await listen((socket) => socket.once('data', () => socket.end()));
    expect(await failureOf(generators.open(optionsFor(closing.port)))).toBe(
      'greeted, the server closed the connection',
    );
  });

  test('a server that is not there is told', async () => {
    const options = optionsFor(1);
    expect(await failureOf(generators.open(options))).toStartWith('cannot connect to port 1 of the loopback: ');
  });
});

onLinux('several processes of the generator', () => {
  test('share connections, keys and rate', async () => {
    await using node = await startNode();
    const generators = new Generators([0, 0]);
    try {
      const load = await generators.open(optionsFor(node.port, { connections: 5, keyCount: 301 }));
      await load.fill();
      const figures = await load.runOpen(0.2, 1000);
      expect(figures).toMatchObject({ errors: 0, misses: 0 });
      expect(figures.operations).toBeGreaterThan(0);
      await load.close();
    } finally {
      await generators.stop();
    }
  });

  test('each gets as many as the others, up to one', () => {
    expect([0, 1, 2].map((index) => shareOf(1000, index, 3))).toEqual([333, 333, 334]);
    expect([0, 1].map((index) => shareOf(1, index, 2))).toEqual([0, 1]);
  });
});

onLinux('a peer', () => {
  test('that does not start is told with its output', async () => {
    const command = { name: 'x', protocol: 'resp' as const, port: 1, core: undefined };
    expect(await failureOf(startCommand({ ...command, words: ['sh', '-c', 'echo no such option >&2; exit 3'] }))).toBe(
      'x did not start (sh -c echo no such option >&2; exit 3): no such option',
    );
  });
});
