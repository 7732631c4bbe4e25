import { expect, test } from 'bun:test';
import { Breaker } from './breaker.ts';

test('opens at the last of so many failures in a row, and says so once', () => {
  const breaker = new Breaker(3);
  expect([breaker.failed(), breaker.failed(), breaker.isOpen]).toEqual([false, false, false]);
  expect([breaker.failed(), breaker.isOpen, breaker.failed()]).toEqual([true, true, false]);
});

test('a success in between counts from the start', () => {
  const breaker = new Breaker(2);
  breaker.failed();
  expect(breaker.succeeded()).toBe(false);
  expect([breaker.failed(), breaker.failed()]).toEqual([false, true]);
});

test('a success closes it', () => {
  const breaker = new Breaker(1);
  breaker.failed();
  expect([breaker.succeeded(), breaker.isOpen, breaker.succeeded()]).toEqual([true, false, false]);
});

test('tripped, it is open whatever came before', () => {
  const breaker = new Breaker(5);
  expect([breaker.trip(), breaker.isOpen, breaker.trip()]).toEqual([true, true, false]);
});
