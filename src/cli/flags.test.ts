import { expect, test } from 'bun:test';
import { ShoalError } from '../base/errors.ts';
import { parseFlags } from './flags.ts';

const NAMES = ['port', 'memory', 'limit-key'];

test.each([
  [[], {}],
  [['--port', '1'], { port: '1' }],
  [['--port=1', '--limit-key=2'], { port: '1', 'limit-key': '2' }],
  [['--port', '1', '--port', '2'], { port: '2' }],
  [['--port', '-1'], { port: '-1' }],
  [['--port='], { port: '' }],
  [['--memory=--port'], { memory: '--port' }],
  [['--'], {}],
])('%p gives %p', (args: string[], values: Record<string, string>) => {
  expect(parseFlags(args, NAMES)).toEqual({
    help: false,
    values: new Map(Object.entries(values)),
    switches: new Set(),
  });
});

test.each([[['--help']], [['-h']], [['--port', '1', '--help']]])('%p asks for help', (args) => {
  expect(parseFlags(args, NAMES).help).toBe(true);
});

test.each([
  [['--prot', '1'], '--prot is not an option; did you mean --port?'],
  [['--threads=4'], '--threads is not an option'],
  [['-p', '1'], '-p is not an option'],
  [['--port'], '--port needs a value'],
  [['--port', '--memory', '1gb'], '--port needs a value'],
  [['7601'], '"7601" belongs to no option'],
  [['--port', '1', '--', 'x'], '"x" belongs to no option'],
])('%p is refused', (args, message) => {
  expect(() => parseFlags(args, NAMES)).toThrow(new ShoalError('InvalidOption', message));
});

test('a switch takes no value', () => {
  const parsed = parseFlags(['--quiet', '--port', '1'], NAMES, ['quiet', 'json']);
  expect(parsed.switches).toEqual(new Set(['quiet']));
  expect(parsed.values).toEqual(new Map([['port', '1']]));
  expect(() => parseFlags(['--quiet=yes'], NAMES, ['quiet'])).toThrow('--quiet takes no value');
  expect(() => parseFlags(['--quiet', 'yes'], NAMES, ['quiet'])).toThrow('"yes" belongs to no option');
  expect(() => parseFlags(['--qiuet'], NAMES, ['quiet'])).toThrow('did you mean --quiet?');
});
