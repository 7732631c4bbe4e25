/**
 * Reads JSON (RFC 8259) and keeps the line of every value, so that a message about a configuration file can say where.
 * `JSON.parse` tells no line on Bun, and takes the last of two equal names without a word; here that is an error.
 */

export type JsonValue = string | number | boolean | null | readonly JsonNode[] | ReadonlyMap<string, JsonNode>;

export interface JsonNode {
  readonly value: JsonValue;
  /** From 1. */
  readonly line: number;
}

export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/** Throws {@link JsonSyntaxError}, as what is not a value, or is nested deeper than a configuration has cause to be. */
export function parseJson(text: string): JsonNode {
  const reader = new Reader(text);
  const node = readValue(reader, 0);
  if (reader.token !== '') throw reader.unexpected('the end of the file');
  return node;
}

const DEPTH_MAX = 32;
const SPACE = /[ \t\n\r]*/y;
// A text, a run of what numbers and words are made of, or a single character: a lone quote is a text that does not end.
const TOKEN = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|[\w.+-]+|[^]/y;
const SCALAR = /^(?:"[^]+|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)$/;

/** Holds one token ahead; an empty token is the end. */
class Reader {
  token = '';
  line = 1;
  readonly #text: string;
  #offset = 0;

  constructor(text: string) {
    this.#text = text;
    this.advance();
  }

  advance(): void {
    const from = this.#offset;
    SPACE.lastIndex = this.#offset;
    SPACE.exec(this.#text);
    const start = SPACE.lastIndex;
    for (let index = from; index < start; index += 1) if (this.#text[index] === '\n') this.line += 1;
    TOKEN.lastIndex = start;
    this.token = TOKEN.exec(this.#text)?.[0] ?? '';
    this.#offset = start + this.token.length;
  }

  /** Steps over `token` where it is next. */
  take(token: string): boolean {
    if (this.token !== token) return false;
    this.advance();
    return true;
  }

  unexpected(wanted: string): JsonSyntaxError {
    const found = this.#describe();
    const hint = this.token === '/' || this.token === '#' ? ' (comments are not allowed)' : '';
    return new JsonSyntaxError(`found ${found}${hint} where ${wanted} should be`, this.line);
  }

  #describe(): string {
    if (this.token === '') return 'the end of the file';
    if (this.token === '"') return 'a text that does not end';
    return this.token.startsWith('"') ? this.token : `"${this.token}"`;
  }
}

function readValue(reader: Reader, depth: number): JsonNode {
  const { token, line } = reader;
  if (depth > DEPTH_MAX) throw new JsonSyntaxError('nested too deep', line);
  if (token === '{') return { value: readObject(reader, depth), line };
  if (token === '[') return { value: readArray(reader, depth), line };
  if (!SCALAR.test(token)) throw reader.unexpected('a value');
  reader.advance();
  return { value: JSON.parse(token) as string | number | boolean | null, line };
}

function readObject(reader: Reader, depth: number): ReadonlyMap<string, JsonNode> {
  const entries = new Map<string, JsonNode>();
  reader.advance();
  if (reader.take('}')) return entries;
  do {
    if (!reader.token.startsWith('"') || reader.token === '"') throw reader.unexpected('a name in double quotes');
    const name = JSON.parse(reader.token) as string;
    if (entries.has(name)) throw new JsonSyntaxError(`"${name}" stands here a second time`, reader.line);
    reader.advance();
    if (!reader.take(':')) throw reader.unexpected('":"');
    entries.set(name, readValue(reader, depth + 1));
  } while (reader.take(','));
  if (!reader.take('}')) throw reader.unexpected('"," or "}"');
  return entries;
}

function readArray(reader: Reader, depth: number): readonly JsonNode[] {
  const items: JsonNode[] = [];
  reader.advance();
  if (reader.take(']')) return items;
  do items.push(readValue(reader, depth + 1));
  while (reader.take(','));
  if (!reader.take(']')) throw reader.unexpected('"," or "]"');
  return items;
}
