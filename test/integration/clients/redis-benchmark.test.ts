/** The real redis-benchmark: it must find its way through CONFIG GET, pipelines, threads and a keyspace without an error. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type ChildResult, runChild } from '../../support/child-process.ts';
import { RUNTIMES, START_TIMEOUT_MS, startTarget, type Target } from '../../support/client-target.ts';
import { pathOf } from '../../support/redis-server.ts';

const missing = pathOf('redis-benchmark') === null;
const title = missing ? 'redis-benchmark is not installed; on Debian: apt-get install redis-tools' : 'redis-benchmark';

describe.skipIf(missing).each(RUNTIMES)(`${title}, with a node on %s`, (runtime) => {
  let target: Target;
  beforeAll(async () => {
    target = await startTarget({ runtime });
  }, START_TIMEOUT_MS);
  afterAll(() => target.stop());

  const run = async (...args: string[]): Promise<ChildResult> => {
    const result = await runChild('redis-benchmark', ['-p', String(target.port), ...args]);
    expect(result.stderr.replace(/^WARNING: Keepalive disabled.*\n/, '')).toBe('');
    expect(result.code).toBe(0);
    return result;
  };
  const answer = async (...args: string[]): Promise<string> =>
    (await runChild('redis-cli', ['-p', String(target.port), ...args])).stdout.trimEnd();

  test('-q with pipelining', async () => {
    const { stdout } = await run('-t', 'ping,set,get,incr,mset', '-n', '2000', '-P', '16', '-q');
    const rates = [...stdout.matchAll(/^(?:.*\r)?(\w+)[^\r\n]*: ([\d.]+) requests per second/gm)];
    expect(rates.map(([, name]) => name)).toEqual(['PING_INLINE', 'PING_MBULK', 'SET', 'GET', 'INCR', 'MSET']);
    expect(await answer('get', 'counter:__rand_int__')).toBe('2000');
  });

  test('--csv', async () => {
    const { stdout } = await run('-t', 'set,get', '-n', '1000', '-d', '1024', '--csv');
    const [header, set, get] = stdout.trimEnd().split('\n');
    expect(header).toStartWith('"test","rps","avg_latency_ms"');
    expect(set).toMatch(/^"SET","[\d.]+"/);
    expect(get).toMatch(/^"GET","[\d.]+"/);
    expect(await answer('strlen', 'key:__rand_int__')).toBe('1024');
  });

  test('--threads, -r and RESP3', async () => {
    await answer('flushall');
    const { stdout } = await run(
      '--threads',
      '2',
      '-c',
      '20',
      '-3',
      '-n',
      '4000',
      '-P',
      '8',
      '-r',
      '500',
      '-t',
      'set,incr',
      '-q',
    );
    expect(stdout).not.toContain('Error');
    const keys = Number(await answer('dbsize'));
    expect(keys).toBeWithin(900, 1001);
  });

  test('any command, without keep-alive', async () => {
    await answer('flushall');
    await run('-k', '0', '-c', '5', '-n', '300', '-q', 'append', 'log', 'x');
    expect(await answer('strlen', 'log')).toBe('300');
  });
});
