import { expect, test } from 'bun:test';
import { ErrorCounts, LoadFigures } from './load-figures.ts';
import { LoadMeter } from './load-meter.ts';

test('errors are counted by kind, the most frequent first, each with the first one as its example', () => {
  const errors = new ErrorCounts();
  errors.add('ERR', 1, 'first');
  errors.add('OOM', 3, 'full');
  errors.add('ERR', 1, 'second');
  errors.add('none', 0, 'nothing happened');
  expect(errors.total).toBe(5);
  expect(errors.rows()).toEqual([
    { kind: 'OOM', count: 3, example: 'full' },
    { kind: 'ERR', count: 2, example: 'first' },
  ]);
});

test('a server that makes up words fills no memory', () => {
  const errors = new ErrorCounts();
  for (let i = 0; i < 1000; i += 1) errors.add(`WORD${i}`, 1, 'x'.repeat(10_000));
  expect(errors.total).toBe(1000);
  expect(errors.rows().length).toBeLessThan(40);
  expect(errors.rows()[0]).toMatchObject({ kind: 'other', count: 1000 - 32 });
  expect(errors.rows()[0]!.example.length).toBe(200);
});

test('a lost connection is trouble, even where no operation was lost with it', () => {
  const figures = new LoadFigures();
  expect(figures.hasErrors).toBeFalse();
  figures.connectionsLost = 1;
  expect(figures.hasErrors).toBeTrue();
});

test('waiting without sleeping is not taken for work', () => {
  const busy = new LoadMeter();
  const idle = new LoadMeter();
  busy.begin();
  idle.begin();
  const end = performance.now() + 50;
  while (performance.now() < end) {
    idle.noteSpin(performance.now() * 1e6);
    busy.noteSpin(performance.now() * 1e6);
    for (let i = 0; i < 1000; i += 1) Math.sqrt(i);
    busy.noteWork();
    idle.noteTurn(performance.now() * 1e6);
    busy.noteTurn(performance.now() * 1e6);
  }
  const [busyReading, idleReading] = [busy.read(), idle.read()];
  expect(idleReading.busyCores).toBeLessThan(busyReading.busyCores);
  expect(idleReading.wallNs).toBeGreaterThanOrEqual(49e6);
});
