/** A client of one node over RESP3, which keeps what it has read until the node tells it that it has changed. */
import { expect } from 'bun:test';
import { RespClient } from './resp-client.ts';

export class CachingReader implements Disposable {
  /** Replies, as they came. */
  readonly cache = new Map<string, string>();
  toldCount = 0;
  hitCount = 0;
  private readonly client: RespClient;

  private constructor(client: RespClient) {
    this.client = client;
  }

  /** `options`: of CLIENT TRACKING. */
  static async open(port: number, options: readonly string[] = []): Promise<CachingReader> {
    const client = await RespClient.connect(port);
    await client.call('HELLO', '3');
    expect(await client.call('CLIENT', 'TRACKING', 'ON', ...options)).toBe('+OK\r\n');
    return new CachingReader(client);
  }

  /** Sends a command and takes what comes before its reply. */
  async call(...words: readonly string[]): Promise<string> {
    this.client.send(...words);
    for (;;) {
      const reply = await this.client.read();
      if (!reply.startsWith('>')) return reply;
      this.toldCount += 1;
      const [, , , , ...rest] = reply.split('\r\n');
      if (reply.endsWith('_\r\n')) this.cache.clear();
      else for (let index = 1; index < rest.length; index += 2) this.cache.delete(rest[index]!);
    }
  }

  /** Reads the key, unless what it holds is known. */
  async get(key: string): Promise<void> {
    if (this.cache.has(key)) {
      this.hitCount += 1;
      return;
    }
    const reply = await this.call('GET', key);
    if (!reply.startsWith('-')) this.cache.set(key, reply);
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}
