/** The file store in a real folder, under a process that is killed while it writes. */
import { afterAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failureOf } from '../../support/failure-of.ts';
import { StateCoordinator } from '../../support/state-coordinator.ts';
import { StateProcess } from '../../support/state-process.ts';
import { numberedValue, numberOf } from '../../support/state-store-process.ts';

const FOLDER = mkdtempSync(join(tmpdir(), 'shoal-state-'));
const ADDRESS = '10.0.0.1:7500';
const KILLS = 12;
const VALUE_BYTES = 100_000;

afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

test('kill -9 of a process that writes all the time: what it said is there, whole, again and again', async () => {
  const spec = `file:${join(FOLDER, 'killed')}`;
  let number = 0;
  for (let count = 0; count < KILLS; count += 1) {
    await using writer = new StateProcess(spec, ADDRESS, { writes: VALUE_BYTES });
    expect((await writer.next('elected')).number).toBeOneOf([number, number + 1]);
    // At another moment of the write each time: writes take about a millisecond, and lines come in pieces.
    for (let written = 0; written < 2 + count; written += 1) await writer.next('written');
    await writer.end('SIGKILL');
    number = writer.last('written')?.number ?? 0;
    const writing = writer.last('writing')?.number ?? 0;

    await using reader = await StateCoordinator.start(spec, ADDRESS);
    const { value } = await reader.elected();
    expect(numberOf(value)).toBeOneOf([number, writing]);
    number = numberOf(value);
    expect(Buffer.compare(value, numberedValue(number, VALUE_BYTES))).toBe(0);
    expect(readdirSync(join(FOLDER, 'killed')).filter((name) => !name.includes('.lock.'))).toEqual([
      'coordinator.state',
    ]);
  }
  expect(number).toBeGreaterThan(KILLS);
});

test('a folder that another process uses is refused with its number, and is free when it is gone', async () => {
  const spec = `file:${join(FOLDER, 'used')}`;
  await using other = new StateProcess(spec, '10.0.0.2:7500');
  await other.next('started');
  const failure = await failureOf(StateCoordinator.start(spec, ADDRESS));
  expect(failure).toMatchObject({ code: 'StateStoreFailed' });
  expect(failure.message).toContain(`is in use by process ${other.pid} (coordinator 10.0.0.2:7500)`);
  // One that is stopped is not dead.
  other.pause();
  expect((await failureOf(StateCoordinator.start(spec, ADDRESS))).message).toContain('is in use by process');
  other.resume();
  await other.end('SIGTERM');
  await using next = await StateCoordinator.start(spec, ADDRESS);
  expect((await next.elected()).revision).toBe(0);
  expect(readdirSync(join(FOLDER, 'used'))).toHaveLength(1);
});

test('a damaged file is refused with its name, and not touched', async () => {
  const folder = join(FOLDER, 'damaged');
  mkdirSync(folder);
  const path = join(folder, 'coordinator.state');
  {
    await using store = await StateCoordinator.start(`file:${folder}`, ADDRESS);
    await store.store.write(numberedValue(1, 500), 0);
  }
  const bytes = readFileSync(path);
  bytes[200] = (bytes[200] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const failure = await failureOf(StateCoordinator.start(`file:${folder}`, ADDRESS));
    expect(failure).toMatchObject({ code: 'StateStoreFailed' });
    expect(failure.message).toContain(`${path} is damaged: its checksum is wrong. It was left as it is`);
  }
  expect(Buffer.compare(readFileSync(path), bytes)).toBe(0);
  expect(readdirSync(folder)).toEqual(['coordinator.state']);
});

test.each([
  ['a file in its place', 'taken', 'it, or a folder above it, is a file'],
  ['a file above it', 'taken/state', 'it, or a folder above it, is a file'],
])('a folder that cannot be made is refused: %s', async (_, name, reason) => {
  writeFileSync(join(FOLDER, 'taken'), '');
  const failure = await failureOf(StateCoordinator.start(`file:${join(FOLDER, name)}`, ADDRESS));
  expect(failure).toMatchObject({ code: 'StateStoreFailed' });
  expect(failure.message).toContain(reason);
});
