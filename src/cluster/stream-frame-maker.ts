/**
 * Makes the frames of a stream and says in each how far it goes: `through`, and `heard`, the last reply that the source had when it had read its log to the
 * end as far as that.
 */
import { isBefore } from '../changes/log-position.ts';
import type { RecordWriter } from './item-records.ts';
import type { FrameMaker } from './item-shipper.ts';
import { newStreamFrame, sealStreamFrame, STREAM_START, type StreamName } from './stream-frames.ts';

/** Marks that are kept for frames not yet made. */
const MARKS_MAX = 64;

interface ReadMark {
  /** The end of the log when it was read to there, and the reply that was the last one then. */
  readonly position: number;
  readonly heard: number;
}

export class StreamFrameMaker implements FrameMaker {
  /** What the last frame says, and when it was made. */
  through = 0;
  sealedAtMs = Number.NEGATIVE_INFINITY;
  private name: StreamName;
  private heard = 0;
  private marks: ReadMark[] = [];
  private readonly currentThrough: () => number;
  private readonly currentMs: () => number;

  /** `through`: where everything is in the frames before, at this moment; `nowMs`: monotonic. */
  constructor(name: StreamName, parts: { readonly through: () => number; readonly nowMs: () => number }) {
    this.name = name;
    this.currentThrough = parts.through;
    this.currentMs = parts.nowMs;
  }

  get attempt(): number {
    return this.name.attempt;
  }

  /** Another attempt; returns its first frame. */
  begin(attempt: number): Uint8Array {
    this.name = { ...this.name, attempt };
    this.heard = 0;
    this.marks = [];
    return this.seal(newStreamFrame(this.name, 0, STREAM_START));
  }

  /** The log was read to its end, `position`, and `heard` is the number that the last reply says is next. */
  logRead(position: number, heard: number): void {
    const last = this.marks.at(-1);
    if (last !== undefined && (last.position === position || this.marks.length === MARKS_MAX)) this.marks.pop();
    this.marks.push({ position, heard });
  }

  open(number: number): RecordWriter {
    return newStreamFrame(this.name, number);
  }

  seal(frame: RecordWriter): Uint8Array {
    const { marks } = this;
    this.through = this.currentThrough();
    this.sealedAtMs = this.currentMs();
    while (marks.length > 0 && !isBefore(this.through, marks[0]!.position)) this.heard = marks.shift()!.heard;
    return sealStreamFrame(frame, this.through, this.heard);
  }
}
