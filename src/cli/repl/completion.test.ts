import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { startNode } from '../../../test/support/node.ts';
import { type CommandDocs, type DocsArgument, NO_DOCS, readCommandDocs, syntaxText } from './command-docs.ts';
import { complete, hintFor, remaining } from './completion.ts';
import { commandHelp } from './help-text.ts';
import { openTcpLink } from './link.ts';
import { wordsOf } from './session.ts';

/** What a real node says of its commands. */
let docs: CommandDocs = NO_DOCS;

async function docsOfNode(): Promise<CommandDocs> {
  const node = await startNode();
  const options = { host: '127.0.0.1', port: node.port, credentials: { user: '', password: '' }, database: 0 };
  const link = await openTcpLink({ ...options, connectTimeoutMs: 10_000 }, { onPush: () => {}, onLost: () => {} });
  try {
    return readCommandDocs(await link.request(wordsOf('COMMAND', 'DOCS')));
  } finally {
    link.close();
    await node.stop();
  }
}

beforeAll(async () => {
  docs = await docsOfNode();
});
afterAll(() => {
  docs = NO_DOCS;
});

describe('Tab', () => {
  test.each([
    ['ge', ['get', 'getdel', 'getex', 'getrange', 'getset'], 'ge'],
    ['GETE', ['GETEX'], 'GETE'],
    ['  incrbyf', ['incrbyfloat'], 'incrbyf'],
    ['hel', ['hello', 'help'], 'hel'],
    ['ex', ['exec', 'exists', 'exit', 'expire', 'expireat', 'expiretime'], 'ex'],
    ['nosuch', [], 'nosuch'],
    ['nosuch x', [], 'x'],
    ['client no', ['no-evict', 'no-touch'], 'no'],
    ['CLIENT NO-', ['NO-EVICT', 'NO-TOUCH'], 'NO-'],
    ['client no-touch ', ['on', 'off'], ''],
    ['help clien', ['client'], 'clien'],
    ['help client no-t', ['no-touch'], 'no-t'],
    ['set ', [], ''],
    ['set key ', [], ''],
    ['set key value e', ['ex', 'exat'], 'e'],
    ['set key value ex ', [], ''],
    ['set key value ex 5 ', ['nx', 'xx', 'get'], ''],
    ['set key value nx ex 5 ', ['get'], ''],
    ['get key ', [], ''],
  ])('%p', (line, candidates, word) => {
    expect(complete(line, docs)).toEqual({ candidates, word });
  });

  test('all commands on an empty line', () => {
    const { candidates } = complete('', docs);
    expect(candidates).toContain('SET');
    expect(candidates).toContain('EXIT');
    expect(candidates.length).toBeGreaterThan(80);
  });

  test('only the own commands without docs', () => {
    expect(complete('', NO_DOCS).candidates).toEqual(['CLEAR', 'EXIT', 'HELP']);
    expect(complete('get ', NO_DOCS).candidates).toEqual([]);
  });
});

describe('the hint', () => {
  test.each([
    ['', ''],
    ['get', ' key'],
    ['GET ', 'key'],
    ['get k', ''],
    ['get k extra', ''],
    ['nosuch', ''],
    ['mget', ' key [key ...]'],
    ['mget a', ' [key ...]'],
    ['mget a b ', '[key ...]'],
    ['mset', ' key value [key value ...]'],
    ['mset a', ' value [key value ...]'],
    ['mset a 1 ', '[key value ...]'],
    ['getrange k 0', ' end'],
    ['set k v ex', ' seconds [NX | XX] [GET]'],
    ['set k v ex 5 ', '[NX | XX] [GET]'],
    ['set k v nx get px 5', ''],
    ['help', ' [command]'],
    ['client no-touch', ' ON | OFF'],
    ['client no-touch on', ''],
    ['client nosuch ', ''],
    ['ping', ' [message]'],
  ])('%p', (line, hint) => {
    expect(hintFor(line, docs)).toBe(hint);
  });

  test('of a command with subcommands lists them', () => {
    expect(hintFor('memory ', docs)).toContain('USAGE');
  });
});

test('options that stand before an argument are offered until it is written', () => {
  const word = (name: string, token: string | null = null): DocsArgument => ({
    name,
    type: token === null ? 'string' : 'pure-token',
    token,
    optional: token !== null,
    multiple: false,
    parts: [],
  });
  const pair: DocsArgument = {
    ...word('score-member'),
    type: 'block',
    multiple: true,
    parts: [word('score'), word('member')],
  };
  const args = [word('key'), word('nx', 'NX'), word('ch', 'CH'), pair];
  const restOf = (...words: readonly string[]): string => syntaxText(remaining(args, words).rest);
  expect(restOf('z')).toBe('[NX] [CH] score member [score member ...]');
  expect(restOf('z', 'ch')).toBe('[NX] score member [score member ...]');
  expect(restOf('z', 'nx', '1')).toBe('member [score member ...]');
  expect(restOf('z', '1', 'a')).toBe('[score member ...]');
  expect(restOf('z', '1', 'a', '2', 'b')).toBe('[score member ...]');
});

test('every command has a syntax that is the notation of its own docs', () => {
  for (const { name, args, summary } of docs.values()) {
    expect(summary, name).not.toBe('');
    expect(syntaxText(args), name).not.toMatch(/undefined|\[\]/);
  }
  expect(syntaxText(docs.get('SET')?.args ?? [])).toBe(
    'key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]',
  );
});

test('help of a command', () => {
  const get = docs.get('GET');
  expect(get).toBeDefined();
  if (get !== undefined) expect(commandHelp(get, '')).toMatch(/^GET key\n {2}.+\n {2}group string, since 1\.0\.0\n$/);
});
