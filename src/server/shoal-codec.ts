/**
 * The Shoal protocol: operations, which have handlers of their own, and calls, which are commands in frames.
 *
 * A connection says hello first. Until that succeeded anything else is refused, and values are held to a tighter limit. What is
 * refused leaves the connection open, as long as the next frame can be found.
 */
import { Command } from '../protocol/command.ts';
import { readCallWords } from '../protocol/shoal/call.ts';
import { ShoalDecoder } from '../protocol/shoal/decoder.ts';
import { Opcode, Status, VERSION_MIN } from '../protocol/shoal/frame.ts';
import { Operation } from '../protocol/shoal/operation.ts';
import { type FrameFault, frameFault } from '../protocol/shoal/validation.ts';
import type { ShoalWriter } from '../protocol/shoal/writer.ts';
import type { Limits } from '../config/node-options.ts';
import type { Codec } from './codec.ts';
import { Executed } from './dispatch.ts';
import type { Dispatcher } from './dispatch.ts';
import { type CommandTable, KeyUse } from './command-table.ts';
import { RequestWindow } from './request-window.ts';
import { Gate } from './session.ts';
import type { Session } from './session.ts';

export class ShoalCodec extends RequestWindow<Operation> implements Codec {
  readonly writer: ShoalWriter;
  private readonly dispatcher: Dispatcher;
  private readonly limits: Limits;
  private readonly decoder: ShoalDecoder;
  private readonly table: CommandTable;
  /** The words of a call. */
  private readonly command = new Command();

  constructor(writer: ShoalWriter, dispatcher: Dispatcher, limits: Limits) {
    super(dispatcher.store, () => new Operation());
    this.writer = writer;
    this.dispatcher = dispatcher;
    this.table = dispatcher.table;
    this.limits = limits;
    this.decoder = new ShoalDecoder(limits);
  }

  begin(_session: Session): void {
    // Each request says by itself which version its reply is in.
    this.forget();
    this.writer.epoch = this.dispatcher.epoch;
  }

  decode(session: Session, bytes: Uint8Array, start: number, end: number): number {
    this.decoder.greeted = (session.gates & Gate.ungreeted) === 0;
    return this.take(session, bytes, start, end);
  }

  execute(session: Session): Executed {
    const { current: operation, writer } = this;
    // A greeting is of the first version, whatever it then agrees on.
    writer.start(operation.requestId, operation.opcode === Opcode.hello ? VERSION_MIN : session.shoalVersion);
    const fault = faultOf(session, operation);
    if (fault === null && operation.opcode === Opcode.call) return this.executeCall(session);
    return this.dispatcher.executeOperation(session, operation, fault, writer);
  }

  refuseProtocol(session: Session): void {
    const { decoder, writer } = this;
    writer.start(decoder.requestId, session.shoalVersion);
    writer.fail(decoder.status, decoder.error);
  }

  refuseConnection(session: Session, line: string): void {
    this.writer.start(NO_REQUEST, session.shoalVersion);
    this.writer.error(line);
  }

  protected read(_session: Session, bytes: Uint8Array, start: number, end: number, operation: Operation): number {
    return this.decoder.decode(bytes, start, end, operation);
  }

  protected readAhead(_session: Session, bytes: Uint8Array, start: number, end: number, operation: Operation): number {
    return Math.max(0, this.decoder.decode(bytes, start, end, operation));
  }

  protected identify(operation: Operation): KeyUse {
    return this.table.operations[operation.opcode]?.entry.keyUse ?? KeyUse.none;
  }

  private executeCall(session: Session): Executed {
    const { current: operation, command, writer, dispatcher } = this;
    const problem = readCallWords(operation, this.limits.argumentCountMax, command);
    if (problem !== null) {
      return dispatcher.executeOperation(session, operation, { status: Status.badRequest, text: problem }, writer);
    }
    const mark = writer.length;
    const executed = dispatcher.execute(session, this.table.find(command, 0), command, writer.beginCall());
    if (executed === Executed.done) writer.endCall(mark);
    else writer.abandonCall(mark);
    return executed;
  }
}

function faultOf(session: Session, operation: Operation): FrameFault | null {
  if ((session.gates & Gate.ungreeted) !== 0 && operation.opcode !== Opcode.hello) return HELLO_FIRST;
  return frameFault(operation, session.shoalVersion);
}

const HELLO_FIRST: FrameFault = { status: Status.unauthenticated, text: 'hello first' };
/** The id of replies that answer no request. */
const NO_REQUEST = 0;
