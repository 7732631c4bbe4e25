import { describe, expect, test } from 'bun:test';
import { ShoalError } from '../base/errors.ts';
import { loadOptions } from './load.ts';
import type { NodeSettings } from './node-settings.ts';
import { effectiveMode } from './persistence-options.ts';
import { readSettings } from './settings.ts';

function given(flags: Readonly<Record<string, string>>) {
  return loadOptions({ flags: new Map(Object.entries(flags)) }).options.persistence;
}

/** What is wrong with these flags. */
function problem(flags: Readonly<Record<string, string>>): string {
  return problemOf(() => given(flags));
}

function problemOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof ShoalError && error.code === 'InvalidOption') return error.message;
    throw error;
  }
  throw new Error('nothing was wrong');
}

describe('what is kept', () => {
  test('nothing, until there is a folder; then each change, unless somebody says otherwise', () => {
    expect(effectiveMode(given({}))).toBe('off');
    expect(effectiveMode(given({ 'data-dir': 'd' }))).toBe('log');
    expect(effectiveMode(given({ 'data-dir': 'd', persistence: 'snapshot' }))).toBe('snapshot');
    expect(effectiveMode(given({ 'data-dir': 'd', persistence: 'off' }))).toBe('off');
  });

  test('each second is made to last, and a disk that fails stops writes, by default', () => {
    expect(given({ 'data-dir': 'd' })).toEqual({
      dataDir: 'd',
      mode: 'auto',
      fsync: 'everysec',
      snapshotIntervalMs: 300_000,
      onFailure: 'refuse-writes',
    });
  });

  test('all of it can be given', () => {
    const flags = { 'data-dir': 'd', persistence: 'snapshot', 'snapshot-interval': 'never' };
    expect(given(flags)).toMatchObject({ mode: 'snapshot', snapshotIntervalMs: 0 });
    expect(given({ 'data-dir': 'd', fsync: 'always', 'persistence-failure': 'go-on' })).toMatchObject({
      fsync: 'always',
      onFailure: 'go-on',
    });
  });
});

describe('what contradicts itself is refused', () => {
  test('data that is to be kept, and no folder', () => {
    expect(problem({ persistence: 'log' })).toBe(
      'data is kept in a folder; --persistence is log, --data-dir is empty (default)',
    );
  });

  test('how a log is made to last, and no log', () => {
    expect(problem({ fsync: 'always' })).toBe(
      'only a log is written change by change; --fsync is always, --persistence is auto (default), --data-dir is empty (default)',
    );
    expect(problem({ fsync: 'always', persistence: 'snapshot', 'data-dir': 'd' })).toBe(
      'only a log is written change by change; --fsync is always, --persistence is snapshot, --data-dir is d',
    );
  });

  test('an interval between snapshots, and a log', () => {
    expect(problem({ 'snapshot-interval': '1m', 'data-dir': 'd' })).toBe(
      'only with snapshots alone does an interval say when they are made; --snapshot-interval is 1m, --persistence is auto (default)',
    );
  });

  test('a cluster is no reason', () => {
    expect(() => given({ coordinator: '127.0.0.1:7700', 'data-dir': 'd', fsync: 'always' })).not.toThrow();
  });

  test('a clock of the application', () => {
    const settings: NodeSettings = { 'data-dir': 'd', nowMs: () => 0 };
    expect(problemOf(() => readSettings(settings))).toContain('nowMs: data on disk cannot follow this clock');
  });
});
