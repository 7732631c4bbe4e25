/** Requests and replies of the load generator, byte for byte. */
import { expect, test } from 'bun:test';
import { valuePattern } from '../../src/load/item-pattern.ts';
import { isGoodReply, patchRequest, repeatRequest, requestTemplate } from './wire.ts';

const SHAPE = { keyBytes: 4, valueBytes: 14 };
const TAIL = valuePattern(14).toString('latin1', 12);

test('a batch of RESP SETs carries the number of each key in key and value', () => {
  const template = requestTemplate('resp', 'set', SHAPE);
  const batch = repeatRequest(template, 2);
  patchRequest(batch, template, 0, 7);
  patchRequest(batch, template, 1, 1234);
  expect(batch.toString('latin1')).toBe(
    `*3\r\n$3\r\nSET\r\n$4\r\n0007\r\n$14\r\n000000000007${TAIL}\r\n` +
      `*3\r\n$3\r\nSET\r\n$4\r\n1234\r\n$14\r\n000000001234${TAIL}\r\n`,
  );
  expect(isGoodReply(Buffer.from('+OK\r\n'), 0, template, 7)).toBeTrue();
});

test('a RESP value is good for its own key only', () => {
  const template = requestTemplate('resp', 'get', SHAPE);
  const reply = Buffer.from(`$14\r\n000000001234${TAIL}\r\n`);
  expect(template.reply.length).toBe(reply.length);
  expect(isGoodReply(reply, 0, template, 1234)).toBeTrue();
  expect(isGoodReply(reply, 0, template, 1235)).toBeFalse();
});

test('memcached requests and replies', () => {
  const set = requestTemplate('memcached', 'set', SHAPE);
  expect(set.bytes.toString('latin1')).toBe(`set 0000 0 0 14\r\n000000000000${TAIL}\r\n`);
  const get = requestTemplate('memcached', 'get', SHAPE);
  const request = repeatRequest(get, 1);
  patchRequest(request, get, 0, 42);
  expect(request.toString('latin1')).toBe('get 0042\r\n');
  const reply = Buffer.from(`VALUE 0042 0 14\r\n000000000042${TAIL}\r\nEND\r\n`);
  expect(isGoodReply(reply, 0, get, 42)).toBeTrue();
  expect(isGoodReply(reply, 0, get, 43)).toBeFalse();
});

test('requests and replies of the Shoal protocol, as its docs have them', () => {
  const shape = { keyBytes: 4, valueBytes: 14 };
  const get = requestTemplate('shoal', 'get', shape);
  expect(get.bytes.toString('hex')).toBe(
    'a501030000000000000000000400000000000000' + Buffer.from('0000').toString('hex'),
  );
  expect(get.missReply.toString('hex')).toBe('a601010000000000000000000000000000000000');
  const set = requestTemplate('shoal', 'set', shape);
  expect(set.bytes.subarray(0, 20).toString('hex')).toBe('a50104000000000000000000040000000e000000');
  expect(set.reply.toString('hex')).toBe('a601000000000000000000000000000000000000');
  const reply = Buffer.concat([
    Buffer.from('a60100000000000000000000000000000e000000', 'hex'),
    Buffer.from(`000000000042${TAIL}`),
  ]);
  expect(isGoodReply(reply, 0, get, 42)).toBeTrue();
  expect(isGoodReply(reply, 0, get, 43)).toBeFalse();
});
