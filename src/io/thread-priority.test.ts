import { expect, test } from 'bun:test';
import { getPriority } from 'node:os';
import { Worker } from 'node:worker_threads';

const MODULE = JSON.stringify(new URL('thread-priority.ts', import.meta.url).href);
const CODE = `
  const { getPriority } = require('node:os');
  const { parentPort } = require('node:worker_threads');
  import(${MODULE}).then(({ yieldProcessors }) => {
    const priorities = [getPriority()];
    for (let count = 0; count < 3; count += 1) {
      yieldProcessors();
      priorities.push(getPriority());
    }
    parentPort.postMessage(priorities);
  });
`;

test.skipIf(process.platform !== 'linux')('the calling thread alone is nicer, up to what the system has', async () => {
  const own = getPriority();
  const worker = new Worker(CODE, { eval: true });
  try {
    const priorities = await new Promise((done, fail) => {
      worker.once('message', done);
      worker.once('error', fail);
    });
    expect(priorities).toEqual([own, own + 10, own + 20, own + 30].map((nice) => Math.min(19, nice)));
    expect(getPriority()).toBe(own);
  } finally {
    await worker.terminate();
  }
});
