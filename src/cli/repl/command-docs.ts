/**
 * What a server says of its commands (COMMAND DOCS, of any server that has it), as the editor needs it: names, subcommands, and the
 * arguments of each as a tree. Whatever is missing or odd in the answer is left out: completion is a help, not a need.
 */
import { elementsOf, type ReplyNode, textOf } from './reply.ts';

export interface DocsArgument {
  readonly name: string;
  /** `pure-token`, `oneof`, `block`, or what kind of value it is. */
  readonly type: string;
  /** The word that stands before the argument, or is it; null where there is none. */
  readonly token: string | null;
  readonly optional: boolean;
  readonly multiple: boolean;
  /** Of `oneof` and `block`. */
  readonly parts: readonly DocsArgument[];
}

export interface DocsCommand {
  /** In capitals; of a subcommand the second word alone. */
  readonly name: string;
  readonly summary: string;
  readonly since: string;
  readonly group: string;
  readonly args: readonly DocsArgument[];
  readonly subcommands: readonly DocsCommand[];
}

/** Commands by name, in alphabetical order. */
export type CommandDocs = ReadonlyMap<string, DocsCommand>;

export const NO_DOCS: CommandDocs = new Map();

/** Reads the reply of COMMAND DOCS. */
export function readCommandDocs(reply: ReplyNode): CommandDocs {
  return new Map(
    entriesOf(reply)
      .map(([name, node]) => readCommand(name, node))
      .toSorted((left, right) => (left.name < right.name ? -1 : 1))
      .map((command) => [command.name, command]),
  );
}

/** The arguments as a line: `key value [NX | XX] [EX seconds]`. */
export function syntaxText(args: readonly DocsArgument[]): string {
  return args.map(argumentText).join(' ');
}

export function argumentText(argument: DocsArgument): string {
  const { optional, multiple } = argument;
  let text = bareText(argument);
  if (multiple) text = optional ? `${text} ...` : `${text} [${text} ...]`;
  return optional ? `[${text}]` : text;
}

/** Every word in capitals that may stand among `args`. */
export function tokensOf(args: readonly DocsArgument[]): readonly string[] {
  return args.flatMap(({ token, parts }) => [...(token === null ? [] : [token]), ...tokensOf(parts)]);
}

function bareText({ name, type, token, parts }: DocsArgument): string {
  if (type === 'pure-token') return token ?? name;
  const value =
    type === 'oneof'
      ? parts.map(argumentText).join(' | ')
      : type === 'block'
        ? parts.map(argumentText).join(' ')
        : name;
  return token === null ? value : `${token} ${value}`;
}

function readCommand(name: string, node: ReplyNode): DocsCommand {
  const fields = new Map(entriesOf(node));
  const subcommands = entriesOf(fields.get('subcommands')).map(([full, sub]) =>
    readCommand(full.slice(full.indexOf('|') + 1), sub),
  );
  return {
    name: name.toUpperCase(),
    summary: textOf(fields.get('summary')) ?? '',
    since: textOf(fields.get('since')) ?? '',
    group: textOf(fields.get('group')) ?? '',
    args: readArguments(fields.get('arguments'), 0),
    subcommands: subcommands.toSorted((left, right) => (left.name < right.name ? -1 : 1)),
  };
}

function readArguments(node: ReplyNode | undefined, depth: number): readonly DocsArgument[] {
  if (depth > DEPTH_MAX) return [];
  return elementsOf(node).map((element) => {
    const fields = new Map(entriesOf(element));
    const flags = new Set(elementsOf(fields.get('flags')).map(textOf));
    const name = textOf(fields.get('display_text')) ?? textOf(fields.get('name')) ?? 'argument';
    return {
      name,
      type: textOf(fields.get('type')) ?? 'string',
      token: textOf(fields.get('token')) || null,
      optional: flags.has('optional'),
      multiple: flags.has('multiple'),
      parts: readArguments(fields.get('arguments'), depth + 1),
    };
  });
}

/** Pairs of a map, or of a list that RESP2 has in its place. */
function entriesOf(node: ReplyNode | undefined): readonly (readonly [string, ReplyNode])[] {
  const elements = elementsOf(node);
  const pairs: [string, ReplyNode][] = [];
  for (let index = 0; index + 1 < elements.length; index += 2) {
    const name = textOf(elements[index]);
    const value = elements[index + 1];
    if (name !== null && value !== undefined) pairs.push([name, value]);
  }
  return pairs;
}

const DEPTH_MAX = 16;
