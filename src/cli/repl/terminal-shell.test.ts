import { afterEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failureOf } from '../../../test/support/failure-of.ts';
import { FakeTerminal } from '../../../test/support/fake-terminal.ts';
import { type NodeOverrides, startNode } from '../../../test/support/node.ts';
import { RespClient } from '../../../test/support/resp-client.ts';
import type { RunningNode } from '../../server/running-node.ts';
import { HistoryFile } from './history.ts';
import { openTcpLink } from './link.ts';
import { ReplSession } from './session.ts';
import { TerminalShell } from './terminal-shell.ts';

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const UP = '\u001b[A';
const RED = '\u001b[31m';

interface Editor extends AsyncDisposable {
  readonly terminal: FakeTerminal;
  readonly node: RunningNode;
  readonly done: Promise<void>;
  /** Types a line and waits for what it brings. */
  enter(line: string, shows: string | RegExp): Promise<void>;
}

const nodes: RunningNode[] = [];
const folders: string[] = [];
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.stop();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

async function startTracked(overrides: NodeOverrides = {}): Promise<RunningNode> {
  const node = await startNode(overrides);
  nodes.push(node);
  return node;
}

interface EditorOptions {
  readonly columns?: number;
  readonly colors?: boolean;
  readonly password?: string;
  readonly historyPath?: string;
  readonly nodeOverrides?: NodeOverrides;
}

async function edit(options: EditorOptions = {}): Promise<Editor> {
  const node = await startTracked(options.nodeOverrides);
  const terminal = new FakeTerminal(options.columns);
  const shell = new TerminalShell(
    {
      input: terminal.input,
      output: terminal.output,
      colors: options.colors ?? true,
      style: 'formatted',
      history: new HistoryFile(options.historyPath ?? null),
      nowMs: () => performance.now(),
      random01: () => 0,
    },
    (events) =>
      new ReplSession(
        {
          host: '127.0.0.1',
          port: node.port,
          credentials: { user: '', password: options.password ?? '' },
          database: 0,
          connectTimeoutMs: 10_000,
          commandTimeoutMs: null,
        },
        openTcpLink,
        events,
      ),
  );
  const done = shell.run();
  await terminal.shows(`127.0.0.1:${node.port}> `.trimEnd());
  return {
    terminal,
    node,
    done,
    enter: async (line, shows) => {
      terminal.type(`${line}\r`);
      await terminal.shows(shows);
    },
    [Symbol.asyncDispose]: async () => {
      shell.close();
      await done;
    },
  };
}

describe('lines', () => {
  test('are run, and their replies shown', async () => {
    await using editor = await edit();
    const prompt = `127.0.0.1:${editor.node.port}`;
    await editor.enter('set k "a b"', 'OK');
    await editor.enter('get k', '"a b"');
    await editor.enter('mget k none', '2) (nil)');
    await editor.enter('get "open', 'a double quote is not closed');
    await editor.enter('nosuch', "(error) ERR unknown command 'nosuch'");
    expect(editor.terminal.written).toContain(`${RED}(error)`);
    await editor.enter('select 3', `${prompt}[3]>`);
    await editor.enter('multi', `${prompt}[3](TX)>`);
    await editor.enter('incr n', 'QUEUED');
    await editor.enter('exec', /1\) \(integer\) 1\n.*\[3\]>$/);
  });

  test('that are pasted together run one after the other', async () => {
    await using editor = await edit();
    editor.terminal.type('set k 1\rincr k\rincr k\recho done\r');
    await editor.terminal.shows('"done"');
    expect(editor.terminal.screen).toMatch(/OK\n\(integer\) 2\n\(integer\) 3\n"done"/);
  });

  test('help and clear are of the editor', async () => {
    await using editor = await edit();
    await editor.enter('help', /The server has \d+ commands/);
    await editor.enter('help get', 'GET key');
    await editor.enter('help gett', 'GETT is not a command of this server; did you mean GET?');
    editor.terminal.type('clear\r');
    await editor.terminal.shows(/^127\.0\.0\.1:\d+>$/);
  });

  test.each([['exit\r'], ['quit\r'], [CTRL_D]])('%p leaves, and gives the terminal back', async (keys) => {
    await using editor = await edit();
    expect(editor.terminal.isRaw).toBe(true);
    editor.terminal.type(keys);
    await editor.done;
    expect(editor.terminal.isRaw).toBe(false);
  });

  test('without colours nothing is coloured, and there are no hints', async () => {
    await using editor = await edit({ colors: false });
    await editor.enter('nosuch', '(error)');
    expect(editor.terminal.written).not.toContain(RED);
    expect(editor.terminal.written).not.toContain('\u001b[90m');
  });
});

describe('help while writing', () => {
  test('Tab completes, and the hint says what is missing and goes', async () => {
    await using editor = await edit();
    await editor.enter('help', 'The server has');
    editor.terminal.type('getra');
    await editor.terminal.shows(/> getra$/);
    editor.terminal.type('\t');
    await editor.terminal.shows(/> getrange key start end$/);
    editor.terminal.type('k 0 1\r');
    await editor.terminal.shows('""');
    expect(editor.terminal.screen).toMatch(/> getrange k 0 1\n""\n/);
  });

  test('a hint that does not fit is cut, not wrapped', async () => {
    await using editor = await edit({ columns: 50 });
    await editor.enter('help', 'The server has');
    editor.terminal.type('set k v ');
    await editor.terminal.shows(/> set k v .*…$/);
    for (const line of editor.terminal.screen.split('\n').slice(-1)) expect(line.length).toBeLessThanOrEqual(50);
  });
});

