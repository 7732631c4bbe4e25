/** CLIENT KILL, PAUSE and MONITOR between real connections, and the end of a node. */
import { expect, test } from 'bun:test';
import { startNode } from '../support/node.ts';
import { RespClient } from '../support/resp-client.ts';

test('CLIENT KILL closes the connection that CLIENT LIST shows', async () => {
  await using node = await startNode();
  const victim = await RespClient.connect(node.port);
  await victim.call('CLIENT', 'SETNAME', 'victim');
  using client = await RespClient.connect(node.port);
  const list = await client.call('CLIENT', 'LIST');
  expect(list).toContain(` addr=${victim.address} laddr=127.0.0.1:${node.port} `);
  const id = /id=(\d+) [^\n]* name=victim /.exec(list)?.[1] ?? '';
  expect(await client.call('CLIENT', 'KILL', 'ID', id)).toBe(':1\r\n');
  expect(await victim.closed()).toBe('');
  expect(await client.call('CLIENT', 'KILL', client.address)).toBe('+OK\r\n');
  expect(await client.closed()).toBe('');
});

test('CLIENT PAUSE holds back a pipeline until CLIENT UNPAUSE', async () => {
  await using node = await startNode();
  using control = await RespClient.connect(node.port);
  using client = await RespClient.connect(node.port);
  expect(await control.call('CLIENT', 'PAUSE', '100000', 'WRITE')).toBe('+OK\r\n');
  client.send('GET', 'k');
  client.send('SET', 'k', '1');
  client.send('INCR', 'k');
  expect(await client.read()).toBe('$-1\r\n');
  while (!(await control.call('INFO', 'clients')).includes('blocked_clients:1\r\n'));
  expect(client.isQuiet).toBe(true);
  expect(await control.call('CLIENT', 'UNPAUSE')).toBe('+OK\r\n');
  expect(await client.readAll(2)).toEqual(['+OK\r\n', ':2\r\n']);
});

test('MONITOR shows what others send', async () => {
  await using node = await startNode();
  using monitor = await RespClient.connect(node.port);
  using client = await RespClient.connect(node.port);
  expect(await monitor.call('MONITOR')).toBe('+OK\r\n');
  await client.call('SET', 'k', 'a b');
  expect(await monitor.read()).toMatch(/^\+\d{10}\.\d{6} \[0 127\.0\.0\.1:\d+\] "SET" "k" "a b"\r\n$/);
});

test('a stopped node closes its connections and frees its port', async () => {
  const node = await startNode();
  const client = await RespClient.connect(node.port);
  await client.call('PING');
  const { port } = node;
  await node.stop();
  await node.stop();
  expect(await client.closed()).toBe('');
  await using again = await startNode({ port });
  expect(again.port).toBe(port);
});

test('a port that is taken is a clear fault', async () => {
  await using node = await startNode();
  const fault = await startNode({ port: node.port }).then(
    () => null,
    (error: unknown) => error,
  );
  expect(fault).toMatchObject({ code: 'ListenFailed' });
});
