/**
 * The grey hint behind the cursor of `node:readline`, which has none of its own. It is taken away before the editor handles a key and
 * drawn again once it has, so the editor never sees it. Drawn only where it fits behind the line without wrapping.
 */
import type { Interface } from 'node:readline';

/** What is drawn on. */
export interface HintScreen {
  readonly columns: number;
  write(text: string): void;
}

export class HintLine {
  private readonly editor: Interface;
  private readonly screen: HintScreen;
  private readonly hintFor: (line: string) => string;
  private shown = false;
  private scheduled = false;

  constructor(editor: Interface, screen: HintScreen, hintFor: (line: string) => string) {
    this.editor = editor;
    this.screen = screen;
    this.hintFor = hintFor;
  }

  /** Before the editor, or anybody else, writes. */
  erase(): void {
    if (!this.shown) return;
    this.shown = false;
    this.screen.write(ERASE_TO_END);
  }

  /** After the editor handled a key. Keys that come at once, as pasted ones do, share one drawing. */
  drawSoon(mayDraw: () => boolean): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      if (mayDraw()) this.draw();
    });
  }

  private draw(): void {
    const { line, cursor } = this.editor;
    if (line === '' || cursor !== line.length) return;
    const { cols } = this.editor.getCursorPos();
    const room = this.screen.columns - cols - 1;
    const hint = fitted(this.hintFor(line), room);
    if (hint === '') return;
    this.shown = true;
    this.screen.write(`${SAVE_CURSOR}${GREY}${hint}${PLAIN}${RESTORE_CURSOR}`);
  }
}

/** `hint` cut to `room` columns; nothing where less than a word's worth fits. Docs of commands are ASCII; others are not shown. */
export function fitted(hint: string, room: number): string {
  if (!/^[ -~]*$/.test(hint)) return '';
  if (hint.length <= room) return hint;
  return room < HINT_COLUMNS_MIN ? '' : `${hint.slice(0, room - 1)}…`;
}

const HINT_COLUMNS_MIN = 8;
const ERASE_TO_END = '\u001b[K';
const SAVE_CURSOR = '\u001b7';
const RESTORE_CURSOR = '\u001b8';
const GREY = '\u001b[90m';
const PLAIN = '\u001b[39m';
