/** A server is brought to rest with one request, whatever it does. */
import { expect, test } from 'bun:test';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { calmDown } from './calm.ts';
import { freePort, HOST, type RunningServer } from './servers.ts';
import type { WireProtocol } from './wire.ts';

function contestant(port: number, protocol: WireProtocol): Parameters<typeof calmDown>[0] {
  const server: RunningServer = { name: 'x', port, protocol, pid: process.pid, stop: () => Promise.resolve() };
  return { protocol, server };
}

/** What a server got, which answers each connection as `answer` does. */
async function received(protocol: WireProtocol, answer: (socket: Socket) => void): Promise<string> {
  let text = '';
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      answer(socket);
    });
  });
  await new Promise<void>((done) => server.listen(0, HOST, done));
  await calmDown(contestant((server.address() as AddressInfo).port, protocol));
  await new Promise((done) => server.close(done));
  return text;
}

test('one request, and its answer is waited for', async () => {
  expect(await received('resp', (socket) => socket.write('+PONG\r\n'))).toBe('PING\r\n');
});

test('over RESP only: others have no threads that spin', async () => {
  expect(await received('memcached', (socket) => socket.destroy())).toBe('');
  expect(await received('shoal', (socket) => socket.destroy())).toBe('');
});

test('a server that closes, or is not there, is left to its next turn', async () => {
  expect(await received('resp', (socket) => socket.destroy())).toBe('PING\r\n');
  await calmDown(contestant(await freePort(), 'resp'));
});
