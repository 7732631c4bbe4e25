import { beforeEach, describe, expect, test } from 'bun:test';
import { bulk, CommandHarness, error, integer, NIL } from '../../../test/support/command-harness.ts';
import { ErrorText } from './error-text.ts';

let node: CommandHarness;
beforeEach(() => {
  node = new CommandHarness();
});

describe('OBJECT ENCODING', () => {
  test.each([
    ['0', 'int'],
    ['-5', 'int'],
    ['9223372036854775807', 'int'],
    ['-9223372036854775808', 'int'],
    ['9223372036854775808', 'embstr'],
    ['-0', 'embstr'],
    ['007', 'embstr'],
    ['1.5', 'embstr'],
    ['', 'embstr'],
    ['x'.repeat(44), 'embstr'],
    ['x'.repeat(45), 'raw'],
  ])('%j is %s', (value, encoding) => {
    node.run('SET', 'k', value);
    expect(node.run('OBJECT', 'ENCODING', 'k')).toBe(bulk(encoding));
    node.run('COPY', 'k', 'l');
    expect(node.run('OBJECT', 'ENCODING', 'l')).toBe(bulk(encoding));
  });

  test('what was built by APPEND or SETRANGE is raw until it is set anew', () => {
    node.run('APPEND', 'k', '12');
    expect(node.run('OBJECT', 'ENCODING', 'k')).toBe(bulk('int'));
    node.run('APPEND', 'k', '3');
    expect(node.run('OBJECT', 'ENCODING', 'k')).toBe(bulk('raw'));
    node.run('SET', 'k', '12');
    expect(node.run('OBJECT', 'ENCODING', 'k')).toBe(bulk('int'));
    node.run('SETRANGE', 'k', '0', '1');
    expect(node.run('OBJECT', 'ENCODING', 'k')).toBe(bulk('raw'));
    node.run('SETRANGE', 'new', '0', '1');
    expect(node.run('OBJECT', 'ENCODING', 'new')).toBe(bulk('raw'));
  });
});

test('OBJECT FREQ counts reads up to 3, and looking does not count', () => {
  node.run('SET', 'k', 'v');
  expect(node.run('OBJECT', 'FREQ', 'k')).toBe(integer(0));
  expect(node.run('OBJECT', 'FREQ', 'k')).toBe(integer(0));
  for (let read = 0; read < 10; read += 1) node.run('GET', 'k');
  expect(node.run('OBJECT', 'FREQ', 'k')).toBe(integer(3));
});

test('OBJECT IDLETIME and REFCOUNT', () => {
  node.run('SET', 'k', '1');
  expect(node.run('OBJECT', 'IDLETIME', 'k')).toBe(error(ErrorText.idleTimeNotTracked));
  expect(node.run('OBJECT', 'REFCOUNT', 'k')).toBe(integer(1));
});

test('a missing key is nil', () => {
  for (const word of ['ENCODING', 'FREQ', 'IDLETIME', 'REFCOUNT']) expect(node.run('OBJECT', word, 'k')).toBe(NIL);
  expect(node.run('MEMORY', 'USAGE', 'k')).toBe(NIL);
});

test('MEMORY USAGE is little more than key and value', () => {
  node.run('SET', 'k'.repeat(32), 'v'.repeat(1024));
  const used = Number(node.run('MEMORY', 'USAGE', 'k'.repeat(32)).slice(1));
  expect(used).toBeGreaterThan(1056);
  expect(used).toBeLessThan(1056 + 32);
  expect(node.run('MEMORY', 'USAGE', 'k', 'SAMPLES', '0')).toBe(NIL);
  expect(node.run('MEMORY', 'USAGE', 'k', 'SAMPLES', 'x')).toBe(error(ErrorText.notAnInteger));
  expect(node.run('MEMORY', 'USAGE', 'k', 'SAMPLES', '-1')).toBe(error(ErrorText.syntax));
  expect(node.run('MEMORY', 'USAGE', 'k', 'SAMPLES')).toBe(error(ErrorText.syntax));
  expect(node.run('MEMORY', 'USAGE', 'k', 'bogus', '1')).toBe(error(ErrorText.syntax));
});

test('HELP names the subcommands', () => {
  for (const word of ['ENCODING', 'FREQ', 'IDLETIME', 'REFCOUNT', 'HELP']) {
    expect(node.run('OBJECT', 'HELP')).toContain(`+${word}`);
  }
  expect(node.run('MEMORY', 'HELP')).toContain('+USAGE key [SAMPLES count]');
});
