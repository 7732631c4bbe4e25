/** Where the options of `shoal coordinator` come from, which counts, and what is said of those that cannot be meant. */
import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COORDINATOR_OPTIONS, readCoordinatorOptions } from './coordinator-options.ts';

const directory = mkdtempSync(join(tmpdir(), 'shoal-options-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function file(text: string): string {
  const path = join(directory, 'coordinator.json');
  writeFileSync(path, text);
  return path;
}

describe('the options of a coordinator', () => {
  test('have defaults', () => {
    expect(readCoordinatorOptions([], {})).toEqual({
      help: false,
      warnings: [],
      values: {
        host: '127.0.0.1',
        port: 7500,
        announce: '',
        cluster: 'shoal',
        state: 'file:shoal-coordinator',
        password: '',
        leaseMs: 2000,
        slotsPerMove: 64,
        concurrentMoves: 2,
        moveBytesPerSecond: 0,
        replicas: 0,
        dataWaitMs: 60_000,
      },
    });
  });

  test('are flags, then the environment, then the file', () => {
    const path = file('{ "port": 1, "lease": "3s", "cluster": "of the file", "move-rate": "1mb" }');
    const { values } = readCoordinatorOptions(['--config', path, '--port', '3'], {
      SHOAL_COORDINATOR_PORT: '2',
      SHOAL_CLUSTER: 'of the environment',
      SHOAL_COORDINATOR_ANNOUNCE: '',
    });
    expect(values).toMatchObject({
      port: 3,
      cluster: 'of the environment',
      leaseMs: 3000,
      moveBytesPerSecond: 1_048_576,
      announce: '',
    });
  });

  test('have a variable each, all different', () => {
    const variables = Object.values(COORDINATOR_OPTIONS).map(({ environment }) => environment);
    expect(new Set(variables).size).toBe(Object.keys(COORDINATOR_OPTIONS).length);
  });

  test('are not taken from what Kubernetes puts under the same name', () => {
    const { values, warnings } = readCoordinatorOptions([], { SHOAL_COORDINATOR_PORT: 'tcp://10.0.0.1:7500' });
    expect(values.port).toBe(7500);
    expect(warnings).toHaveLength(1);
  });

  test.each([
    [['--port', '70000'], {}, '--port: '],
    [['--lease', '5'], {}, '--lease: '],
    [['--leas', '5s'], {}, 'did you mean --lease?'],
    [[], { SHOAL_LEASE: '1ms' }, 'SHOAL_LEASE: '],
    [['--config', join(directory, 'missing.json')], {}, 'cannot be read'],
  ])('%p %p is refused', (args, environment, text) => {
    expect(() => readCoordinatorOptions(args, environment)).toThrow(text);
  });

  test.each([
    ['{ "port": 70000 }', 'coordinator.json:1: "port"'],
    ['{\n"prot": 1 }', 'coordinator.json:2: "prot" is not an option; did you mean port?'],
    ['{ "lease": [] }', '"lease"'],
    ['[]', 'where a JSON object should be'],
    ['{', 'coordinator.json:1'],
  ])('a file with %p is refused', (text, problem) => {
    expect(() => readCoordinatorOptions(['--config', file(text)], {})).toThrow(problem);
  });
});
