/** Replies of RESP to GET, SET and what opens a connection: `+…`, `-…`, `:…`, `$…` and `_` of RESP3. */
import { unreachable } from '../base/assert.ts';
import { NO_REQUEST_ID, ReplyKind, type ReplyScanner, type ReplySink, TextPrefix } from './reply-scanner.ts';
import { COLON, DOLLAR, MINUS, PLUS, UNDERSCORE } from '../protocol/resp/type-bytes.ts';

const CR = 0x0d;
const LF = 0x0a;
const ZERO = 0x30;
const NINE = 0x39;

/** Longer lines come from no server of this protocol. */
const LINE_BYTES_MAX = 64 * 1024;
const BULK_BYTES_MAX = 2 ** 32;

const State = {
  /** Before the byte that says what comes. */
  start: 0,
  /** In a line, up to its CR. */
  line: 1,
  lineFeed: 2,
  /** In the digits of a bulk string's length. */
  length: 3,
  lengthFeed: 4,
  payload: 5,
  payloadReturn: 6,
  payloadFeed: 7,
} as const;
type State = (typeof State)[keyof typeof State];

export class RespScanner implements ReplyScanner {
  private readonly sink: ReplySink;
  private readonly line = new TextPrefix();
  private state: State = State.start;
  private type = 0;
  private bulkBytes = 0;
  private digits = 0;
  private isNull = false;
  private payloadBytes = 0;

  constructor(sink: ReplySink) {
    this.sink = sink;
  }

  scan(bytes: Buffer, length: number): boolean {
    for (let at = 0; at < length; ) {
      if (this.state === State.payload) {
        const end = Math.min(length, at + this.bulkBytes - this.payloadBytes);
        this.sink.onValueBytes(bytes, at, end, this.payloadBytes);
        this.payloadBytes += end - at;
        at = end;
        if (this.payloadBytes === this.bulkBytes) this.state = State.payloadReturn;
      } else {
        if (!this.step(bytes[at]!)) return false;
        at += 1;
      }
    }
    return true;
  }

  errorKind(): string {
    return this.line.firstCode('ERR');
  }

  text(): string {
    return this.line.toString();
  }

  /** Takes a byte that is not of a value; those are taken many at once. */
  private step(byte: number): boolean {
    switch (this.state) {
      case State.start:
        return this.begin(byte);
      case State.line:
        if (byte === CR) this.state = State.lineFeed;
        else this.line.push(byte);
        return this.line.seen <= LINE_BYTES_MAX;
      case State.lineFeed:
        return byte === LF && this.endLine();
      case State.length:
        return this.lengthByte(byte);
      case State.lengthFeed:
        if (byte !== LF) return false;
        if (this.isNull) this.end(ReplyKind.miss, 0);
        else this.state = this.bulkBytes === 0 ? State.payloadReturn : State.payload;
        return true;
      case State.payloadReturn:
        this.state = State.payloadFeed;
        return byte === CR;
      case State.payloadFeed:
        if (byte !== LF) return false;
        this.end(ReplyKind.value, this.bulkBytes);
        return true;
      case State.payload:
        return true;
      default:
        return unreachable(this.state);
    }
  }

  private begin(byte: number): boolean {
    this.type = byte;
    this.line.clear();
    if (byte === DOLLAR) {
      this.bulkBytes = 0;
      this.digits = 0;
      this.isNull = false;
      this.payloadBytes = 0;
      this.state = State.length;
    } else if (byte === PLUS || byte === MINUS || byte === COLON || byte === UNDERSCORE) this.state = State.line;
    else return false;
    this.sink.onReplyStart(NO_REQUEST_ID);
    return true;
  }

  /** `$12`, and `$-1` for nothing. */
  private lengthByte(byte: number): boolean {
    if (byte >= ZERO && byte <= NINE) {
      this.digits += 1;
      this.bulkBytes = this.bulkBytes * 10 + byte - ZERO;
      return this.bulkBytes <= BULK_BYTES_MAX;
    }
    if (byte === MINUS && this.digits === 0 && !this.isNull) {
      this.isNull = true;
      return true;
    }
    this.state = State.lengthFeed;
    return byte === CR && this.digits > 0 && (!this.isNull || this.bulkBytes === 1);
  }

  private endLine(): boolean {
    switch (this.type) {
      case PLUS:
        this.end(this.line.is('OK') ? ReplyKind.done : ReplyKind.other, 0);
        return true;
      case MINUS:
        this.end(ReplyKind.error, 0);
        return true;
      case COLON:
        this.end(ReplyKind.other, 0);
        return true;
      default:
        if (this.line.seen !== 0) return false;
        this.end(ReplyKind.miss, 0);
        return true;
    }
  }

  private end(kind: ReplyKind, valueBytes: number): void {
    this.state = State.start;
    this.sink.onReply(kind, valueBytes);
  }
}
