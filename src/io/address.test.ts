import { expect, test } from 'bun:test';
import { addressText, listenFailed, reachableHost, splitAddress } from './address.ts';

test('addresses are host:port, with brackets around IPv6', () => {
  expect(addressText('127.0.0.1', 7600)).toBe('127.0.0.1:7600');
  expect(addressText('::1', 7600)).toBe('[::1]:7600');
  expect(addressText('fe80::1%eth0', 1)).toBe('[fe80::1%eth0]:1');
});

test('an IPv4 peer of a dual-stack socket is written as IPv4', () => {
  expect(addressText('::ffff:10.0.0.7', 80)).toBe('10.0.0.7:80');
  expect(addressText('::ffff:a00:7', 80)).toBe('[::ffff:a00:7]:80');
});

test('a peer that left before it was asked is ?:0', () => {
  expect(addressText(undefined, undefined)).toBe('?:0');
  expect(addressText('', 0)).toBe('?:0');
});

test('a wildcard is reached by the loopback, any other address by itself', () => {
  expect(['0.0.0.0', '::', '::1', '10.0.0.7', 'localhost'].map(reachableHost)).toEqual([
    '127.0.0.1',
    '127.0.0.1',
    '::1',
    '10.0.0.7',
    'localhost',
  ]);
});

test('a failure to listen names address, reason and what to do', () => {
  const cause = Object.assign(new Error('listen EACCES'), { code: 'EACCES' });
  const error = listenFailed('::1', 80, cause);
  expect(error.code).toBe('ListenFailed');
  expect(error.message).toBe('cannot listen on [::1]:80: no permission for this port; choose one above 1023 (EACCES)');
  expect(error.cause).toBe(cause);
});

test('a failure that is not known keeps its own words', () => {
  expect(listenFailed('localhost', 1, new Error('out of luck')).message).toBe(
    'cannot listen on localhost:1: out of luck',
  );
  expect(listenFailed('localhost', 1, 'out of luck').message).toEndWith(': out of luck');
});

test.each([
  ['host:1', { host: 'host', port: 1 }],
  ['10.0.0.7:65535', { host: '10.0.0.7', port: 65_535 }],
  ['[::1]:7600', { host: '::1', port: 7600 }],
  ['[fe80::1%eth0]:80', { host: 'fe80::1%eth0', port: 80 }],
  ['::1:7600', null],
  ['host', null],
  ['host:', null],
  [':1', null],
  ['host:0', null],
  ['host:65536', null],
  ['host:1x', null],
  ['[]:1', null],
  ['', null],
])('%p is split into host and port, or is no address', (text, parts) => {
  expect(splitAddress(text)).toEqual(parts);
});
