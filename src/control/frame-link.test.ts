/** Both ends of what coordinators and nodes say to each other, on real sockets. */
import { afterEach, expect, test } from 'bun:test';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { NodeTransport } from '../io/node-transport.ts';
import { Opcode, Status } from '../protocol/shoal/frame.ts';
import { FrameLink } from './frame-link.ts';
import { helloFrame, requestFrame } from './frames.ts';
import { FrameServer, type IncomingRequest } from './frame-server.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function serve(onRequest: (request: IncomingRequest) => void, password = ''): Promise<FrameServer> {
  const options = { host: '127.0.0.1', port: 0, password, valueBytesMax: 1000, onRequest };
  const server = await FrameServer.listen(new NodeTransport(), options);
  closers.push(() => server.close());
  return server;
}

function linkTo(port: number, password = ''): FrameLink {
  const link = new FrameLink({ host: '127.0.0.1', port, password, name: 'test' });
  closers.push(() => link.close());
  return link;
}

/** The answer, or `failed: reason` with `sent` where it may have been done. */
function ask(link: FrameLink, value: string): Promise<string> {
  return new Promise((resolve) => {
    link.send(Opcode.control, Buffer.from(value), {
      answered: (answer) => resolve(answer.toString()),
      failed: (reason, sent) => resolve(`failed${sent ? ' after it was sent' : ''}: ${reason}`),
    });
  });
}

test('answers come in any order, each to its request', async () => {
  const waiting: IncomingRequest[] = [];
  const server = await serve((request) => {
    waiting.push(request);
    if (waiting.length < 3) return;
    for (const one of waiting.toReversed())
      one.answer(Status.ok, Buffer.from(`re: ${Buffer.from(one.value).toString()}`));
  });
  const link = linkTo(server.port);
  expect(await Promise.all([ask(link, 'a'), ask(link, 'b'), ask(link, 'c')])).toEqual(['re: a', 're: b', 're: c']);
});

test('a refusal is a failure of that request alone, and was not done', async () => {
  const server = await serve((request) => request.answer(Status.refused, Buffer.from('no')));
  const link = linkTo(server.port);
  expect(await ask(link, 'a')).toBe('failed: no');
  expect(await ask(link, 'b')).toBe('failed: no');
});

test('who has another password is not let in', async () => {
  let count = 0;
  const server = await serve(() => (count += 1), 'secret');
  expect(await ask(linkTo(server.port, 'wrong'), 'a')).toContain('the password is wrong');
  expect(await ask(linkTo(server.port), 'a')).toContain('the password is wrong');
  expect(count).toBe(0);
});

test('a lost connection fails what waits, and the next request makes another one', async () => {
  const requests: IncomingRequest[] = [];
  let gone = 0;
  const server = await serve((request) => {
    requests.push(request);
    request.onGone = () => (gone += 1);
    if (requests.length === 1) sockets.at(-1)!.destroy();
    else request.answer(Status.ok, Buffer.from('ok'));
  });
  // A proxy whose connections can be cut.
  const sockets: Socket[] = [];
  const proxy: Server = createServer((socket) => {
    sockets.push(socket);
    const inner = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined).on('close', () => inner.destroy());
    inner.on('error', () => undefined).on('close', () => socket.destroy());
    socket.pipe(inner).pipe(socket);
  });
  await new Promise<void>((resolve) => {
    proxy.listen(0, '127.0.0.1', resolve);
  });
  closers.push(() => new Promise((resolve) => proxy.close(resolve)));
  const { port } = proxy.address() as { port: number };
  const link = linkTo(port);
  expect(await ask(link, 'a')).toStartWith('failed after it was sent: ');
  expect(await ask(link, 'b')).toBe('ok');
  expect([gone, sockets.length]).toEqual([1, 2]);
});

test('nobody there, or something else, is a failure before it was sent', async () => {
  const silent: Server = createServer((socket) => {
    socket.on('error', () => undefined).resume();
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  await new Promise<void>((resolve) => {
    silent.listen(0, '127.0.0.1', resolve);
  });
  const { port } = silent.address() as { port: number };
  expect(await ask(linkTo(port), 'a')).toContain('what came is no reply of the Shoal protocol');
  await new Promise((resolve) => silent.close(resolve));
  expect(await ask(linkTo(port), 'a')).toStartWith('failed: ');
});

test('a peer that breaks the protocol, or asks before it greets, gets nowhere', async () => {
  let count = 0;
  const server = await serve(() => (count += 1));
  const exchange = (bytes: Buffer): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(server.port, '127.0.0.1');
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString('latin1')));
      socket.on('error', () => undefined).on('close', () => resolve(text));
      socket.end(bytes);
    });
  expect(await exchange(Buffer.from('GET / HTTP/1.1\r\n\r\n'))).toContain('a request begins with the byte 0xa5');
  expect(await exchange(requestFrame(Opcode.control, 1, Buffer.from('x')))).toContain('hello comes first');
  const greeting = helloFrame(0, '', 'x');
  expect(await exchange(Buffer.concat([greeting, requestFrame(Opcode.control, 1, Buffer.alloc(1001))]))).toContain(
    '1001 bytes',
  );
  expect(count).toBe(0);
});
