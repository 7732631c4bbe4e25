/**
 * Sends on many sockets in one call, through the kernel's io_uring. The kernel does them in order and waits for no socket: each is answered as
 * `send` would have answered it.
 *
 *     put() put() … put() ── submit() ── results[0] … results[n - 1]
 *
 * Only one thread has to do with a ring (SINGLE_ISSUER), and the kernel works on it in that thread's calls alone (DEFER_TASKRUN), so its memory
 * is read and written as any other. Needs Linux 6.1; containers and administrators may forbid it.
 */
import {
  addressOf,
  EINTR,
  EIO,
  errorNumber,
  int32Buffer,
  type Libc,
  loadLibc,
  mapShared,
  SEND_FLAGS,
  type SharedWords,
  systemError,
} from './libc.ts';

/** Sends of one call. */
export const RING_SENDS_MAX = 64;

const IORING_SETUP_SUBMIT_ALL = 1 << 7;
const IORING_SETUP_COOP_TASKRUN = 1 << 8;
const IORING_SETUP_SINGLE_ISSUER = 1 << 12;
const IORING_SETUP_DEFER_TASKRUN = 1 << 13;
const SETUP_FLAGS =
  IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
const IORING_ENTER_GETEVENTS = 1;
const IORING_OFF_SQ_RING = 0;
const IORING_OFF_SQES = 0x10000000;
const IORING_OP_SEND = 26;

/** Words of `struct io_uring_params`. The kernel fills in how much there is of each kind, and at which byte of the mapped memory it stands. */
const PARAMS_WORDS = 30;
const ENTRY_COUNT = 0;
const COMPLETION_COUNT = 1;
const FLAGS = 2;
const SQ_HEAD_AT = 10;
const SQ_TAIL_AT = 11;
const SQ_ARRAY_AT = 16;
const CQ_HEAD_AT = 20;
const CQ_TAIL_AT = 21;
const COMPLETIONS_AT = 25;

/** Words of `struct io_uring_sqe`; those that have no name here stay 0. */
const ENTRY_WORDS = 16;
const OPCODE = 0;
const DESCRIPTOR = 1;
const ADDRESS = 4;
const LENGTH = 6;
const CALL_FLAGS = 7;
const USER_DATA = 8;
/** Words of `struct io_uring_cqe`, which begins with the entry's user data. */
const COMPLETION_WORDS = 4;
const RESULT = 2;

const WORD_BYTES = Int32Array.BYTES_PER_ELEMENT;
const TWO_TO_32 = 2 ** 32;

export class SendRing {
  /** Of each send since the last `submit` but one: the bytes that the kernel took, or the error's number, negative. */
  readonly results = new Int32Array(RING_SENDS_MAX);
  /** The kernel did not do what was asked, and may do it yet: nothing can be sent by this ring any more. */
  isBroken = false;
  private readonly libc: Libc = loadLibc();
  private readonly descriptor: number;
  private readonly rings: SharedWords;
  private readonly entries: SharedWords;
  private readonly entryMask: number;
  private readonly completionMask: number;
  /** Where in `rings` these stand. */
  private readonly sqHead: number;
  private readonly sqTail: number;
  private readonly cqHead: number;
  private readonly cqTail: number;
  private readonly completions: number;
  /** Entries ever put, modulo 2^32. */
  private tail = 0;
  private count = 0;

  /** Whether this system has it, and lets this process use it. */
  static isAvailable(): boolean {
    try {
      new SendRing().close();
      return true;
    } catch {
      return false;
    }
  }

