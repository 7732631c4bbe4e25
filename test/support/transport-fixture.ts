/**
 * What one contract case has to work with: a transport under test, listeners on free ports, peers; all closed
 * at the end, when every callback must have come in order.
 */
import assert from 'node:assert/strict';
import type { ConnectAttempt, Listener, ListenOptions, Transport } from '../../src/io/transport.ts';
import { TcpPeer } from './tcp-peer.ts';
import { type Behaviour, RecordingHandler } from './transport-handlers.ts';

/** Makes the transport under test, with its defaults where no option is given. */
export type TransportFactory = (options?: { readonly lingerMsMax: number }) => Transport;

export interface Served {
  readonly handler: RecordingHandler;
  readonly listener: Listener;
}

export interface Dialled {
  readonly handler: RecordingHandler;
  readonly attempt: ConnectAttempt;
}

export class TransportFixture {
  readonly makeTransport: TransportFactory;
  private readonly served: Served[] = [];
  private readonly peers: TcpPeer[] = [];
  private readonly dialled: Dialled[] = [];

  constructor(makeTransport: TransportFactory) {
    this.makeTransport = makeTransport;
  }

  async listen(
    behaviour: Behaviour = {},
    options: Partial<ListenOptions> & { readonly lingerMsMax?: number } = {},
  ): Promise<Served> {
    const { lingerMsMax, host = '127.0.0.1', port = 0, ...sharing } = options;
    const transport = lingerMsMax === undefined ? this.makeTransport() : this.makeTransport({ lingerMsMax });
    const handler = new RecordingHandler(behaviour);
    const served = { handler, listener: await transport.listen({ host, port, ...sharing }, handler) };
    this.served.push(served);
    return served;
  }

  /** Opens a connection with the transport under test. */
  dial(
    port: number,
    behaviour: Behaviour = {},
    options: { readonly host?: string; readonly timeoutMs?: number } = {},
  ): Dialled {
    const { host = '127.0.0.1', ...others } = options;
    const handler = new RecordingHandler(behaviour);
    const attempt = this.makeTransport().connect({ host, port }, handler, others);
    assert.equal(handler.opened.length + handler.failures.length, 0, 'no callback inside connect');
    const dialled = { handler, attempt };
    this.dialled.push(dialled);
    return dialled;
  }

  async connect(listener: Listener, host?: string): Promise<TcpPeer> {
    const peer = await TcpPeer.connect(host === undefined ? { port: listener.port } : { port: listener.port, host });
    this.peers.push(peer);
    return peer;
  }

  /**
   * Resolves after `rounds` messages went to an echoing connection of the same runtime and back: whatever was
   * already on its way to a handler has arrived by then.
   */
  async settle(echoing: TcpPeer, rounds = 20): Promise<void> {
    for (let round = 0; round < rounds; round += 1) {
      const before = echoing.receivedBytes;
      echoing.send('?');
      await echoing.received(before + 1);
    }
  }

  async finish(): Promise<void> {
    for (const peer of this.peers) peer.destroy();
    for (const { handler, attempt } of this.dialled) {
      attempt.cancel();
      for (const connection of handler.opened) connection.destroy();
      await handler.untilClosed(handler.opened.length);
      assert.deepEqual(handler.violations, []);
      assert.ok(handler.opened.length + handler.failures.length <= 1, 'an attempt ends once');
    }
    for (const { handler, listener } of this.served) {
      await listener.close();
      assert.deepEqual(handler.violations, []);
      assert.equal(handler.closed.length, handler.opened.length, 'each connection that opened closes once');
    }
  }
}
