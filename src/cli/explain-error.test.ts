import { expect, test } from 'bun:test';
import { failureOf } from '../../test/support/failure-of.ts';
import { ShoalError } from '../base/errors.ts';
import { explained, withExplanation } from './explain-error.ts';

const node = '10.0.0.1:7600';

function systemError(code: string): Error {
  return Object.assign(new Error(`connect ${code}`), { code });
}

function down(cause: Error): ShoalError {
  const connect = new ShoalError('ConnectFailed', `cannot connect to ${node}: ${cause.message}`, { node, cause });
  return new ShoalError('NoAvailableNodes', `${node} is down: ${connect.message}`, { node, cause: connect });
}

test.each([
  [
    'refused',
    down(systemError('ECONNREFUSED')),
    `nobody listens on ${node}; start a node with "shoal serve", or name another with --node HOST:PORT (ECONNREFUSED)`,
  ],
  ['refused on each address', down(new AggregateError([systemError('ECONNREFUSED')])), `nobody listens on ${node};`],
  ['no such host', down(systemError('ENOTFOUND')), `the host name of ${node} is not known; check the address`],
  [
    'strange',
    down(new Error('strange')),
    `cannot connect to ${node}: strange; check the address that --node or SHOAL_NODES gives`,
  ],
  [
    'no password',
    new ShoalError('Unauthenticated', 'NOAUTH Authentication required.', { node }),
    `${node} refuses user or password (NOAUTH Authentication required.); set SHOAL_PASSWORD`,
  ],
  [
    'late',
    new ShoalError('Timeout', `no answer from ${node}`, { node }),
    `no answer from ${node}; wait longer with --timeout`,
  ],
  ['any other', new ShoalError('OutOfMemory', 'OOM full', { node }), 'OOM full'],
])('%s', (_name: string, error: ShoalError, text: string) => {
  const shown = explained(error) as ShoalError;
  expect(shown.message).toStartWith(text);
  expect(shown.message).not.toContain('\n');
  expect(shown.code).toBe(error.code);
  expect(shown.node).toBe(node);
});

test('what is no ShoalError stays as it is', async () => {
  const bug = new TypeError('oops');
  expect(explained(bug)).toBe(bug);
  expect(await failureOf(withExplanation(() => Promise.reject(bug)))).toBe(bug);
});
