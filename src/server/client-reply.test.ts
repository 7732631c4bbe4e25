/** CLIENT REPLY, together with everything that writes to a connection: errors, pushes, transactions, RESET, a broken protocol. */
import { describe, expect, test } from 'bun:test';
import { frame, startFakeNode } from '../../test/support/fake-node.ts';

const OFF = frame('CLIENT', 'REPLY', 'OFF');
const ON = frame('CLIENT', 'REPLY', 'ON');
const SKIP = frame('CLIENT', 'REPLY', 'SKIP');
const SUBSCRIBED = '*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n';

test.each([
  ['OFF drops errors too', `${OFF}NOPE\r\nGET\r\nCLIENT REPLY x\r\n${ON}`, '+OK\r\n'],
  ['OFF lets pushes through', `${OFF}SUBSCRIBE c\r\nPING\r\n`, SUBSCRIBED],
  ['a SUBSCRIBE that is refused is no push', `${OFF}SUBSCRIBE\r\n${ON}`, '+OK\r\n'],
  ['SKIP drops one reply', `${SKIP}PING\r\nPING\r\n`, '+PONG\r\n'],
  ['SKIP is used up by a request without arguments', `${SKIP}*0\r\nPING\r\n`, '+PONG\r\n'],
  ['SKIP drops one error', `${SKIP}NOPE\r\nPING\r\n`, '+PONG\r\n'],
  [
    'SKIP before SUBSCRIBE drops nothing and is used up',
    `${SKIP}SUBSCRIBE c\r\nPING\r\n`,
    `${SUBSCRIBED}*2\r\n$4\r\npong\r\n$0\r\n\r\n`,
  ],
  ['SKIP means nothing after OFF', `${OFF}${SKIP}PING\r\n${ON}PING\r\n`, '+OK\r\n+PONG\r\n'],
  ['SKIP before ON answers', `${SKIP}${ON}PING\r\n`, '+OK\r\n+PONG\r\n'],
  ['SKIP before RESET drops its reply', `${SKIP}RESET\r\nPING\r\n`, '+PONG\r\n'],
  ['RESET ends OFF', `${OFF}PING\r\nRESET\r\nPING\r\n`, '+RESET\r\n+PONG\r\n'],
  ['OFF drops what a broken protocol is answered', `${OFF}*1\r\nPING\r\n`, ''],
  ['SKIP does so too', `${SKIP}*1\r\nPING\r\n`, ''],
])('%s', async (_, requests, replies) => {
  await using node = await startFakeNode();
  expect(node.open().exchange(requests)).toBe(replies);
});

describe('in a transaction', () => {
  test.each([
    ['QUEUED is dropped, also for SUBSCRIBE', `${OFF}MULTI\r\nSUBSCRIBE c\r\nPING\r\n`, ''],
    [
      'EXEC sends the pushes and nothing else',
      `${OFF}MULTI\r\nPING\r\nSUBSCRIBE c\r\nNOPE2\r\nDISCARD\r\nMULTI\r\nGET k\r\nSUBSCRIBE c\r\nEXEC\r\n`,
      SUBSCRIBED,
    ],
    ['what EXEC itself answers is dropped', `${OFF}EXEC\r\nMULTI\r\nNOPE\r\nEXEC\r\n`, ''],
    [
      'SKIP that is queued counts for the command after EXEC',
      `MULTI\r\nPING\r\n${SKIP}EXEC\r\nPING\r\n`,
      '+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+PONG\r\n',
    ],
    [
      'OFF that is queued drops the replies behind it, as in Redis',
      `MULTI\r\nPING\r\n${OFF}PING\r\nEXEC\r\n`,
      '+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+PONG\r\n',
    ],
  ])('%s', async (_, requests, replies) => {
    await using node = await startFakeNode();
    expect(node.open().exchange(requests)).toBe(replies);
  });
});
