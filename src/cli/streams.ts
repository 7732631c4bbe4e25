/** The process's stdin and stdout as commands use them, and the two things that they do with them. */
import type { Readable, Writable } from 'node:stream';
import { ShoalError } from '../base/errors.ts';

export interface InputStream extends Readable {
  readonly isTTY?: boolean;
}

export interface OutputStream extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface StandardStreams {
  readonly input: InputStream;
  readonly output: OutputStream;
}

/** All that comes until the stream ends. Rejects with `TooLarge` beyond `bytesMax`. */
export async function readAll(input: AsyncIterable<Uint8Array | string>, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const piece of input) {
    const chunk = typeof piece === 'string' ? Buffer.from(piece) : piece;
    length += chunk.length;
    if (length > bytesMax)
      throw new ShoalError('TooLarge', `stdin has more than ${bytesMax} bytes, and no node takes a longer value`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * Resolves once the system has taken all of `bytes`, or once there is nobody left to take them: a reader that has seen enough, as `head` has, is no
 * fault. Rejects where they cannot be written.
 */
export function writeAll(output: Writable, bytes: Uint8Array | string): Promise<void> {
  if (!heard.has(output)) {
    heard.add(output);
    // The callback below tells it as well; without a listener it would be thrown beside it.
    output.on('error', () => {});
  }
  return new Promise((resolve, reject) => {
    output.write(bytes, (error) => {
      if (!error || GONE.has((error as NodeJS.ErrnoException).code ?? '')) resolve();
      else reject(new ShoalError('InvalidArgument', `stdout cannot be written: ${error.message}`, { cause: error }));
    });
  });
}

/** Streams that have a listener for errors. */
const heard = new WeakSet<Writable>();
/** Nobody reads any more. */
const GONE: ReadonlySet<string> = new Set(['EPIPE', 'ERR_STREAM_DESTROYED']);
