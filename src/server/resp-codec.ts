/** RESP2, RESP3 and inline commands. */
import { Command } from '../protocol/command.ts';
import type { RespWriter } from '../protocol/resp/writer.ts';
import type { Codec } from './codec.ts';
import { type CommandEntry, type CommandTable, KeyUse } from './command-table.ts';
import { ForwardForm } from '../protocol/shoal/forward.ts';
import { Executed } from './executed.ts';
import type { Dispatcher } from './dispatch.ts';
import type { ForwardedRequest } from './forwarding/forwarded-request.ts';
import type { BlockedCommand, WaitState } from './reply-gate/reply-wait.ts';
import { finishReply } from './reply-mode.ts';
import { RequestWindow, REQUEST_PLACES } from './request-window.ts';
import { Gate } from './session.ts';
import type { Session } from './session.ts';

export class RespCodec extends RequestWindow<Command> implements Codec {
  readonly writer: RespWriter;
  private readonly dispatcher: Dispatcher;
  private readonly table: CommandTable;
  /** The rows of the commands in the window; null where there is none. */
  private readonly entries: (CommandEntry | null)[] = Array.from({ length: REQUEST_PLACES }, () => null);

  constructor(writer: RespWriter, dispatcher: Dispatcher) {
    super(dispatcher.store, () => new Command());
    this.writer = writer;
    this.dispatcher = dispatcher;
    this.table = dispatcher.table;
  }

  begin(session: Session): void {
    this.forget();
    this.writer.protocol = session.protocol;
  }

  decode(session: Session, bytes: Uint8Array, start: number, end: number): number {
    return this.take(session, bytes, start, end);
  }

  execute(session: Session): Executed {
    const command = this.current;
    if (command.count > 0) return this.dispatcher.execute(session, this.entries[this.place]!, command, this.writer);
    // As in Redis, a request without arguments is the one that CLIENT REPLY SKIP waits for.
    session.setGate(Gate.replySkipNext, false);
    return Executed.done;
  }

  forward(session: Session, request: ForwardedRequest, clusterTag: number): void {
    const form = session.protocol === 3 ? ForwardForm.resp3 : ForwardForm.resp2;
    const { transaction, database } = session;
    request.form = form;
    if (transaction === null) {
      request.frame.putCommand(this.current, form, database, clusterTag);
    } else {
      // The request is EXEC: all others wait in the queue.
      request.frame.putTransaction(transaction, form, database, clusterTag);
      session.endTransaction(this.dispatcher.store);
    }
  }

  answerBlocked(session: Session, blocked: BlockedCommand, state: WaitState): void {
    const mark = this.writer.length;
    blocked.answer(this.writer, state);
    finishReply(session, NO_TRAITS, this.writer, mark);
  }

  get ackWaitMs(): number {
    return 0;
  }

  get words(): Command {
    return this.current;
  }

  refuseProtocol(session: Session): void {
    const muted = (session.gates & (Gate.replyOff | Gate.replySkip | Gate.replySkipNext)) !== 0;
    if (!muted) this.writer.error(session.decoder!.error);
  }

  refuseConnection(_session: Session, line: string): void {
    this.writer.error(line);
  }

  protected read(session: Session, bytes: Uint8Array, start: number, end: number, command: Command): number {
    return session.decoder!.decode(bytes, start, end, command);
  }

  protected readAhead(session: Session, bytes: Uint8Array, start: number, end: number, command: Command): number {
    return session.decoder!.decodeWhole(bytes, start, end, command);
  }

  protected identify(command: Command, place: number): KeyUse {
    const entry = command.count > 0 ? this.table.find(command, 0) : null;
    this.entries[place] = entry;
    return entry === null || command.count < 2 ? KeyUse.none : entry.keyUse;
  }
}

const NO_TRAITS = 0;
