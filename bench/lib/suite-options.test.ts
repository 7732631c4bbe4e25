/** What `npm run bench` can be asked for. */
import { describe, expect, test } from 'bun:test';
import { rotated } from './turns.ts';
import { benchmarkArguments, parseBenchmarkCsv } from './second-opinion.ts';
import { readSuiteOptions, type SuiteOptions } from './suite-options.ts';
import { ioThreadChoices } from './best-io-threads.ts';
import { stagesOf } from './suite-run.ts';
import { selectWorkloads, WORKLOADS } from './workloads.ts';

function read(...args: readonly string[]): SuiteOptions {
  return readSuiteOptions(args, 4) as SuiteOptions;
}

describe('options', () => {
  test('a full run has all workloads, a quick one a part of them in less time', () => {
    const [full, quick] = [read(), read('--quick')];
    expect(full.workloads).toEqual(WORKLOADS);
    expect(full.threadCounts).toEqual([1, 2, 4]);
    expect(quick.workloads.length).toBeLessThan(full.workloads.length);
    expect(quick.rounds * quick.seconds).toBeLessThan(full.rounds * full.seconds);
    expect(quick.pauseSeconds).toBeLessThan(full.pauseSeconds);
    expect(full.command).toBe('npm run bench');
  });

  test('the command can be typed again as it is told', () => {
    expect(read('--only', 'get', '--peer', `v=v --x 'a b' {port}:0:resp`).command).toBe(
      `npm run bench -- --only get --peer 'v=v --x '\\''a b'\\'' {port}:0:resp'`,
    );
  });

  test('what cannot be is refused with its name', () => {
    expect(() => read('--only', 'gte')).toThrow('--only: no workload or part is called "gte"');
    expect(() => read('--rounds', '1.5')).toThrow('--rounds: "1.5" is no whole number above 0');
    expect(() => read('--seconds', '0')).toThrow('--seconds: "0" is no number above 0');
    expect(() => read('--pause-seconds', 'Infinity')).toThrow('--pause-seconds');
    expect(() => read('--threads', '0')).toThrow('--threads');
    expect(() => read('--unknown')).toThrow('--unknown');
  });
});

test('redis is tried with no io-threads, powers of two, all cores, and one less', () => {
  expect([1, 2, 4, 6, 16].map(ioThreadChoices)).toEqual([
    [1],
    [1, 2],
    [1, 2, 3, 4],
    [1, 2, 4, 5, 6],
    [1, 2, 4, 8, 15, 16],
  ]);
});

describe('workloads', () => {
  test('have names of their own, no name of a part, and keys with room for their digits', () => {
    const names = WORKLOADS.map((one) => one.name);
    expect(new Set(names).size).toBe(names.length);
    for (const { dataset, part, pipeline } of WORKLOADS) {
      expect(dataset.keyBytes).toBeGreaterThanOrEqual(12);
      expect(dataset.fits || pipeline === 1).toBeTrue();
      expect(names.includes(part) && part !== 'memory').toBeFalse();
    }
  });

  test('hold those of the first description, and every pipeline', () => {
    const names = WORKLOADS.map((one) => one.name);
    for (const wanted of ['get', 'set', 'mix', 'mix-1000', 'get-small', 'get-zipf', 'equal-mix-1000', 'pause-mix']) {
      expect(names).toContain(wanted);
    }
    for (const operation of ['get', 'set', 'mix']) {
      for (const pipeline of [16, 32, 100]) expect(names).toContain(`${operation}-p${pipeline}`);
    }
  });

  test('are selected by name, or by part within the preset', () => {
    expect(selectWorkloads('set-p100, get', 'quick').map((one) => one.name)).toEqual(['get', 'set-p100']);
    const parts = selectWorkloads('threads', 'quick').map((one) => one.part);
    expect(new Set(parts)).toEqual(new Set(['threads']));
    expect(parts.length).toBeLessThan(selectWorkloads('threads', 'full').length);
  });

  test('share servers where data and threads are the same', () => {
    const stages = stagesOf(selectWorkloads('get,get-small,mix,threads-mix,opinion-get', 'full'), [1, 2]);
    expect(stages.map((one) => [one.threads, one.workloads.map((workload) => workload.name)])).toEqual([
      [1, ['get', 'mix']],
      [1, ['get-small']],
      [1, ['threads-mix']],
      [2, ['threads-mix']],
    ]);
  });
});

test('in each round another server comes first', () => {
  const order = (round: number): string => rotated(['a', 'b', 'c'], round).join('');
  expect([0, 1, 2, 3].map(order)).toEqual(['abc', 'bca', 'cab', 'abc']);
  expect(rotated([], 3)).toEqual([]);
});

describe('redis-benchmark', () => {
  test('asks for the keys that are there', () => {
    const [get, set] = selectWorkloads('opinion-get-p32,opinion-set', 'full');
    expect(benchmarkArguments(7000, set!, 500).slice(0, -1).join(' ')).toBe(
      '-h 127.0.0.1 -p 7000 -n 500 -c 50 -P 1 -r 100000 --csv SET 00000000000000000000__rand_int__',
    );
    expect(benchmarkArguments(7000, set!, 500).at(-1)).toHaveLength(1024);
    expect(benchmarkArguments(7000, get!, 500).join(' ')).toBe(
      '-h 127.0.0.1 -p 7000 -n 500 -c 50 -P 32 -r 100000 --csv GET 00000000000000000000__rand_int__',
    );
  });

  test('is read by its last line, whatever the name of the test', () => {
    const head =
      '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"';
    const output = `${head}\n"SET a,b ""c""","39138.95","0.891","0.176","0.679","2.799","5.487","8.751"\n`;
    expect(parseBenchmarkCsv(output)).toEqual({ requestsPerSecond: 39_138.95, p50Us: 679, p99Us: 5487 });
    for (const wrong of ['', head, 'Could not connect', '"GET","1","2"']) {
      expect(() => parseBenchmarkCsv(wrong)).toThrow('printed no figures');
    }
  });
});
