import { describe, expect, test } from 'bun:test';
import { ProcessEnded, SimulatedDisk } from '../../sim/disk.ts';

import { endAtEachCall } from '../../test/support/kept-store.ts';
import type { ProcessIdentity, ProcessState } from '../io/process-identity.ts';
import { type DataHolder, DataLock } from './data-lock.ts';

const FOLDER = '/data';
const RUNS = (): ProcessState => ({ kind: 'running', began: '5' });
const IS_GONE = (): ProcessState => ({ kind: 'missing' });

interface Person extends DataHolder {
  pass: (ms: number) => void;
}

/** A process; `onSleep` is what others do while it waits. */
function holder(id: string, change: Partial<ProcessIdentity> = {}, look = RUNS, onSleep = (): void => {}): Person {
  let nowMs = 0;
  return {
    identity: {
      id,
      pid: Number.parseInt(id, 16),
      began: '5',
      boot: 'boot',
      namespace: 'namespace',
      host: 'here',
      address: `${id}:7600`,
      ...change,
    },
    monotonicMs: () => nowMs,
    sleep(forMs) {
      nowMs += forMs;
      onSleep();
    },
    look,
    pass: (ms) => void (nowMs += ms),
  };
}

function take(disk: SimulatedDisk, who: DataHolder, onWait: (text: string) => void = () => {}): DataLock {
  return DataLock.acquire(disk, FOLDER, who, onWait);
}

test('a folder has one holder, who gives it back', () => {
  const disk = new SimulatedDisk();
  const lock = take(disk, holder('01'));
  expect(() => take(disk, holder('02'))).toThrow(
    'the folder /data is in use by process 1 (node 01:7600); give each node a folder of its own',
  );
  expect(() => take(disk, holder('00'))).toThrow('in use by process 1');
  lock.release();
  expect(disk.paths()).toEqual([]);
  take(disk, holder('02')).release();
});

test('a holder that is dead is followed at once', () => {
  const disk = new SimulatedDisk();
  take(disk, holder('01'));
  const next = holder('02', {}, IS_GONE);
  take(disk, next);
  expect(next.monotonicMs()).toBe(0);
  expect(disk.paths()).toEqual([`${FOLDER}/LOCK.02`]);
});

describe('a holder that cannot be seen, in another container or before a restart of the machine', () => {
  const ELSEWHERE = { boot: 'another', host: 'there' };

  test('is followed after ten seconds of silence, which is told', () => {
    const disk = new SimulatedDisk();
    take(disk, holder('01', ELSEWHERE));
    const next = holder('02');
    const told: string[] = [];
    take(disk, next, (text) => void told.push(text));
    expect(next.monotonicMs()).toBeWithin(10_000, 10_100);
    expect(told).toEqual(['waiting up to 10 s to see whether process 1 on there (node 01:7600) still uses /data']);
  });

  test('keeps the folder as long as it shows that it lives', () => {
    const disk = new SimulatedDisk();
    const first = holder('01', ELSEWHERE);
    const lock = take(disk, first);
    const next = holder('02', {}, RUNS, () => {
      first.pass(50);
      lock.keep();
    });
    expect(() => take(disk, next)).toThrow('in use by process 1 on there');
  });

  test('that was silent for too long and lost the folder says so, for good, and takes nothing from the next one', () => {
    const disk = new SimulatedDisk();
    const first = holder('01', ELSEWHERE);
    const lock = take(disk, first);
    take(disk, holder('02'));
    first.pass(20_000);
    for (let time = 0; time < 2; time += 1)
      expect(() => lock.keep()).toThrow('/data was taken over by another process');
    lock.release();
    expect(disk.paths()).toEqual([`${FOLDER}/LOCK.02`]);
  });
});

test('a process that ends while it takes the folder leaves nothing that holds up the next one', () => {
  let ends = 0;
  const use = (disk: SimulatedDisk): void => take(disk, holder('01')).release();
  for (const left of endAtEachCall(new SimulatedDisk(), use)) {
    const next = holder('02', {}, IS_GONE);
    take(left.afterProcessEnd(), next);
    expect(next.monotonicMs()).toBe(0);
    ends += 1;
  }
  expect(ends).toBeGreaterThan(10);
});

test('what the disk throws is told; the lock is renewed when it is over', () => {
  const disk = new SimulatedDisk();
  disk.isReadOnly = true;
  expect(() => take(disk, holder('01'))).toThrow('cannot use the folder /data: the file system is read-only');
  disk.isReadOnly = false;
  const own = holder('01');
  const lock = take(disk, own);
  own.pass(1000);
  disk.onCall = (call) => (call === 'write' ? 'EIO' : null);
  expect(() => lock.keep()).toThrow('EIO');
  disk.onCall = () => null;
  lock.keep();
  disk.endAt = 0;
  own.pass(999);
  // Not yet time: no call is made.
  lock.keep();
  own.pass(1);
  expect(() => lock.keep()).toThrow(ProcessEnded);
});
