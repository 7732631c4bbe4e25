import { describe, expect, test } from 'bun:test';
import { ShoalError } from '../base/errors.ts';
import { parseArguments } from './arguments.ts';
import { CLIENT_FLAGS, type ClientTarget, clientTarget } from './client-flags.ts';

function targetOf(args: readonly string[], environment: Record<string, string> = {}): ClientTarget {
  return clientTarget(parseArguments(args, CLIENT_FLAGS), environment);
}

function nodesOf(args: readonly string[], environment: Record<string, string> = {}): readonly string[] {
  return targetOf(args, environment).nodes.map(({ host, port }) => `${host} ${port}`);
}

describe('which nodes', () => {
  test.each([
    [[], {}, ['127.0.0.1 7600']],
    [[], { SHOAL_NODES: '' }, ['127.0.0.1 7600']],
    [[], { SHOAL_NODES: 'a:1, b:2' }, ['a 1', 'b 2']],
    [['--node', 'c'], { SHOAL_NODES: 'a:1' }, ['c 7600']],
    [['--node', 'a:1,b:2', '--node', '[::1]:3'], {}, ['a 1', 'b 2', '::1 3']],
  ])('%p with %p', (args: string[], environment: Record<string, string>, nodes: string[]) => {
    expect(nodesOf(args, environment)).toEqual(nodes);
  });

  test.each([
    [['--node', ','], {}, '--node names no node; write host:port'],
    [['--node', 'a:b'], {}, '--node: "a:b" is no address; write host:port, or [address]:port for IPv6'],
    [['--node', 'a:70000'], {}, '--node: "a:70000" is no address; write host:port, or [address]:port for IPv6'],
    [['--node', 'a,a:7600'], {}, '--node: a:7600 is given twice'],
    [[], { SHOAL_NODES: 'a b' }, 'SHOAL_NODES: "a b" is no address; write host:port, or [address]:port for IPv6'],
  ])('%p with %p is refused', (args: string[], environment: Record<string, string>, message: string) => {
    expect(() => nodesOf(args, environment)).toThrow(new ShoalError('InvalidOption', message));
  });
});

describe('who asks, and how long', () => {
  test('defaults', () => {
    expect(targetOf([])).toMatchObject({ user: '', password: '', database: 0, timeoutMs: 5000 });
  });

  test('a flag counts before the environment', () => {
    expect(targetOf([], { SHOAL_PASSWORD: 'e' }).password).toBe('e');
    const args = ['--password', 'f', '--user', 'u', '--database', '15', '--timeout', '500ms'];
    expect(targetOf(args, { SHOAL_PASSWORD: 'e' })).toMatchObject({
      user: 'u',
      password: 'f',
      database: 15,
      timeoutMs: 500,
    });
  });

  test.each([
    ['--database', '16', '--database: "16" is not allowed; give a whole number from 0 to 15'],
    ['--database', 'x', '--database: "x" is not allowed; give a whole number from 0 to 15'],
    ['--timeout', '5', '--timeout: "5" is not allowed; give a time from 1ms to 1d, such as 500ms or 2s'],
    ['--timeout', '0', '--timeout: "0" is not allowed; give a time from 1ms to 1d, such as 500ms or 2s'],
    ['--timeout', '2d', '--timeout: "2d" is not allowed; give a time from 1ms to 1d, such as 500ms or 2s'],
  ])('%s %s is refused', (flag, value, message) => {
    expect(() => targetOf([flag, value])).toThrow(new ShoalError('InvalidOption', message));
  });
});
