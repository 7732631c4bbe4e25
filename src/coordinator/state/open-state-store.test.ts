import { describe, expect, test } from 'bun:test';
import { ShoalError } from '../../base/errors.ts';
import { openStateStore } from './open-state-store.ts';

describe('what an operator writes', () => {
  test.each([
    ['file:/var/lib/shoal', 'file:/var/lib/shoal'],
    ['file:/var/lib/../lib/shoal/', 'file:/var/lib/shoal'],
    ['file:state', `file:${process.cwd()}/state`],
    ['file:a:b', `file:${process.cwd()}/a:b`],
    ['file:///var/lib/shoal', 'file:/var/lib/shoal'],
    ['etcd:http://10.0.0.1', 'etcd:http://10.0.0.1:2379'],
    ['etcd:http://10.0.0.1:80', 'etcd:http://10.0.0.1:80'],
    ['etcd:https://etcd.example:443/', 'etcd:https://etcd.example:443'],
    ['etcd:https://[::1]:2379', 'etcd:https://[::1]:2379'],
    ['etcd:http://a:1, http://b:2,http://a:3', 'etcd:http://a:1,http://b:2,http://a:3'],
  ])('%s', (spec, description) => {
    expect(openStateStore(spec).description).toBe(description);
  });

  test.each([
    ['', 'is neither file:DIR or etcd:'],
    ['/var/lib/shoal', 'is neither file:DIR or etcd:'],
    ['FILE:/x', 'is neither file:DIR or etcd:'],
    ['redis://localhost', 'is neither file:DIR or etcd:'],
    ['file:', 'names no folder'],
    ['file:a\0b', 'has a character that no file name has'],
    ['file://server/share', 'names a host'],
    ['etcd:', 'the endpoint "" of etcd must be http://HOST:PORT'],
    ['etcd:10.0.0.1:2379', 'the endpoint "10.0.0.1:2379" of etcd must be http://HOST:PORT'],
    ['etcd:http://a:1,', 'the endpoint "" of etcd must be http://HOST:PORT'],
    ['etcd:ftp://a:1', 'must be http://HOST:PORT'],
    ['etcd:http://a:99999', 'is no URL'],
    ['etcd:http://', 'is no URL'],
    ['etcd:http://a:1/v3', 'must end after its port'],
    ['etcd:http://a:1?x', 'must end after its port'],
    ['etcd:http://a:1,http://A:1', 'names http://a:1 twice'],
    [`etcd:${Array.from({ length: 17 }, (_, index) => `http://a:${index + 1}`).join(',')}`, 'names 17 endpoints'],
  ])('%j is refused', (spec, text) => {
    expect(refusalOf(() => openStateStore(spec))).toContain(text);
  });

  test('a user within an endpoint is refused without a word of the password', () => {
    for (const spec of ['etcd:http://ada:secret@a:1', 'etcd:ftp://ada:secret@a:1', 'redis://ada:secret@a:1']) {
      expect(refusalOf(() => openStateStore(spec))).not.toContain('secret');
    }
    expect(refusalOf(() => openStateStore('etcd:http://ada:secret@a:1'))).toContain('set SHOAL_ETCD_USER');
  });
});

describe('the environment', () => {
  const open = (environment: Record<string, string>, spec = 'etcd:https://a:1') =>
    openStateStore(spec, { environment });

  test('has what is secret, and the description has nothing of it', () => {
    const store = open({
      SHOAL_ETCD_USER: 'ada',
      SHOAL_ETCD_PASSWORD: 'secret',
      SHOAL_ETCD_CA: '/ca.pem',
      SHOAL_ETCD_CERT: '/cert.pem',
      SHOAL_ETCD_KEY: '/key.pem',
    });
    expect(store.description).toBe('etcd:https://a:1');
  });

  test.each<[string, Record<string, string>, string]>([
    ['a user alone', { SHOAL_ETCD_USER: 'ada' }, 'set both SHOAL_ETCD_USER and SHOAL_ETCD_PASSWORD'],
    ['a password alone', { SHOAL_ETCD_PASSWORD: 'x' }, 'set both SHOAL_ETCD_USER and SHOAL_ETCD_PASSWORD'],
    ['a certificate without its key', { SHOAL_ETCD_CERT: '/c' }, 'set both SHOAL_ETCD_CERT and SHOAL_ETCD_KEY'],
    ['a key alone', { SHOAL_ETCD_KEY: '/k' }, 'set both SHOAL_ETCD_CERT and SHOAL_ETCD_KEY'],
  ])('%s is refused', (_, environment, text) => {
    expect(refusalOf(() => open(environment))).toContain(text);
  });

  test('certificates beside an endpoint that uses none are refused, as they would protect nothing', () => {
    const refusal = refusalOf(() => open({ SHOAL_ETCD_CA: '/ca.pem' }, 'etcd:https://a:1,http://b:1'));
    expect(refusal).toContain('http://b:1 would be used without');
  });

  test('empty variables count as absent', () => {
    expect(() => open({ SHOAL_ETCD_USER: '', SHOAL_ETCD_CA: '', SHOAL_ETCD_KEY: '' }, 'etcd:http://a:1')).not.toThrow();
  });
});

function refusalOf(open: () => unknown): string {
  try {
    open();
  } catch (error) {
    if (error instanceof ShoalError && error.code === 'InvalidOption') return error.message;
    throw error;
  }
  throw new Error('it was taken');
}
