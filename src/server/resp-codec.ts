/** RESP2, RESP3 and inline commands. */
import { Command } from '../protocol/command.ts';
import type { RespWriter } from '../protocol/resp/writer.ts';
import type { Codec } from './codec.ts';
import { Executed } from './dispatch.ts';
import type { Dispatcher } from './dispatch.ts';
import { Gate } from './session.ts';
import type { Session } from './session.ts';

export class RespCodec implements Codec {
  readonly writer: RespWriter;
  private readonly dispatcher: Dispatcher;
  private readonly command = new Command();

  constructor(writer: RespWriter, dispatcher: Dispatcher) {
    this.writer = writer;
    this.dispatcher = dispatcher;
  }

  begin(session: Session): void {
    this.writer.protocol = session.protocol;
  }

  decode(session: Session, bytes: Uint8Array, start: number, end: number): number {
    return session.decoder!.decode(bytes, start, end, this.command);
  }

  execute(session: Session): Executed {
    if (this.command.count > 0) return this.dispatcher.execute(session, this.command, this.writer);
    // As in Redis, a request without arguments is the one that CLIENT REPLY SKIP waits for.
    session.setGate(Gate.replySkipNext, false);
    return Executed.done;
  }

  refuseProtocol(session: Session): void {
    const muted = (session.gates & (Gate.replyOff | Gate.replySkip | Gate.replySkipNext)) !== 0;
    if (!muted) this.writer.error(session.decoder!.error);
  }

  refuseConnection(_session: Session, line: string): void {
    this.writer.error(line);
  }
}
