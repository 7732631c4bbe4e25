import { describe, expect, test } from 'bun:test';
import { Readable, Writable } from 'node:stream';
import { failureOf } from '../../test/support/failure-of.ts';
import { readAll, writeAll } from './streams.ts';

function outputThatFails(code: string): Writable {
  return new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error(`write ${code}`), { code })),
  });
}

describe('what is read', () => {
  test('is all that comes, as bytes', async () => {
    const bytes = await readAll(Readable.from([Buffer.from([0xff, 0]), 'é', new Uint8Array([1])]), 5);
    expect(Buffer.from(bytes).toString('hex')).toBe('ff00c3a901');
  });

  test('is no longer than it may be', async () => {
    const error = await failureOf(readAll(Readable.from([Buffer.alloc(3), Buffer.alloc(3)]), 5));
    expect(error.message).toBe('stdin has more than 5 bytes, and no node takes a longer value');
  });
});

describe('what is written', () => {
  test('is waited for', async () => {
    const written: string[] = [];
    const output = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        setImmediate(() => {
          written.push(chunk.toString());
          done();
        });
      },
    });
    for (let index = 0; index < 20; index += 1) await writeAll(output, String(index % 10));
    expect(written.join('')).toBe('01234567890123456789');
    expect(output.listenerCount('error')).toBe(1);
  });

  test.each(['EPIPE'])('where nobody reads any more (%s), is dropped', async (code) => {
    const output = outputThatFails(code);
    await writeAll(output, 'a');
    await writeAll(output, 'b');
  });

  test('where there is no room, is told', async () => {
    expect((await failureOf(writeAll(outputThatFails('ENOSPC'), 'a'))).message).toBe(
      'stdout cannot be written: write ENOSPC',
    );
  });
});
