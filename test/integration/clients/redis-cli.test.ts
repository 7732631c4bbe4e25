/** The real redis-cli: commands, protocols, bulk loading, its reports on a keyspace, MONITOR, and hints while typing. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { type ChildOptions, type ChildResult, runChild } from '../../support/child-process.ts';
import { RUNTIMES, START_TIMEOUT_MS, startTarget, type Target } from '../../support/client-target.ts';
import { pathOf } from '../../support/redis-server.ts';

const missing = pathOf('redis-cli') === null;
const title = missing ? 'redis-cli is not installed; on Debian: apt-get install redis-tools' : 'redis-cli';

describe.skipIf(missing).each(RUNTIMES)(`${title}, with a node on %s`, (runtime) => {
  let target: Target;
  beforeAll(async () => {
    target = await startTarget({ runtime });
  }, START_TIMEOUT_MS);
  beforeEach(() => cli('flushall'));
  afterAll(() => target.stop());

  const run = (args: readonly string[], options?: ChildOptions): Promise<ChildResult> =>
    runChild('redis-cli', ['-p', String(target.port), ...args], options);
  /** Runs it once and gives back stdout; any word on stderr fails the test. */
  const cli = async (...args: string[]): Promise<string> => {
    const { stdout, stderr } = await run(args);
    expect(stderr).toBe('');
    return stdout;
  };
  const load = async (count: number): Promise<void> => {
    const lines = Array.from({ length: count }, (_, index) => `SET key:${index} ${'v'.repeat(index + 1)}\r\n`);
    const { stdout } = await run(['--pipe'], { input: lines.join('') });
    expect(stdout).toContain(`errors: 0, replies: ${count}`);
  };

  test('replies as text', async () => {
    expect(await cli('set', 'k', 'v')).toBe('OK\n');
    expect(await cli('get', 'k')).toBe('v\n');
    expect(await cli('--no-raw', 'get', 'nothing')).toBe('(nil)\n');
    expect(await cli('--no-raw', 'incr', 'n')).toBe('(integer) 1\n');
    expect(await cli('--no-raw', 'mget', 'k', 'none')).toBe('1) "v"\n2) (nil)\n');
    expect(await cli('--no-raw', 'incr', 'k')).toBe('(error) ERR value is not an integer or out of range\n');
    expect(await cli('--raw', 'mget', 'k', 'n')).toBe('v\n1\n');
    expect(await cli('--csv', 'mget', 'k', 'none')).toBe('"v",NULL\n');
    expect((await run(['-e', 'incr', 'k'])).code).toBe(1);
  });

  test('RESP3', async () => {
    expect(await cli('-3', '--no-raw', 'hello')).toMatch(
      /^1# "server" => "redis"\n2# "version" => "\d+\.\d+\.\d+"\n3# "proto" => \(integer\) 3\n/,
    );
    expect(await cli('-3', '--no-raw', 'get', 'nothing')).toBe('(nil)\n');
    expect(await cli('-3', '--no-raw', 'config', 'get', 'maxmemory-policy')).toMatch(/^1# "maxmemory-policy" => "\w+/);
  });

  test('-n, -x, -X, -r, -u', async () => {
    expect(await cli('-n', '5', 'set', 'k', 'five')).toBe('OK\n');
    expect(await cli('exists', 'k')).toBe('0\n');
    expect(await cli('-u', `redis://127.0.0.1:${target.port}/5`, 'get', 'k')).toBe('five\n');
    const binary = new Uint8Array([0, 13, 10, 255, 34]);
    expect((await run(['-x', 'set', 'bytes'], { input: binary })).stdout).toBe('OK\n');
    expect(await cli('--no-raw', 'get', 'bytes')).toBe('"\\x00\\r\\n\\xff\\""\n');
    expect((await run(['-X', 'VALUE', 'set', 'tagged', 'VALUE', 'EX', '100'], { input: 'v' })).stdout).toBe('OK\n');
    expect(await cli('ttl', 'tagged')).toMatch(/^(99|100)\n$/);
    expect(await cli('-r', '3', 'incr', 'n')).toBe('1\n2\n3\n');
  });

  test('commands from stdin, transactions among them', async () => {
    const { stdout } = await run([], { input: 'set k 1\nmulti\nincr k\nget k\nexec\n' });
    expect(stdout).toBe('OK\nOK\nQUEUED\nQUEUED\n2\n2\n');
  });

  test('--pipe loads a file of RESP and counts its errors', async () => {
    const value = 'x'.repeat(20_000);
    const frames = Array.from(
      { length: 300 },
      (_, index) => `*3\r\n$3\r\nSET\r\n$${`p${index}`.length}\r\np${index}\r\n$20000\r\n${value}\r\n`,
    );
    const { stdout } = await run(['--pipe'], { input: `${frames.join('')}*2\r\n$4\r\nINCR\r\n$2\r\np1\r\n` });
    expect(stdout).toContain('errors: 1, replies: 301');
    expect(await cli('dbsize')).toBe('300\n');
    expect(await cli('get', 'p299')).toBe(`${value}\n`);
  });

  test('--scan', async () => {
    await load(500);
    const all = (await cli('--scan')).trimEnd().split('\n');
    expect(new Set(all).size).toBe(500);
    expect((await cli('--scan', '--pattern', 'key:49?')).trimEnd().split('\n').toSorted()).toEqual(
      Array.from({ length: 10 }, (_, index) => `key:49${index}`),
    );
  });

  test('--bigkeys and --memkeys', async () => {
    await load(200);
    const big = await cli('--bigkeys');
    expect(big).toContain('Sampled 200 keys in the keyspace!');
    expect(big).toMatch(/Biggest string found ['"]+key:199['"]+ has 200 bytes/);
    expect(big).toContain('200 strings with 20100 bytes (100.00% of keys');
    const memory = await cli('--memkeys');
    expect(memory).toContain('Sampled 200 keys in the keyspace!');
    // Which key it names is open where an allocator gives several the same room; what the longest takes is not.
    const usage = (await cli('memory', 'usage', 'key:199')).trim();
    expect(memory).toMatch(new RegExp(`Biggest string found ['"]+key:1\\d\\d['"]+ has ${usage} bytes`));
  });

  test('--stat, --latency, INFO', async () => {
    await load(20);
    const stat = await run(['--stat', '-i', '0.01'], { until: /\n20 [^\n]*\n20 / });
    expect(stat.stdout).toMatch(
      /\nkeys +mem +clients +blocked +requests +connections *\n20 +\S+M +\d+ +0 +\d+ \(\+0\) +\d+ *\n20 +\S+M +\d+ +0 +\d+ \(\+1\) /,
    );
    const latency = await run(['--latency', '--csv', '-i', '0.05'], {});
    expect(latency.stdout).toMatch(/^\d+,\d+,\d+\.\d+,\d+\n?$/);
    const info = await cli('info', 'everything');
    expect(info).toMatch(/^# Server\r?$/m);
    expect(info).toMatch(/^db0:keys=20,expires=0,avg_ttl=0/m);
    expect(info).toMatch(
      /^cmdstat_set:calls=\d+,usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=0,failed_calls=0\r?$/m,
    );
  });

  test('MONITOR', async () => {
    let sent = false;
    const monitor = await run(['monitor'], {
      until: /"get" "watched"/,
      onOutput: (stdout) => {
        if (!stdout.startsWith('OK\n') || sent) return;
        sent = true;
        void cli('-n', '2', 'get', 'watched');
      },
    });
    expect(monitor.stdout).toMatch(/\n\d+\.\d{6} \[2 127\.0\.0\.1:\d+\] "get" "watched"\n/);
  });

  test('SUBSCRIBE', async () => {
    let sent = false;
    const subscriber = await run(['subscribe', 'news'], {
      until: /message\nnews\nhello\n/,
      onOutput: (stdout) => {
        if (!stdout.includes('news\n1\n') || sent) return;
        sent = true;
        void cli('publish', 'news', 'hello');
      },
    });
    expect(subscriber.stdout).toContain('subscribe\nnews\n1\nmessage\nnews\nhello\n');
  });

  test('COMMAND DOCS describes the commands to it', async () => {
    expect(await cli('--no-raw', 'command', 'docs', 'get')).toContain('"summary"');
    expect(await cli('command', 'count')).toMatch(/^\d+\n$/);
    expect(await cli('command', 'getkeys', 'mset', 'a', '1', 'b', '2')).toBe('a\nb\n');
    const listed = (await cli('command', 'list')).trimEnd().split('\n');
    expect(listed).toContain('set');
    expect(listed.filter((name) => !name.includes('|'))).toHaveLength(Number(await cli('command', 'count')));
  });

  test('a password', async () => {
    const guarded = await startTarget({ runtime, password: 'secret phrase' });
    try {
      const at = ['-p', String(guarded.port)];
      expect((await runChild('redis-cli', [...at, 'get', 'k'])).stdout).toBe('NOAUTH Authentication required.\n\n');
      const right = await runChild('redis-cli', [...at, '-a', 'secret phrase', '--no-auth-warning', 'set', 'k', 'v']);
      expect(right).toMatchObject({ code: 0, stdout: 'OK\n', stderr: '' });
      const named = await runChild('redis-cli', [
        ...at,
        '--user',
        'default',
        '--pass',
        'secret phrase',
        '--no-auth-warning',
        '-3',
        'get',
        'k',
      ]);
      expect(named.stdout).toBe('v\n');
      const wrong = await runChild('redis-cli', [...at, '-a', 'guess', '--no-auth-warning', 'get', 'k']);
      expect(wrong.stdout + wrong.stderr).toContain(
        'AUTH failed: WRONGPASS invalid username-password pair or user is disabled.',
      );
      const byEnvironment = await runChild('redis-cli', [...at, 'get', 'k'], {
        environment: { REDISCLI_AUTH: 'secret phrase' },
      });
      expect(byEnvironment.stdout).toBe('v\n');
    } finally {
      await guarded.stop();
    }
  });

  test('help, which it makes from what the server says about its commands', async () => {
    const { stdout } = await run([], { input: 'help get\nhelp client kill\nhelp nosuch\n' });
    // oxlint-disable-next-line no-control-regex -- The colours are sent to a pipe, too.
    const plain = stdout.replaceAll(/\u001B\[\d+m|\r/g, '');
    expect(plain).toMatch(/\n {2}GET key\n {2}summary: \S.*\n {2}since: 1\.0\.0\n {2}group: string\n/);
    expect(plain).toMatch(/\n {2}CLIENT KILL \S.*\n {2}summary: \S.*\n {2}since: 2\.4\.0\n {2}group: connection\n/);
  });
});
