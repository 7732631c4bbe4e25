/** Replies of memcached's text protocol to `get`, `set` and `version`: lines, and after a VALUE line its bytes and END. */
import { unreachable } from '../base/assert.ts';
import { NO_REQUEST_ID, ReplyKind, type ReplyScanner, type ReplySink, TextPrefix } from './reply-scanner.ts';

const CR = 0x0d;
const LF = 0x0a;
const LINE_BYTES_MAX = 64 * 1024;
const VALUE_LINE = /^VALUE \S+ \d+ (\d{1,10})( \d+)?$/;

const State = { line: 0, payload: 1, payloadReturn: 2, payloadFeed: 3 } as const;
type State = (typeof State)[keyof typeof State];

const VALUE_BEGIN = 'VALUE ';
/** Lines of the protocol that answer neither `get` nor a `set` that was done. */
const OTHER_LINES = ['VERSION ', 'NOT_STORED', 'EXISTS', 'NOT_FOUND', 'OK'] as const;
const ERROR_LINES = ['ERROR', 'CLIENT_ERROR', 'SERVER_ERROR'] as const;

export class MemcachedScanner implements ReplyScanner {
  private readonly sink: ReplySink;
  private readonly line = new TextPrefix();
  private state: State = State.line;
  private started = false;
  private payloadBytes = 0;
  private payloadTaken = 0;
  /** Whether the value of this reply has come, so that END ends it. */
  private hasValue = false;

  constructor(sink: ReplySink) {
    this.sink = sink;
  }

  scan(bytes: Buffer, length: number): boolean {
    for (let at = 0; at < length; ) {
      if (this.state === State.payload) {
        const end = Math.min(length, at + this.payloadBytes - this.payloadTaken);
        this.sink.onValueBytes(bytes, at, end, this.payloadTaken);
        this.payloadTaken += end - at;
        at = end;
        if (this.payloadTaken === this.payloadBytes) this.state = State.payloadReturn;
      } else {
        if (!this.step(bytes[at]!)) return false;
        at += 1;
      }
    }
    return true;
  }

  errorKind(): string {
    return this.line.firstCode('ERROR');
  }

  text(): string {
    return this.line.toString();
  }

  /** Takes a byte that is not of a value; those are taken many at once. */
  private step(byte: number): boolean {
    switch (this.state) {
      case State.payloadReturn:
        this.state = State.payloadFeed;
        return byte === CR;
      case State.payloadFeed:
        this.state = State.line;
        this.hasValue = true;
        this.line.clear();
        return byte === LF;
      case State.line:
        if (!this.started) {
          this.started = true;
          this.line.clear();
          this.sink.onReplyStart(NO_REQUEST_ID);
        }
        if (byte === LF) return this.endLine();
        if (byte !== CR) this.line.push(byte);
        return this.line.seen <= LINE_BYTES_MAX;
      case State.payload:
        return true;
      default:
        return unreachable(this.state);
    }
  }

  private endLine(): boolean {
    const { line } = this;
    if (this.hasValue) {
      if (!line.is('END')) return false;
      this.end(ReplyKind.value, this.payloadBytes);
    } else if (line.startsWith(VALUE_BEGIN)) return this.beginValue();
    else if (line.is('STORED')) this.end(ReplyKind.done, 0);
    else if (line.is('END')) this.end(ReplyKind.miss, 0);
    else if (ERROR_LINES.some((word) => line.startsWith(word))) this.end(ReplyKind.error, 0);
    else if (OTHER_LINES.some((word) => line.startsWith(word))) this.end(ReplyKind.other, 0);
    else return false;
    return true;
  }

  /** `VALUE key flags length`. Makes a string a value, which the cheaper protocols do not. */
  private beginValue(): boolean {
    const length = VALUE_LINE.exec(this.line.toString())?.[1];
    if (length === undefined) return false;
    this.payloadBytes = Number(length);
    this.payloadTaken = 0;
    this.state = this.payloadBytes === 0 ? State.payloadReturn : State.payload;
    return true;
  }

  private end(kind: ReplyKind, valueBytes: number): void {
    this.started = false;
    this.hasValue = false;
    this.sink.onReply(kind, valueBytes);
  }
}
