import { expect, test } from 'bun:test';
import { Figure, PersistenceState, PersistenceStatus } from './persistence-state.ts';

function bothSides(): { readonly disk: PersistenceState; readonly data: PersistenceState } {
  const disk = PersistenceState.create();
  return { disk, data: PersistenceState.attach(disk.memory) };
}

test('a new one keeps nothing and has nothing to say', () => {
  const { data } = bothSides();
  expect(data.status).toBe(PersistenceStatus.off);
  expect(data.failure).toBe('');
  expect(data.lastSave).toBe('none');
  expect([data.isSaving, data.isHolding, data.isStopping, data.isSaveWanted]).toEqual([false, false, false, false]);
});

test('what one thread writes, the others read', () => {
  const { disk, data } = bothSides();
  disk.setStatus(PersistenceStatus.failing);
  disk.setFailure('the disk is full');
  disk.setAheadMax(100);
  disk.setFigure(Figure.logBytes, 2 ** 40);
  disk.addToFigure(Figure.logBytes, 5);
  expect(data.status).toBe(PersistenceStatus.failing);
  expect(data.failure).toBe('the disk is full');
  expect(data.isHolding).toBeTrue();
  expect(data.figure(Figure.logBytes)).toBe(2 ** 40 + 5);
});

test('sequences are compared as they go round', () => {
  const { disk, data } = bothSides();
  disk.setWritten(5);
  expect([data.isWritten(4), data.isWritten(5), data.isWritten(6)]).toEqual([true, true, false]);
  disk.setDurable(0x8000_0001 | 0);
  expect(data.isDurable(0x7fff_fff0)).toBeTrue();
  expect(data.isDurable(0x8000_0002 | 0)).toBeFalse();
});

test('there is room up to so many changes ahead of what was read, and anywhere while nobody is held', () => {
  const { disk, data } = bothSides();
  disk.setFollowed(0x7fff_fffe);
  expect(data.hasRoom(0x8000_0100 | 0)).toBeTrue();
  disk.setAheadMax(10);
  expect([data.hasRoom(0x8000_0008 | 0), data.hasRoom(0x8000_0009 | 0)]).toEqual([true, false]);
  disk.setFollowed(0x7fff_ffff);
  expect(data.hasRoom(0x8000_0009 | 0)).toBeTrue();
});

test('a snapshot answers the tickets from before it began', () => {
  const { disk, data } = bothSides();
  const first = data.requestSave();
  const second = data.requestSave();
  expect(disk.isSaveWanted).toBeTrue();
  const ticket = disk.wantedTicket;
  disk.beginSave();
  expect(data.isSaving).toBeTrue();
  const late = data.requestSave();
  disk.endSave(ticket, 'done');
  expect([first, second, late].map((one) => data.saveOutcome(one))).toEqual(['done', 'done', 'pending']);
  expect(data.isSaving).toBeFalse();
  expect(disk.isSaveWanted).toBeTrue();
  disk.endSave(disk.wantedTicket, 'failed');
  expect(data.saveOutcome(late)).toBe('failed');
  expect(data.saveOutcome(first)).toBe('done');
  expect(data.lastSave).toBe('failed');
  expect(disk.isSaveWanted).toBeFalse();
});

test('a text longer than its room is cut between two characters', () => {
  const { disk, data } = bothSides();
  disk.setFailure(`${'a'.repeat(511)}é`);
  expect(data.failure).toBe('a'.repeat(511));
  disk.setFailure('');
  expect(data.failure).toBe('');
});

test('who is woken between the beginning of a step and its sleep does not sleep', () => {
  const { disk, data } = bothSides();
  disk.beginStep();
  data.wake();
  // Would be an hour.
  disk.sleep(3_600_000);
  disk.beginStep();
  data.requestStop();
  disk.sleep(3_600_000);
  expect(disk.isStopping).toBeTrue();
});
