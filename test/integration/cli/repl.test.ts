/** `shoal repl` with a script on stdin, on both runtimes; what it prints beside what redis-cli prints. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { RunningNode } from '../../../src/server/running-node.ts';
import { buildForNode } from '../../support/build.ts';
import { type ChildResult, runChild } from '../../support/child-process.ts';
import { startNode } from '../../support/node.ts';
import { freePort, pathOf } from '../../support/redis-server.ts';
import { RespClient } from '../../support/resp-client.ts';
import { REPOSITORY_ROOT } from '../../support/shoal-process.ts';

const TEST_TIMEOUT_MS = 60_000;
const PROGRAM = join(REPOSITORY_ROOT, 'bin', 'shoal');

let node: RunningNode;
beforeAll(async () => {
  await buildForNode();
  node = await startNode();
}, TEST_TIMEOUT_MS);
afterAll(() => node.stop());

function repl(runtime: string, input: string | Uint8Array, ...args: readonly string[]): Promise<ChildResult> {
  return runChild(PROGRAM, ['repl', ...args], {
    environment: { SHOAL_NODES: `127.0.0.1:${node.port}`, SHOAL_RUNTIME: runtime, SHOAL_PASSWORD: '' },
    input,
  });
}

describe.each(['bun', 'node'])('a script on %s', (runtime) => {
  test('is run line by line', async () => {
    const script = '# greets\nset k "a\\nb"\n\nget k\r\nselect 1\nget k\nmget k k\nexists k';
    expect(await repl(runtime, script)).toEqual({ code: 0, stdout: 'OK\na\nb\nOK\n\n\n\n0\n', stderr: '' });
  });

  test('goes on after what failed, tells its line, and ends with 1', async () => {
    const { code, stdout, stderr } = await repl(runtime, 'set n x\nincr n\nget "open\nget n\n');
    expect(stdout).toBe('OK\nx\n');
    expect(stderr).toBe(
      'shoal: line 2: ERR value is not an integer or out of range\nshoal: line 3: a double quote is not closed\n',
    );
    expect(code).toBe(1);
  });

  test('ends at exit', async () => {
    expect(await repl(runtime, 'ping\nexit\nping\n')).toEqual({ code: 0, stdout: 'PONG\n', stderr: '' });
  });

  test('sends and prints any byte', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index).filter(
      (byte) => ![0x22, 0x5c, 0x0a].includes(byte),
    );
    const script = Buffer.concat([Buffer.from('set bytes "'), bytes, Buffer.from('"\nget bytes\n')]);
    const { stdout } = await repl(runtime, script);
    expect(stdout).toBe(`OK\n${Buffer.from(bytes).toString('latin1')}\n`);
  });

  test('keeps one connection: transactions work', async () => {
    const { code, stdout } = await repl(runtime, 'multi\nset t 1\nincr t\nexec\n', '--no-raw');
    expect(stdout).toBe('OK\nQUEUED\nQUEUED\n1) OK\n2) (integer) 2\n');
    expect(code).toBe(0);
  });

  test('without a server is one clear line', async () => {
    const port = await freePort();
    expect(await repl(runtime, 'ping\n', '--node', `127.0.0.1:${port}`)).toEqual({
      code: 1,
      stdout: '',
      stderr: `shoal: nobody listens on 127.0.0.1:${port}; start a node with "shoal serve", or name another with --node HOST:PORT (ECONNREFUSED)\n`,
    });
  });

  test('a command that takes too long is given up', async () => {
    using other = await RespClient.connect(node.port);
    await other.call('CLIENT', 'PAUSE', '100000', 'WRITE');
    try {
      const { code, stderr } = await repl(runtime, 'set k v\n', '--timeout', '200ms');
      expect(code).toBe(1);
      expect(stderr).toMatch(/^shoal: line 1: no answer from .* within 200 ms; .*--timeout 30s\n$/);
    } finally {
      await other.call('CLIENT', 'UNPAUSE');
    }
  });

  test('that subscribed prints messages until it is stopped', async () => {
    const child = spawn(PROGRAM, ['repl'], {
      env: { ...process.env, SHOAL_NODES: `127.0.0.1:${node.port}`, SHOAL_RUNTIME: runtime, SHOAL_PASSWORD: '' },
    });
    const exited = once(child, 'close');
    try {
      child.stdin.end(`subscribe news-${runtime}\n`);
      let out = '';
      const printed = async (text: string): Promise<void> => {
        while (!out.includes(text)) out += String((await once(child.stdout, 'data'))[0]);
      };
      await printed('subscribe\n');
      using other = await RespClient.connect(node.port);
      expect(await other.call('PUBLISH', `news-${runtime}`, 'hello')).toBe(':1\r\n');
      await printed('hello\n');
      child.kill('SIGINT');
      expect(await exited).toEqual([130, null]);
    } finally {
      child.kill('SIGKILL');
      await exited;
    }
  });
});

describe('what is printed', () => {
  const redisCli = pathOf('redis-cli');

  /** Commands whose replies are of all kinds, and the same each time. */
  const COMMANDS = [
    ['PING'],
    ['SET', 'r:k', 'a "quoted"\ttext\r\n\x07\b\x01\\'],
    ['GET', 'r:k'],
    ['GET', 'r:none'],
    ['INCR', 'r:n'],
    ['MGET', 'r:k', 'r:none', 'r:n'],
    ['KEYS', 'nothing*'],
    ['SCAN', '0', 'MATCH', 'nothing*'],
    ['COMMAND', 'DOCS', 'GET'],
    ['COMMAND', 'INFO', 'GET', 'SET', 'NOSUCH'],
    ['COMMAND', 'DOCS', 'nosuch'],
    ['COMMAND', 'LIST'],
    ['CONFIG', 'GET', 'max*'],
    ['CLIENT', 'NO-TOUCH', 'MAYBE'],
    ['NOSUCH', 'a'],
    ['SET', 'r:k'],
    ...['STRING', 'INTEGER', 'DOUBLE', 'NULL', 'ARRAY', 'SET', 'MAP', 'VERBATIM', 'TRUE', 'FALSE'].map((kind) => [
      'DEBUG',
      'PROTOCOL',
      kind,
    ]),
  ];

  test.skipIf(redisCli === null).each([
    ['--no-raw', []],
    ['--raw', []],
  ])(
    'with %s is what redis-cli prints',
    async (style) => {
      using other = await RespClient.connect(node.port);
      for (const words of COMMANDS) {
        await other.call('SET', 'r:n', '41');
        const theirs = await runChild(redisCli ?? '', ['-3', '-p', String(node.port), style, ...words]);
        await other.call('SET', 'r:n', '41');
        const line = words
          .map((word) => JSON.stringify(word).replaceAll('\\u0007', '\\a').replaceAll('\\u0001', '\\x01'))
          .join(' ');
        const ours = await repl('bun', `${line}\n`, style);
        // Errors of scripts are on stderr here.
        const shown = ours.stderr.replace('shoal: line 1: ', style === '--raw' ? '' : '(error) ');
        expect(`${line}\n${ours.stdout}${shown}`.trimEnd()).toBe(`${line}\n${theirs.stdout}`.trimEnd());
      }
    },
    TEST_TIMEOUT_MS,
  );
});
