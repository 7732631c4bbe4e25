/** `shoal get | set | del | ping | info` as scripts and people run them, on both runtimes, against a real node. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import type { RunningNode } from '../../../src/server/running-node.ts';
import { buildForNode } from '../../support/build.ts';
import { type ChildResult, runChild } from '../../support/child-process.ts';
import { startNode } from '../../support/node.ts';
import { freePort } from '../../support/redis-server.ts';
import { RespClient } from '../../support/resp-client.ts';
import { REPOSITORY_ROOT } from '../../support/shoal-process.ts';

const TEST_TIMEOUT_MS = 60_000;

let node: RunningNode;
let redis: RespClient;
beforeAll(async () => {
  await buildForNode();
  node = await startNode();
  redis = await RespClient.connect(node.port);
}, TEST_TIMEOUT_MS);
afterAll(async () => {
  redis[Symbol.dispose]();
  await node.stop();
});

describe.each(['bun', 'node'])('on %s', (runtime) => {
  interface Input {
    readonly input?: string | Uint8Array;
    readonly environment?: Readonly<Record<string, string>>;
  }

  /** Text as latin1, a character for a byte. */
  function shoal(args: readonly string[], { input, environment }: Input = {}): Promise<ChildResult> {
    return runChild(join(REPOSITORY_ROOT, 'bin', 'shoal'), args, {
      environment: {
        SHOAL_NODES: `127.0.0.1:${node.port}`,
        SHOAL_RUNTIME: runtime,
        SHOAL_PASSWORD: '',
        ...environment,
      },
      ...(input === undefined ? {} : { input }),
    });
  }

  const done = (stdout = ''): ChildResult => ({ code: 0, stdout, stderr: '' });

  test('set and get text, exactly', async () => {
    expect(await shoal(['set', 'text', 'a b é'])).toEqual(done());
    expect(await redis.call('GET', 'text')).toBe('$6\r\na b \xc3\xa9\r\n');
    expect(await shoal(['get', 'text'])).toEqual(done('a b \xc3\xa9'));
    expect(await shoal(['get', 'text', '--json'])).toEqual(done('"a b \xc3\xa9"\n'));
    expect(await shoal(['set', 'text', '--', '--ttl'])).toEqual(done());
    expect(await shoal(['get', 'text'])).toEqual(done('--ttl'));
    expect(await shoal(['set', 'text', ''])).toEqual(done());
    expect(await redis.call('GET', 'text')).toBe('$0\r\n\r\n');
  });

  test('bytes go through stdin and stdout untouched', async () => {
    const bytes = Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * 2_654_435_761) >>> 24);
    expect(await shoal(['set', 'bytes', '-'], { input: bytes })).toEqual(done());
    const { stdout, code } = await shoal(['get', 'bytes']);
    expect(code).toBe(0);
    expect(Buffer.from(stdout, 'latin1').equals(bytes)).toBe(true);
    expect(await redis.call('STRLEN', 'bytes')).toBe(':3000000\r\n');
    expect(await shoal(['set', 'bytes', '-'], { input: '\xff\n' })).toEqual(done());
    expect(await shoal(['set', 'bytes', '-'], { input: new Uint8Array([0xff, 0x0a]) })).toEqual(done());
    expect(await shoal(['get', 'bytes', '--json'])).toEqual(done('{"base64":"/wo="}\n'));
  });

  test('JSON is stored as a value', async () => {
    expect(await shoal(['set', 'json', '{"name": "Ada", "visits": [3]}', '--json'])).toEqual(done());
    expect(await shoal(['get', 'json'])).toEqual(done('{"name":"Ada","visits":[3]}'));
    expect(await shoal(['get', 'json', '--json'])).toEqual(done('{"name":"Ada","visits":[3]}\n'));
    expect(await shoal(['set', 'json', '-', '--json'], { input: '[1]\n' })).toEqual(done());
    expect(await shoal(['get', 'json'])).toEqual(done('[1]'));
  });

  test('a key that is not there', async () => {
    const missing = { code: 3, stdout: '', stderr: 'shoal: there is no key "none"\n' };
    expect(await shoal(['get', 'none'])).toEqual(missing);
    expect(await shoal(['get', 'none', '--json'])).toEqual(missing);
  });

  test('conditions and lifetimes', async () => {
    await redis.call('DEL', 'lock');
    const refused = (why: string): ChildResult => ({
      code: 3,
      stdout: '',
      stderr: `shoal: not stored: the key "lock" ${why}\n`,
    });
    expect(await shoal(['set', 'lock', 'a', '--if-present'])).toEqual(refused('does not exist'));
    expect(await shoal(['set', 'lock', 'a', '--if-absent', '--ttl', '1h'])).toEqual(done());
    expect(await shoal(['set', 'lock', 'b', '--if-absent'])).toEqual(refused('exists already'));
    expect(await redis.call('TTL', 'lock')).toMatch(/^:(3600|35\d\d)\r\n$/);
    expect(await shoal(['set', 'lock', 'c', '--if-present', '--keep-ttl'])).toEqual(done());
    expect(await redis.call('GET', 'lock')).toBe('$1\r\nc\r\n');
    expect(await redis.call('TTL', 'lock')).toMatch(/^:(3600|35\d\d)\r\n$/);
    expect(await shoal(['set', 'lock', 'd'])).toEqual(done());
    expect(await redis.call('TTL', 'lock')).toBe(':-1\r\n');
  });

  test('del says how many there were', async () => {
    await redis.call('MSET', 'd1', 'x', 'd2', 'x');
    expect(await shoal(['del', 'd1', 'd2', 'none'])).toEqual(done('2\n'));
    expect(await shoal(['del', 'd1'])).toEqual(done('0\n'));
  });

  test('another database', async () => {
    expect(await shoal(['set', 'in-two', 'x', '--database', '2'])).toEqual(done());
    expect((await shoal(['get', 'in-two'])).code).toBe(3);
    expect(await shoal(['get', 'in-two', '--database=2'])).toEqual(done('x'));
  });

  test('ping tells the time of each node, and which does not answer', async () => {
    const address = `127.0.0.1:${node.port}`;
    const { code, stdout, stderr } = await shoal(['ping']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^${address} {2}\\d+\\.\\d\\d ms\n$`));
    const port = await freePort();
    const some = await shoal(['ping', '--node', `${address},127.0.0.1:${port}`]);
    expect(some.code).toBe(1);
    expect(some.stdout).toStartWith(`${address}  `);
    expect(some.stderr).toBe(
      `shoal: nobody listens on 127.0.0.1:${port}; start a node with "shoal serve", or name another with --node HOST:PORT (ECONNREFUSED)\n`,
    );
  });

  test('info, of all and of a section', async () => {
    const { code, stdout } = await shoal(['info', 'server']);
    expect(code).toBe(0);
    expect(stdout).toStartWith('# Server\r\n');
    expect(stdout).toContain(`tcp_port:${node.port}\r\n`);
    expect((await shoal(['info'])).stdout).toContain('# Memory');
  });

  test('a password, from the environment or as a flag', async () => {
    const locked = await startNode({ password: 'secret' });
    try {
      const nodes = { SHOAL_NODES: `127.0.0.1:${locked.port}` };
      const refused = await shoal(['get', 'k'], { environment: nodes });
      expect(refused.code).toBe(1);
      expect(refused.stderr).toMatch(
        /^shoal: 127\.0\.0\.1:\d+ refuses user or password \(.*\); set SHOAL_PASSWORD.*\n$/,
      );
      expect((await shoal(['get', 'k', '--password', 'wrong'], { environment: nodes })).code).toBe(1);
      expect((await shoal(['set', 'k', 'v', '--password', 'secret'], { environment: nodes })).code).toBe(0);
      expect(await shoal(['get', 'k'], { environment: { ...nodes, SHOAL_PASSWORD: 'secret' } })).toEqual(done('v'));
    } finally {
      await locked.stop();
    }
  });

  test.each([
    [['get'], 'shoal: KEY is missing\nshoal: see shoal get --help\n'],
    [['get', 'k', '--jsno'], 'shoal: --jsno is not an option; did you mean --json?\nshoal: see shoal get --help\n'],
    [['get', 'k', '--json', '--raw'], 'shoal: give --raw or --json, not both\nshoal: see shoal get --help\n'],
    [['set', 'k'], 'shoal: VALUE is missing\nshoal: see shoal set --help\n'],
    [
      ['set', 'k', 'v', '--ttl', '60'],
      'shoal: --ttl: "60" is not allowed; give a time from 1ms on, such as 500ms, 60s or 2h; did you mean 60s?\nshoal: see shoal set --help\n',
    ],
    [
      ['set', 'k', 'v', '--if-absent', '--if-present'],
      'shoal: give --if-absent or --if-present, not both\nshoal: see shoal set --help\n',
    ],
    [
      ['ping', 'x'],
      'shoal: "x" is one word too many: this command takes no words; put a text with spaces in quotes\nshoal: see shoal ping --help\n',
    ],
    [['del'], 'shoal: KEY is missing\nshoal: see shoal del --help\n'],
  ])('%p is a wrong use', async (args: readonly string[], stderr: string) => {
    expect(await shoal(args)).toEqual({ code: 2, stdout: '', stderr });
  });

  test('text that is no JSON is not stored as such', async () => {
    const { code, stderr } = await shoal(['set', 'k', 'hello', '--json']);
    expect(code).toBe(2);
    expect(stderr).toStartWith('shoal: the value is not JSON');
  });

  test.each(['get', 'set', 'del', 'ping', 'info', 'repl'])('%s --help fits a terminal', async (command) => {
    const { code, stdout, stderr } = await shoal([command, '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`Usage: shoal ${command}`);
    expect(stdout).toContain('--node HOST:PORT');
    expect(
      Math.max(
        ...Buffer.from(stdout, 'latin1')
          .toString()
          .split('\n')
          .map((line) => line.length),
      ),
    ).toBeLessThanOrEqual(100);
    expect((await shoal(['help', command])).stdout).toBe(stdout);
  });
});
