import { expect, test } from 'bun:test';
import { ShoalError } from '../base/errors.ts';
import { currentRuntime, selectTransport } from './select-transport.ts';

test('auto takes the transport of the runtime', () => {
  expect(currentRuntime()).toBe('bun');
  expect(selectTransport('auto').name).toBe('bun');
  expect(selectTransport('auto', 'node').name).toBe('node');
});

test('a transport can be asked for by name', () => {
  expect(selectTransport('bun', 'bun').name).toBe('bun');
  expect(selectTransport('node', 'bun').name).toBe('node');
  expect(selectTransport('node', 'node').name).toBe('node');
});

test('Bun.listen without Bun is refused with what to do', () => {
  let thrown: unknown;
  try {
    selectTransport('bun', 'node');
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(ShoalError);
  expect((thrown as ShoalError).code).toBe('InvalidOption');
  expect((thrown as ShoalError).message).toContain('use "node" or "auto"');
});
