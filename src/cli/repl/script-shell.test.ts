import { describe, expect, test } from 'bun:test';
import { Readable } from 'node:stream';
import { startNode } from '../../../test/support/node.ts';
import { RespClient } from '../../../test/support/resp-client.ts';
import { openTcpLink } from './link.ts';
import { linesOf, ScriptShell } from './script-shell.ts';
import { ReplSession } from './session.ts';

async function linesIn(pieces: readonly string[]): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of linesOf(Readable.from(pieces.map((piece) => Buffer.from(piece))))) {
    lines.push(Buffer.from(line).toString());
  }
  return lines;
}

describe('lines', () => {
  const text = 'get a\n\nget é\r\nlast';
  test('whole, byte by byte and at every split', async () => {
    const lines = ['get a', '', 'get é\r', 'last'];
    expect(await linesIn([text])).toEqual(lines);
    const bytes = Buffer.from(text);
    for (let at = 1; at < bytes.length; at += 1) {
      const split = Readable.from([bytes.subarray(0, at), bytes.subarray(at)]);
      const found: string[] = [];
      for await (const line of linesOf(split)) found.push(Buffer.from(line).toString());
      expect(found).toEqual(lines);
    }
  });

  test('an end without a newline is a line, nothing is none', async () => {
    expect(await linesIn(['a\n'])).toEqual(['a']);
    expect(await linesIn([])).toEqual([]);
  });
});

interface Script {
  readonly shell: ScriptShell;
  readonly done: Promise<number>;
  readonly out: () => string;
  readonly error: () => string;
  /** Resolves once stdout has `text`. */
  printed(text: string): Promise<void>;
}

function start(port: number, script: string): Script {
  let out = '';
  let error = '';
  let wake = (): void => {};
  const shell = new ScriptShell(
    {
      input: Readable.from([Buffer.from(script)]),
      style: 'raw',
      writeOut: (bytes) => {
        out += Buffer.from(bytes).toString();
        wake();
        return Promise.resolve();
      },
      writeError: (text) => {
        error += text;
      },
    },
    (events) =>
      new ReplSession(
        {
          host: '127.0.0.1',
          port,
          credentials: { user: '', password: '' },
          database: 0,
          connectTimeoutMs: 10_000,
          commandTimeoutMs: 10_000,
        },
        openTcpLink,
        events,
      ),
  );
  return {
    shell,
    done: shell.run(),
    out: () => out,
    error: () => error,
    printed: (text) =>
      new Promise((resolve) => {
        wake = () => {
          if (out.includes(text)) resolve();
        };
        wake();
      }),
  };
}

test('a lost connection fails its line, and the next one connects again', async () => {
  await using node = await startNode();
  const script = start(node.port, 'client kill type normal skipme no\nping\nping\n');
  const failures = await script.done;
  // The first ping may still be sent on the connection that is about to close; the second finds another one.
  expect(failures).toBeLessThanOrEqual(1);
  expect(script.out()).toEndWith('PONG\n');
});

test('monitors until it is closed, and that is no failure', async () => {
  await using node = await startNode();
  const script = start(node.port, 'monitor\nping\n');
  await script.printed('OK\n');
  using other = await RespClient.connect(node.port);
  await other.call('GET', 'seen');
  await script.printed('"GET" "seen"');
  script.shell.close();
  expect(await script.done).toBe(0);
  expect(script.error()).toBe('');
});

test('a connection that is lost while it listens ends it, and that is a failure', async () => {
  const node = await startNode();
  const script = start(node.port, 'subscribe news\n');
  await script.printed('subscribe\nnews\n1\n');
  await node.stop();
  expect(await script.done).toBe(1);
  expect(script.error()).toContain('was lost; the subscriptions are gone');
});

test('unsubscribed from all, it ends by itself', async () => {
  await using node = await startNode();
  for (const end of ['unsubscribe', 'reset']) {
    const script = start(node.port, `subscribe a b\n${end}\nconfig get maxmemory\n`);
    expect(await script.done).toBe(0);
    // A map, as RESP3 has it: key and value on one line.
    expect(script.out()).toMatch(/\nmaxmemory \d+\n$/);
  }
});
