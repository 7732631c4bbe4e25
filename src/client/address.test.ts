import { expect, test } from 'bun:test';
import { ShoalError } from '../base/errors.ts';
import { type NodeAddress, type ResolvedAddress, resolveAddress } from './address.ts';

test.each<[string | NodeAddress, ResolvedAddress]>([
  ['cache', { host: 'cache', port: 7600, weight: 1, id: 'cache:7600' }],
  ['cache:7601', { host: 'cache', port: 7601, weight: 1, id: 'cache:7601' }],
  ['shoal://10.0.0.1:1/', { host: '10.0.0.1', port: 1, weight: 1, id: '10.0.0.1:1' }],
  ['[::1]:7602', { host: '::1', port: 7602, weight: 1, id: '::1:7602' }],
  ['[fe80::1]', { host: 'fe80::1', port: 7600, weight: 1, id: 'fe80::1:7600' }],
  [{ host: 'a' }, { host: 'a', port: 7600, weight: 1, id: 'a:7600' }],
  [
    { host: 'a', port: 2, weight: 3, id: 'blue' },
    { host: 'a', port: 2, weight: 3, id: 'blue' },
  ],
])('%p', (given, resolved) => {
  expect(resolveAddress(given)).toEqual(resolved);
});

test.each([
  [''],
  ['a b'],
  ['::1:7600'],
  ['redis://a:1'],
  ['a:b'],
  ['a:70000'],
  ['a:0'],
  ['user@a:1'],
  [{ host: '' }],
  [{ host: 'a', port: 1.5 }],
  [{ host: 'a', weight: 0 }],
  [{ host: 'a', weight: 101 }],
  [{ host: 'a', id: '' }],
  [null],
  [7600],
])('%p is refused', (given) => {
  expect(() => resolveAddress(given as string)).toThrow(ShoalError);
});
