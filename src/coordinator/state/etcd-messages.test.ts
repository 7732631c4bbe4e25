/** Messages as etcd 3.4 writes them, and what is none of them. */
import { describe, expect, test } from 'bun:test';
import { EtcdFailure, failureOfAnswer, failureOfConnection } from './etcd-errors.ts';
import {
  readKeepAlive,
  readRange,
  readToken,
  readTransaction,
  readWatch,
  transactionRequest,
} from './etcd-messages.ts';

const HEADER = { cluster_id: '15606508650163935567', member_id: '518482796752897126', revision: '8', raft_term: '2' };
const ITEM = {
  key: 'YQ==',
  create_revision: '5',
  mod_revision: '8',
  version: '2',
  value: 'AQID',
  lease: '7587883269413892612',
};
const READ_ITEM = { value: Uint8Array.of(1, 2, 3), createRevision: 5, modRevision: 8, lease: '7587883269413892612' };

describe('answers', () => {
  test('a key that is there, that is empty, that is not there', () => {
    expect(readRange({ header: HEADER, kvs: [ITEM], count: '1' })).toEqual({ item: READ_ITEM, revision: 8, term: 2 });
    const empty = { key: 'YQ==', create_revision: '5', mod_revision: '8', version: '2' };
    expect(readRange({ header: HEADER, kvs: [empty], count: '1' }).item).toEqual({
      value: new Uint8Array(0),
      createRevision: 5,
      modRevision: 8,
      lease: '0',
    });
    expect(readRange({ header: HEADER }).item).toBeNull();
  });

  test('transactions: what has its default is left out', () => {
    const put = { response_put: { header: { revision: '8' } } };
    expect(readTransaction({ header: HEADER, succeeded: true, responses: [put] })).toEqual({
      succeeded: true,
      revision: 8,
      items: [null],
    });
    const found = { response_range: { header: { revision: '8' }, kvs: [ITEM], count: '1' } };
    const nothing = { response_range: { header: { revision: '8' } } };
    expect(readTransaction({ header: HEADER, responses: [found, nothing] })).toEqual({
      succeeded: false,
      revision: 8,
      items: [READ_ITEM, null],
    });
  });

  test('renewals: of a lease that is gone, no time is left', () => {
    expect(readKeepAlive({ result: { header: HEADER, ID: '1', TTL: '5' } })).toEqual({ ttlSeconds: 5, term: 2 });
    expect(readKeepAlive({ result: { header: HEADER, ID: '1' } }).ttlSeconds).toBe(0);
  });

  test('watches', () => {
    const message = (result: object): object => ({ result: { header: HEADER, ...result } });
    expect(readWatch(message({ created: true }))).toEqual({ kind: 'created' });
    expect(readWatch(message({}))).toEqual({ kind: 'nothing' });
    const deleted = { key: 'YQ==', mod_revision: '8' };
    expect(readWatch(message({ events: [{ type: 'DELETE', kv: deleted }, { kv: ITEM }] }))).toEqual({
      kind: 'changed',
      item: READ_ITEM,
      revision: 8,
    });
    expect(readWatch(message({ events: [{ kv: ITEM }, { type: 'DELETE', kv: deleted }] }))).toEqual({
      kind: 'changed',
      item: null,
      revision: 8,
    });
    expect(readWatch(message({ canceled: true, compact_revision: '7' }))).toEqual({
      kind: 'cancelled',
      compacted: true,
      reason: '',
    });
    expect(readWatch(message({ created: true, canceled: true, cancel_reason: 'permission denied' }))).toEqual({
      kind: 'cancelled',
      compacted: false,
      reason: 'permission denied',
    });
    const error = {
      grpc_code: 14,
      http_code: 503,
      message: 'etcdserver: no leader',
      http_status: 'Service Unavailable',
    };
    expect(() => readWatch({ error })).toThrow('etcdserver: no leader');
  });

  test.each<[string, () => unknown]>([
    ['a number', () => readRange(5)],
    ['nothing', () => readRange(null)],
    ['a list', () => readTransaction([])],
    ['no header', () => readRange({})],
    ['a revision that is a word', () => readRange({ header: { revision: 'eight' } })],
    ['a revision beyond what numbers hold', () => readRange({ header: { revision: '9223372036854775807' } })],
    ['an item that is a text', () => readRange({ header: HEADER, kvs: ['a'] })],
    ['no token', () => readToken({ header: HEADER })],
    ['a renewal without a result', () => readKeepAlive({})],
    ['an event without a key', () => readWatch({ result: { header: HEADER, events: [{}] } })],
  ])('%s is told from an answer of etcd', (_, read) => {
    let failure: unknown;
    try {
      read();
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeInstanceOf(EtcdFailure);
    expect((failure as EtcdFailure).message).toContain('is it etcd?');
  });
});

test('a transaction as the gateway takes it', () => {
  const request = transactionRequest(
    [
      { key: 'a', createRevision: 5 },
      { key: 'b', modRevision: 0 },
    ],
    [{ put: 'b', value: Uint8Array.of(255), lease: '12' }],
    [{ get: 'a' }],
  );
  expect(request).toEqual({
    compare: [
      { key: 'YQ==', result: 'EQUAL', target: 'CREATE', create_revision: '5' },
      { key: 'Yg==', result: 'EQUAL', target: 'MOD', mod_revision: '0' },
    ],
    success: [{ request_put: { key: 'Yg==', value: '/w==', lease: '12' } }],
    failure: [{ request_range: { key: 'YQ==' } }],
  });
});

describe('failures, by what to do about them', () => {
  const answer = (code: number, message: string): EtcdFailure =>
    failureOfAnswer(code === 14 ? 503 : 400, { error: message, message, code }, '');

  test.each<[number, string, string]>([
    [14, 'etcdserver: request timed out', 'passing'],
    [14, 'etcdserver: leader changed', 'passing'],
    [4, 'context deadline exceeded', 'passing'],
    [1, 'grpc: the client connection is closing', 'passing'],
    [8, 'etcdserver: too many requests', 'passing'],
    [8, 'etcdserver: mvcc: database space exceeded', 'refused'],
    [5, 'etcdserver: requested lease not found', 'refused'],
    [9, 'etcdserver: lease already exists', 'refused'],
    [3, 'etcdserver: request is too large', 'refused'],
    [16, 'etcdserver: invalid auth token', 'token'],
    [3, 'etcdserver: revision of auth store is old', 'token'],
    [3, 'etcdserver: authentication failed, invalid user ID or password', 'misconfigured'],
    [3, 'etcdserver: user name is empty', 'misconfigured'],
    [7, 'etcdserver: permission denied', 'misconfigured'],
  ])('code %i, %s: %s', (code, message, kind) => {
    expect(answer(code, message)).toMatchObject({ kind, grpcCode: code, message });
  });

  test.each<[number, string, string, string]>([
    [502, '<html>Bad gateway', 'passing', 'it answered HTTP 502: <html>Bad gateway'],
    [404, '404 page not found', 'misconfigured', 'etcd 3.4 or later is needed'],
    [302, '', 'misconfigured', 'it answered HTTP 302, not as etcd does'],
    [
      400,
      'CommonName of client sending a request against gateway will be ignored',
      'misconfigured',
      'without a common name',
    ],
  ])('HTTP %i %s', (status, text, kind, message) => {
    const failure = failureOfAnswer(status, undefined, text);
    expect<string>(failure.kind).toBe(kind);
    expect(failure.message).toContain(message);
  });

  test('connections: certificates will not get better by themselves', () => {
    const error = (code: string): Error => Object.assign(new Error(`it is ${code}`), { code });
    for (const code of ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'ETIMEDOUT']) {
      expect(failureOfConnection(error(code))).toMatchObject({ kind: 'passing', message: `it is ${code}` });
    }
    for (const code of ['CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID', 'ERR_SSL_WRONG_VERSION_NUMBER']) {
      expect(failureOfConnection(error(code))).toMatchObject({ kind: 'misconfigured', message: `TLS: it is ${code}` });
    }
    expect(failureOfConnection({ code: 'ECONNREFUSED', message: '' }).message).toBe('ECONNREFUSED');
  });
});
