import { expect, test } from 'bun:test';
import { Events } from './events.ts';

test('listeners hear their event until they are taken off', () => {
  const events = new Events<{ up: number; down: string }>();
  const heard: unknown[] = [];
  const off = events.on('up', (count) => heard.push(count));
  events.on('down', (why) => heard.push(why));
  events.emit('up', 1);
  events.emit('down', 'x');
  off();
  events.emit('up', 2);
  expect(heard).toEqual([1, 'x']);
});

test('a listener that was added twice hears once', () => {
  const events = new Events<{ up: number }>();
  const heard: number[] = [];
  const listener = (count: number): void => void heard.push(count);
  events.on('up', listener);
  events.on('up', listener);
  events.emit('up', 1);
  expect(heard).toEqual([1]);
});

test('one that takes itself off while it hears does not keep the others from it', () => {
  const events = new Events<{ up: number }>();
  const heard: string[] = [];
  const off = events.on('up', () => {
    heard.push('first');
    off();
  });
  events.on('up', () => heard.push('second'));
  events.emit('up', 1);
  events.emit('up', 2);
  expect(heard).toEqual(['first', 'second', 'second']);
});
