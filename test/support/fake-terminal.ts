/**
 * A terminal in memory: keys go in as bytes, and what a program writes is drawn on a screen of lines, as far as line editors need it. Waits end with
 * what was waited for, or with an error that shows the screen.
 */
import { PassThrough, Writable } from 'node:stream';

/** Only a failing test waits this long. */
const WAIT_MS_MAX = 20_000;

export class FakeTerminal {
  readonly input: PassThrough & { isTTY: boolean; setRawMode: (raw: boolean) => unknown };
  readonly output: Writable & { isTTY: boolean; columns: number };
  /** Whether keys come one by one, as editors want them. */
  isRaw = false;
  /** Everything that was written, colours and movements included. */
  written = '';
  private readonly rows: string[] = [''];
  private row = 0;
  private column = 0;
  private saved: readonly [number, number] = [0, 0];
  private readonly columns: number;
  private wake: () => void = () => {};

  constructor(columns = 120) {
    this.columns = columns;
    this.input = Object.assign(new PassThrough(), {
      isTTY: true,
      setRawMode: (raw: boolean) => {
        this.isRaw = raw;
        return this.input;
      },
    });
    const output = new Writable({
      decodeStrings: false,
      write: (chunk: Buffer | string, _encoding, done) => {
        this.draw(String(chunk));
        done();
        this.wake();
      },
    });
    this.output = Object.assign(output, { isTTY: true, columns });
  }

  /** What the screen shows, without blank ends. */
  get screen(): string {
    return this.rows
      .map((row) => row.trimEnd())
      .join('\n')
      .trimEnd();
  }

  type(keys: string): void {
    this.input.write(keys);
  }

  /** Resolves once the screen shows `text`; every wait ends. */
  async shows(text: string | RegExp): Promise<void> {
    const isShown = (): boolean => (typeof text === 'string' ? this.screen.includes(text) : text.test(this.screen));
    if (isShown()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no ${String(text)} on the screen:\n${this.screen}`)),
        WAIT_MS_MAX,
      );
      this.wake = () => {
        if (!isShown()) return;
        clearTimeout(timer);
        this.wake = () => {};
        resolve();
      };
    });
  }

  private draw(text: string): void {
    this.written += text;
    for (let at = 0; at < text.length; ) {
      // oxlint-disable-next-line no-control-regex -- The sequences of terminals begin with one.
      const sequence = /^\u001b(?:\[([0-9;?]*)([A-Za-z])|([78]))/.exec(text.slice(at, at + 32));
      if (sequence !== null) {
        this.control(sequence[2] ?? sequence[3] ?? '', sequence[1] ?? '');
        at += sequence[0].length;
        continue;
      }
      this.put(text[at] ?? '');
      at += 1;
    }
  }

  private put(character: string): void {
    if (character === '\r') {
      this.column = 0;
    } else if (character === '\n') {
      // As a terminal in its usual mode has it: a newline returns the carriage too.
      this.column = 0;
      this.row += 1;
    } else {
      if (this.column >= this.columns) {
        this.column = 0;
        this.row += 1;
      }
      const line = this.lineAt(this.row).padEnd(this.column);
      this.rows[this.row] = line.slice(0, this.column) + character + line.slice(this.column + 1);
      this.column += 1;
    }
    this.lineAt(this.row);
  }

  private control(kind: string, parameters: string): void {
    const count = Number(parameters.split(';')[0]) || 0;
    if (kind === 'G') this.column = Math.max(0, count - 1);
    else if (kind === 'A') this.row = Math.max(0, this.row - Math.max(1, count));
    else if (kind === 'B') this.row += Math.max(1, count);
    else if (kind === 'C') this.column += Math.max(1, count);
    else if (kind === 'D') this.column = Math.max(0, this.column - Math.max(1, count));
    else if (kind === 'H') [this.row, this.column] = [0, 0];
    else if (kind === '7') this.saved = [this.row, this.column];
    else if (kind === '8') [this.row, this.column] = this.saved;
    else if (kind === 'K' || kind === 'J') this.eraseToEnd(kind === 'J');
    this.lineAt(this.row);
  }

  private eraseToEnd(below: boolean): void {
    this.rows[this.row] = this.lineAt(this.row).slice(0, this.column);
    if (below) this.rows.length = this.row + 1;
  }

  private lineAt(row: number): string {
    while (this.rows.length <= row) this.rows.push('');
    return this.rows[row] ?? '';
  }
}