describe('Ctrl-C', () => {
  test('drops the line', async () => {
    await using editor = await edit();
    editor.terminal.type('set k dropped');
    await editor.terminal.shows('set k dropped');
    editor.terminal.type(CTRL_C);
    await editor.terminal.shows(/set k dropped\^C\n127\.0\.0\.1:\d+>$/);
    await editor.enter('exists k', '(integer) 0');
  });

  test('on an empty line says how to leave', async () => {
    await using editor = await edit();
    editor.terminal.type(CTRL_C);
    await editor.terminal.shows('(exit or Ctrl-D leaves)');
  });

  test('stops waiting for a command', async () => {
    await using editor = await edit();
    using other = await RespClient.connect(editor.node.port);
    expect(await other.call('CLIENT', 'PAUSE', '100000', 'ALL')).toBe('+OK\r\n');
    editor.terminal.type('get k\r');
    await editor.terminal.shows('get k');
    editor.terminal.type(CTRL_C);
    await editor.terminal.shows(/\^C\n.*was closed/);
  });

  test('ends MONITOR', async () => {
    await using editor = await edit();
    await editor.enter('monitor', '(Ctrl-C ends it)');
    using other = await RespClient.connect(editor.node.port);
    await other.call('GET', 'seen');
    await editor.terminal.shows('"GET" "seen"');
    editor.terminal.type(CTRL_C);
    await editor.terminal.shows(/\^C\n127\.0\.0\.1:\d+>$/);
    await editor.enter('ping', 'PONG');
  });
});

test('messages come above the line that is being written', async () => {
  await using editor = await edit({ colors: false });
  await editor.enter('subscribe news', '3) (integer) 1');
  editor.terminal.type('get half');
  await editor.terminal.shows(/> get half$/);
  using other = await RespClient.connect(editor.node.port);
  await other.call('PUBLISH', 'news', 'hello');
  await editor.terminal.shows(/1\) "message"\n2\) "news"\n3\) "hello"\n127\.0\.0\.1:\d+> get half$/);
  editor.terminal.type('\r');
  await editor.terminal.shows(/> get half\n\(nil\)/);
});

describe('the connection', () => {
  test('that is lost is told and made again, in the same database', async () => {
    await using editor = await edit();
    const { port } = editor.node;
    await editor.enter('select 2', '[2]>');
    await editor.enter('multi', '(TX)>');
    using other = await RespClient.connect(port);
    await other.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await editor.terminal.shows('was lost; the transaction is gone; connecting again');
    await editor.terminal.shows(new RegExp(`connected again\\n127\\.0\\.0\\.1:${port}\\[2\\]>$`));
    await editor.enter('ping', 'PONG');
  });

  test('comes back when the node does', async () => {
    await using editor = await edit();
    const { port } = editor.node;
    await editor.node.stop();
    nodes.splice(nodes.indexOf(editor.node), 1);
    await editor.terminal.shows('not connected>');
    await editor.enter('get k', `nobody listens on 127.0.0.1:${port}`);
    await startTracked({ port });
    await editor.terminal.shows('connected again');
    await editor.enter('get k', '(nil)');
  });

  test('that cannot be made at first is an error', async () => {
    const terminal = new FakeTerminal();
    const session = { host: '127.0.0.1', port: 1, credentials: { user: '', password: '' }, database: 0 };
    const shell = new TerminalShell(
      {
        input: terminal.input,
        output: terminal.output,
        colors: false,
        style: 'formatted',
        history: new HistoryFile(null),
        nowMs: () => 0,
        random01: () => 0,
      },
      (events) =>
        new ReplSession({ ...session, connectTimeoutMs: 10_000, commandTimeoutMs: null }, openTcpLink, events),
    );
    expect((await failureOf(shell.run())).message).toStartWith('nobody listens on 127.0.0.1:1');
    expect(terminal.isRaw).toBe(false);
  });
});

test('passwords: asked for, given, and kept out of the history', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-editor-'));
  folders.push(folder);
  const historyPath = join(folder, 'history');
  await using editor = await edit({ nodeOverrides: { password: 'secret' }, historyPath });
  await editor.terminal.shows('(the server asks for a password: AUTH password, or start with SHOAL_PASSWORD)');
  await editor.enter('get k', '(error) NOAUTH');
  await editor.enter('auth secret', /OK\n/);
  await editor.enter('get k', '(nil)');
  // Replies as RESP3 has them: it was agreed on once the password was right.
  await editor.enter('config get requirepass', '1# "requirepass"');
  await editor.enter('config set requirepass other', /OK\n.*>$/);
  expect(readFileSync(historyPath, 'utf8')).toBe('get k\nconfig get requirepass\n');
  editor.terminal.type(UP);
  await editor.terminal.shows(/> config get requirepass$/);
});
