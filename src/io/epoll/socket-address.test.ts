import { describe, expect, test } from 'bun:test';
import { EpollReactor } from './reactor.ts';
import { isNumericHost, SocketAddress } from './socket-address.ts';

describe.skipIf(!EpollReactor.isAvailable())('socket addresses', () => {
  test.each([
    ['127.0.0.1', 7600, '127.0.0.1:7600'],
    ['0.0.0.0', 0, '0.0.0.0:0'],
    ['::', 65_535, '[::]:65535'],
    ['::1', 1, '[::1]:1'],
    ['fe80::1:0:0:2', 80, '[fe80::1:0:0:2]:80'],
    ['2001:db8:0:0:1:0:0:1', 443, '[2001:db8::1:0:0:1]:443'],
    ['1:2:3:4:5:6:7:8', 9, '[1:2:3:4:5:6:7:8]:9'],
    ['1::', 9, '[1::]:9'],
    ['::ffff:192.0.2.7', 9, '192.0.2.7:9'],
  ])('%s and port %d', (host, port, text) => {
    const address = new SocketAddress().set(host, port);
    expect([address.text, address.port]).toEqual([text, port]);
  });

  test('nothing is shown where no call has written', () => {
    expect(new SocketAddress().clear().text).toBe('?:0');
  });
});

test('a name is no numeric address', () => {
  expect(['localhost', '127.0.0.1', '::1', '1.2.3'].map(isNumericHost)).toEqual([false, true, true, false]);
});
