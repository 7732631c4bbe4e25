/**
 * One real data thread on a real store, between a receive buffer and a connection that takes all and keeps nothing: requests go from bytes
 * to bytes without a socket, and nothing around them allocates. For benchmarks, and for tests that count what a request allocates.
 */
import { Buffer } from 'node:buffer';
import { ChangeLog } from '../../src/changes/change-log.ts';
import { defaultOptions } from '../../src/config/options.ts';
import type { Connection, ConnectionHandler } from '../../src/io/transport.ts';
import { adviseHugePages } from '../../src/io/huge-pages.ts';
import { assembleDataThread, type Assembly } from '../../src/server/assembly.ts';
import type { NodeEnvironment } from '../../src/server/environment.ts';
import { systemEnvironment } from '../../src/server/environment.ts';
import { SharedState } from '../../src/server/threads/shared-state.ts';
import { SoleThread } from '../../src/server/threads/sole-thread.ts';
import { CHANGE_LOG_BYTES } from '../../src/store/memory.ts';
import { Store } from '../../src/store/store.ts';
import { createStoreMemory } from '../../src/store/store-parts.ts';
import { FakeTransport } from './fake-transport.ts';

const RECEIVE_BYTES = 256 * 1024;

export class SocketlessThread {
  readonly store: Store;
  private readonly handler: ConnectionHandler;
  private readonly received = Buffer.alloc(RECEIVE_BYTES);
  /** Where in it the chunks of a group end. */
  private readonly ends = new Int32Array(64);

  /** `follower`: `silent` is one of the change log who asked for all changes, as the streams to replicas do, and never reads, so that what recording costs is seen alone; `caches`: a client that tracks, and holds a key that nobody changes. */
  constructor(
    memoryBytes: number,
    environment: NodeEnvironment = systemEnvironment(),
    follower: 'none' | 'silent' | 'caches' = 'none',
  ) {
    const options = { ...defaultOptions(), memoryBytes };
    const handle = createStoreMemory(
      {
        memoryBytes,
        segmentBytes: 0,
        threadCount: 1,
        eviction: 's3fifo',
        hashSeed: [1, 2],
        changeLogBytes: follower === 'none' ? 0 : CHANGE_LOG_BYTES,
      },
      adviseHugePages,
    );
    if (follower === 'silent') new ChangeLog(handle).open(null);
    this.store = Store.attach(handle, 0);
    const assembly: Assembly = assembleDataThread({
      options,
      environment,
      store: this.store,
      identity: {
        runId: '0'.repeat(40),
        startedAtMs: 0,
        processId: process.pid,
        version: 'test',
        transportName: 'none',
        host: '127.0.0.1',
        port: 0,
      },
      shared: SharedState.create(1),
      threads: new SoleThread(() => ({ node: assembly.services, control: assembly.thread.control })),
      mail: null,
      transport: new FakeTransport(),
      slots: null,
      itemVersionSeed: [3, 4],
      persistence: null,
    });
    this.handler = assembly.thread;
    if (follower === 'caches')
      this.receive(this.open(), Buffer.from('HELLO 3\r\nCLIENT TRACKING ON\r\nGET nothing\r\n'));
  }

  /** A new connection, of the protocol that its first byte is of. */
  open(): SinkConnection {
    const connection = new SinkConnection();
    this.handler.onOpen(connection);
    return connection;
  }

  /** Hands `requests`, at most 256 KiB, to the thread as one chunk: copied to where each chunk arrives, as a socket's bytes are. */
  receive(connection: SinkConnection, requests: Buffer): void {
    requests.copy(this.received, 0, 0, requests.length);
    this.handler.onData(connection, this.received, 0, requests.length);
  }

  /** Hands each connection its chunk as one of a group. */
  receiveTogether(connections: readonly SinkConnection[], requests: readonly Buffer[]): void {
    const { group } = this.handler;
    let end = 0;
    group!.beginGroup();
    for (let i = 0; i < connections.length; i += 1) {
      const start = end;
      end += requests[i]!.copy(this.received, start);
      this.ends[i] = end;
      this.handler.lookAhead!(connections[i]!, this.received, start, end);
    }
    group!.groupReceived();
    for (let i = 0; i < connections.length; i += 1) {
      this.handler.onData(connections[i]!, this.received, i === 0 ? 0 : this.ends[i - 1]!, this.ends[i]!);
    }
    group!.endGroup();
  }

  /** As `receive`, and a copy of what was answered, as latin1 text. */
  exchange(connection: SinkConnection, requests: Buffer): string {
    const kept: Buffer[] = [];
    connection.kept = kept;
    this.receive(connection, requests);
    connection.kept = null;
    return Buffer.concat(kept).toString('latin1');
  }
}

/** Takes every byte. */
export class SinkConnection implements Connection {
  readonly remoteAddress = '127.0.0.1:50000';
  readonly localAddress = '127.0.0.1:7600';
  context: unknown = null;
  receiveBuffer: Uint8Array | null = null;
  /** How many bytes were written. */
  sentBytes = 0;
  /** Set to a list to have copies of what is written put there. */
  kept: Buffer[] | null = null;
  onWrite: ((bytes: number) => void) | null = null;

  write(bytes: Uint8Array, start: number, end: number): number {
    this.sentBytes += end - start;
    this.onWrite?.(end - start);
    if (this.kept !== null) this.kept.push(Buffer.from(bytes.subarray(start, end)));
    return end - start;
  }

  pause(): void {
    throw new Error('a connection that takes all is never paused');
  }

  resume(): void {
    throw new Error('a connection that takes all is never resumed');
  }

  end(): void {
    throw new Error('nothing here ends the connection');
  }

  destroy(): void {
    throw new Error('the connection was destroyed');
  }
}
