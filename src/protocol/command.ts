/**
 * A request as the server core sees it, whatever protocol it came by. With `Reply` it is the only waist between
 * protocols and the store: codecs fill a `Command`, handlers read it.
 *
 * One `Command` per data thread is filled again for each request, so a request costs no object:
 *
 *     bytes    [ ... S E T ... k e y ... v a l u e ... ]   the receive buffer, not owned
 *     starts   [ 0, 9, 20 ]     where argument i begins in `bytes`
 *     lengths  [ 3, 3,  5 ]     how many bytes it has
 *     count    3                arguments, the command's name included
 *
 * Valid until the decoder's next call: who keeps an argument longer copies it.
 */
export class Command {
  bytes: Uint8Array = EMPTY;
  count = 0;
  starts = new Int32Array(INITIAL_ARGUMENTS);
  lengths = new Int32Array(INITIAL_ARGUMENTS);
  /** Where the server noted argument 1, a key, before the request ran; -1 where it did not. */
  keyPlace = -1;

  /** Forgets the arguments and takes `bytes` as the buffer of those to come. */
  reset(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.count = 0;
    this.keyPlace = -1;
    if (this.starts.length > ARGUMENTS_KEPT_MAX) this.resize(INITIAL_ARGUMENTS);
  }

  /** Appends one argument; the arrays grow with arguments that arrived, never by a count that a peer states. */
  push(start: number, length: number): void {
    if (this.count === this.starts.length) this.resize(this.count * 2);
    this.starts[this.count] = start;
    this.lengths[this.count] = length;
    this.count += 1;
  }

  /** The offset in `bytes` of argument `index`. */
  start(index: number): number {
    return this.starts[index]!;
  }

  /** The length in bytes of argument `index`. */
  length(index: number): number {
    return this.lengths[index]!;
  }

  /** Argument `index` as UTF-8 text. Allocates: for options, names and messages, not for keys and values. */
  text(index: number): string {
    const start = this.starts[index]!;
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, this.lengths[index]).toString('utf8');
  }

  /** A copy of argument `index` that the caller owns. */
  copy(index: number): Uint8Array {
    const start = this.starts[index]!;
    // `slice` would not do: that of a Buffer is a view.
    return new Uint8Array(this.bytes.subarray(start, start + this.lengths[index]!));
  }

  /** Whether argument `index` is the ASCII word `upper` (given in upper case), in any case. */
  is(index: number, upper: string): boolean {
    if (this.lengths[index] !== upper.length) return false;
    const start = this.starts[index]!;
    for (let offset = 0; offset < upper.length; offset += 1) {
      const byte = this.bytes[start + offset]!;
      const folded = byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte;
      if (folded !== upper.charCodeAt(offset)) return false;
    }
    return true;
  }

  /** Makes place for `capacity` arguments; those that are there stay as far as they fit. */
  private resize(capacity: number): void {
    const starts = new Int32Array(capacity);
    const lengths = new Int32Array(capacity);
    starts.set(this.starts.subarray(0, capacity));
    lengths.set(this.lengths.subarray(0, capacity));
    this.starts = starts;
    this.lengths = lengths;
  }
}

const INITIAL_ARGUMENTS = 64;
/** The arrays of a command with more than these do not stay for the next one. */
const ARGUMENTS_KEPT_MAX = 4096;
const EMPTY = new Uint8Array(0);