  /** To be made by the thread that uses it. Throws where the system refuses. */
  constructor() {
    const params = int32Buffer(PARAMS_WORDS);
    params[FLAGS] = SETUP_FLAGS;
    this.descriptor = this.libc.io_uring_setup(RING_SENDS_MAX, addressOf(params));
    if (this.descriptor < 0) throw systemError(errorNumber(), 'io_uring_setup');
    const [entryCount, completionCount] = [params[ENTRY_COUNT]!, params[COMPLETION_COUNT]!];
    try {
      const ringsEnd = Math.max(
        params[SQ_ARRAY_AT]! + entryCount * WORD_BYTES,
        params[COMPLETIONS_AT]! + completionCount * COMPLETION_WORDS * WORD_BYTES,
      );
      this.rings = mapShared(this.descriptor, ringsEnd, IORING_OFF_SQ_RING);
      this.entries = mapShared(this.descriptor, entryCount * ENTRY_WORDS * WORD_BYTES, IORING_OFF_SQES);
    } catch (error) {
      this.libc.close(this.descriptor);
      throw error;
    }
    const placeOf = (word: number): number => params[word]! / WORD_BYTES;
    this.entryMask = entryCount - 1;
    this.completionMask = completionCount - 1;
    this.sqHead = placeOf(SQ_HEAD_AT);
    this.sqTail = placeOf(SQ_TAIL_AT);
    this.cqHead = placeOf(CQ_HEAD_AT);
    this.cqTail = placeOf(CQ_TAIL_AT);
    this.completions = placeOf(COMPLETIONS_AT);
    // Which entry is meant by each place of the queue: its own, always.
    for (let place = 0; place < entryCount; place += 1) this.rings.words[placeOf(SQ_ARRAY_AT) + place] = place;
  }

  /** Notes that `length` bytes at `address` are to be sent; they stay there until `submit` returns. RING_SENDS_MAX times at most. */
  put(descriptor: number, address: number, length: number): void {
    const { words } = this.entries;
    const entry = (this.tail & this.entryMask) * ENTRY_WORDS;
    this.tail = (this.tail + 1) | 0;
    words[entry + OPCODE] = IORING_OP_SEND;
    words[entry + DESCRIPTOR] = descriptor;
    words[entry + ADDRESS] = address | 0;
    words[entry + ADDRESS + 1] = Math.floor(address / TWO_TO_32);
    words[entry + LENGTH] = length;
    words[entry + CALL_FLAGS] = SEND_FLAGS;
    words[entry + USER_DATA] = this.count;
    this.results[this.count] = -EIO;
    this.count += 1;
  }

  /**
   * Sends what was put; then `results` has one for each. False: the kernel took none of it, and nothing was sent. Where it took some and gives no result, that is
   * EIO, and the ring is broken from then on.
   */
  submit(): boolean {
    const { count } = this;
    const { words } = this.rings;
    this.count = 0;
    words[this.sqTail] = this.tail;
    let submitted = 0;
    let completed = 0;
    while (completed < count) {
      const taken = this.libc.io_uring_enter(
        this.descriptor,
        count - submitted,
        count - completed,
        IORING_ENTER_GETEVENTS,
      );
      const wasInterrupted = taken < 0 && errorNumber() === EINTR;
      const came = this.takeResults();
      completed += came;
      submitted += Math.max(0, taken);
      if (taken > 0 || came > 0 || wasInterrupted) continue;
      const before = (this.tail - count) | 0;
      this.isBroken = words[this.sqHead] !== before;
      if (this.isBroken) return true;
      this.tail = before;
      words[this.sqTail] = before;
      return false;
    }
    return true;
  }

  /** Nothing may be called afterwards. */
  close(): void {
    this.rings.unmap();
    this.entries.unmap();
    this.libc.close(this.descriptor);
  }

  private takeResults(): number {
    const { results } = this;
    const { words } = this.rings;
    const from = words[this.cqHead]!;
    const to = words[this.cqTail]!;
    for (let at = from; at !== to; at = (at + 1) | 0) {
      const completion = this.completions + (at & this.completionMask) * COMPLETION_WORDS;
      results[words[completion]!] = words[completion + RESULT]!;
    }
    words[this.cqHead] = to;
    return (to - from) | 0;
  }
}
