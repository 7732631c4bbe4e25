/**
 * Reads the notation in which a command's arguments are documented (`key value [NX | XX] [EX seconds]`) into the tree that
 * COMMAND DOCS answers and that clients make hints from. The notation:
 *
 *     word            an argument                 [ … ]           optional
 *     WORD            the word itself             a | b           one of
 *     WORD arg        the word, then an argument  x [x ...]       once or more
 */

export interface SyntaxArgument {
  readonly name: string;
  readonly type: 'key' | 'string' | 'pattern' | 'pure-token' | 'oneof' | 'block';
  /** The word that stands before the argument, or is it. */
  readonly token: string | null;
  readonly optional: boolean;
  readonly multiple: boolean;
  /** Of `oneof` and `block`. */
  readonly parts: readonly SyntaxArgument[];
}

export function parseSyntax(syntax: string): readonly SyntaxArgument[] {
  const words = syntax
    .replace(/[[\]|]/g, ' $& ')
    .split(/\s+/)
    .filter((word) => word !== '');
  const reader = new SyntaxReader(words);
  return sequenceOf(reader.alternatives());
}

class SyntaxReader {
  private readonly words: readonly string[];
  private position = 0;

  constructor(words: readonly string[]) {
    this.words = words;
  }

  /** Up to the closing bracket or the end: one sequence for each side of `|`. */
  alternatives(): SyntaxArgument[][] {
    const all: SyntaxArgument[][] = [this.sequence()];
    while (this.words[this.position] === '|') {
      this.position += 1;
      all.push(this.sequence());
    }
    return all;
  }

  private sequence(): SyntaxArgument[] {
    const sequence: SyntaxArgument[] = [];
    for (;;) {
      const word = this.words[this.position];
      if (word === undefined || word === ']' || word === '|') return sequence;
      this.position += 1;
      if (word === '[') this.bracket(sequence);
      else if (word !== '...') sequence.push(isToken(word) ? this.token(word) : argument(word));
    }
  }

  /** What stands in brackets is optional, or says that what stands before it may be repeated. */
  private bracket(sequence: SyntaxArgument[]): void {
    const start = this.position;
    const inside = this.alternatives();
    const repeated = this.words[this.position - 1] === '...';
    this.position += 1;
    const [first = []] = inside;
    if (repeated && inside.length === 1) {
      const before = sequence.slice(-first.length);
      if (before.map(({ name }) => name).join(' ') === first.map(({ name }) => name).join(' ')) {
        sequence.splice(-first.length, first.length, { ...joined(first), multiple: true });
        return;
      }
    }
    if (this.position === start) return;
    const whole = oneOf(inside);
    sequence.push({ ...whole, optional: true, multiple: whole.multiple || repeated });
  }

  /** A word in capitals with the arguments that belong to it. */
  private token(word: string): SyntaxArgument {
    const own: SyntaxArgument[] = [];
    for (;;) {
      const next = this.words[this.position];
      if (next === undefined || !/^[a-z]/.test(next)) break;
      this.position += 1;
      own.push(argument(next));
    }
    const name = word.toLowerCase();
    const [only] = own;
    if (only === undefined) return { ...argument(name), type: 'pure-token', token: word };
    if (own.length === 1) return { ...only, token: word };
    return { ...joined(own), name, token: word };
  }
}

function isToken(word: string): boolean {
  return /^[A-Z*]/.test(word) && word === word.toUpperCase();
}

function argument(name: string): SyntaxArgument {
  const isKey = /^(key|newkey|source|destination)$/.test(name);
  const type = isKey ? 'key' : name === 'pattern' ? 'pattern' : 'string';
  return { name, type, token: null, optional: false, multiple: false, parts: [] };
}

function joined(parts: readonly SyntaxArgument[]): SyntaxArgument {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const name = parts.map((part) => part.name).join('-');
  return { ...argument(name), type: 'block', parts };
}

function oneOf(alternatives: readonly SyntaxArgument[][]): SyntaxArgument {
  const parts = alternatives.map(joined);
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  return { ...argument(parts.map((part) => part.name).join('-')), type: 'oneof', parts };
}

function sequenceOf(alternatives: readonly SyntaxArgument[][]): readonly SyntaxArgument[] {
  const [only] = alternatives;
  return alternatives.length === 1 && only !== undefined ? only : [oneOf(alternatives)];
}
