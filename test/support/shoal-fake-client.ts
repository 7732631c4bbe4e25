/** A peer of a node without sockets that speaks the Shoal protocol: one request, one reply. */
import type { FakeConnection } from './fake-transport.ts';
import type { FakeNode } from './fake-node.ts';
import {
  callWords,
  decodeReplies,
  encodeFrame,
  encodeHello,
  type HelloFields,
  type ReplyFields,
  type RequestFields,
} from './shoal-frames.ts';

export class ShoalFakeClient {
  readonly connection: FakeConnection;
  private nextId = 1;

  private constructor(connection: FakeConnection) {
    this.connection = connection;
  }

  /** A connection that has said hello. */
  static open(node: FakeNode, hello: HelloFields = {}): ShoalFakeClient {
    const client = ShoalFakeClient.openSilent(node);
    const { status, value } = client.hello(hello);
    if (status !== 'ok') throw new Error(`hello was answered ${status}: ${value.toString()}`);
    return client;
  }

  /** A connection that has said nothing. */
  static openSilent(node: FakeNode): ShoalFakeClient {
    return new ShoalFakeClient(node.open());
  }

  hello(hello: HelloFields): ReplyFields {
    return this.exchange(encodeHello(hello, this.nextId));
  }

  send(request: Omit<RequestFields, 'requestId'>): ReplyFields {
    return this.exchange(encodeFrame({ ...request, requestId: this.nextId }));
  }

  /** Words and RESP3 reply are latin1 text; of an error it is the status and its text. */
  call(...words: readonly string[]): string {
    const { status, value } = this.send({
      opcode: 'call',
      value: callWords(words.map((word) => Buffer.from(word, 'latin1'))),
    });
    return status === 'ok' ? value.toString('latin1') : `${status}: ${value.toString()}`;
  }

  /** All replies that are there since the last look. */
  take(): ReplyFields[] {
    return decodeReplies(Buffer.from(this.connection.take(), 'latin1'));
  }

  receive(bytes: Buffer): this {
    this.connection.receive(bytes.toString('latin1'));
    return this;
  }

  private exchange(frame: Buffer): ReplyFields {
    const id = this.nextId;
    this.nextId += 1;
    const replies = this.receive(frame).take();
    if (replies.length !== 1 || replies[0]!.requestId !== id) {
      throw new Error(
        `request ${id} got ${replies.length} replies, for ${replies.map(({ requestId }) => requestId).join(', ')}`,
      );
    }
    return replies[0]!;
  }
}
