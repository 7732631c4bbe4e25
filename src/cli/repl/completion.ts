/**
 * What Tab offers and what the grey hint behind the cursor says, from the line so far and the server's own docs of its commands.
 */
import { argumentText, type CommandDocs, type DocsArgument, type DocsCommand, tokensOf } from './command-docs.ts';

/** The commands of the editor itself, with what they take. */
export const OWN_COMMANDS: Readonly<Record<string, string>> = { HELP: '[command]', CLEAR: '', EXIT: '' };

export interface Completion {
  /** What may stand in place of `word`, in the case in which it was begun. */
  readonly candidates: readonly string[];
  /** The part of the line that a candidate replaces. */
  readonly word: string;
}

/** What may stand at the end of `line`. */
export function complete(line: string, docs: CommandDocs): Completion {
  const words = line.trimStart().split(/\s+/);
  const word = words.pop() ?? '';
  const candidates = candidatesAfter(words, docs).filter((name) => name.startsWith(word.toUpperCase()));
  const lower = word === '' ? words.length > 0 && isLower(words[0] ?? '') : isLower(word);
  return { candidates: lower ? candidates.map((name) => name.toLowerCase()) : candidates, word };
}

function candidatesAfter(words: readonly string[], docs: CommandDocs): readonly string[] {
  const [first, second] = words.map((word) => word.toUpperCase());
  if (first === undefined) return [...docs.keys(), ...Object.keys(OWN_COMMANDS)].toSorted();
  if (first === 'HELP') return words.length === 1 ? [...docs.keys()] : subcommandNames(docs.get(second ?? ''));
  const command = docs.get(first);
  if (command === undefined) return [];
  if (command.subcommands.length > 0) {
    if (second === undefined) return subcommandNames(command);
    const subcommand = command.subcommands.find(({ name }) => name === second);
    return subcommand === undefined ? [] : unusedTokens(subcommand, words.slice(2));
  }
  return unusedTokens(command, words.slice(1));
}

function subcommandNames(command: DocsCommand | undefined): readonly string[] {
  return command?.subcommands.map(({ name }) => name) ?? [];
}

/** The words in capitals that the arguments may still take, once those are there that must stand before them. */
function unusedTokens(command: DocsCommand, words: readonly string[]): readonly string[] {
  const { rest, expectsValue } = remaining(command.args, words);
  if (expectsValue) return [];
  const requiredAt = rest.findIndex((argument) => !argument.optional);
  return [...new Set(tokensOf(requiredAt < 0 ? rest : rest.slice(0, requiredAt + 1)))];
}

/** What is still missing behind `line`, as the docs write it; empty where nothing is, or the command is not known. */
export function hintFor(line: string, docs: CommandDocs): string {
  const words = line.trimStart().split(/\s+/);
  const ended = words.at(-1) === '';
  if (ended) words.pop();
  const [name, ...rest] = words;
  if (name === undefined) return '';
  const text = hintAfter(name.toUpperCase(), rest, ended, docs);
  return text === '' ? '' : `${ended ? '' : ' '}${text}`;
}

function hintAfter(name: string, words: readonly string[], ended: boolean, docs: CommandDocs): string {
  const own = OWN_COMMANDS[name];
  if (own !== undefined && !docs.has(name)) return words.length === 0 ? own : '';
  const command = docs.get(name);
  if (command === undefined) return '';
  // While the name is still being written, the hint of a shorter command would only flicker.
  if (command.subcommands.length > 0) {
    const [second, ...rest] = words;
    if (second === undefined) return command.subcommands.map((sub) => sub.name).join(' | ');
    const subcommand = command.subcommands.find((sub) => sub.name === second.toUpperCase());
    if (subcommand === undefined || (rest.length === 0 && !ended && subcommand.args.length === 0)) return '';
    return textOfRest(subcommand.args, rest);
  }
  return textOfRest(command.args, words);
}

function textOfRest(args: readonly DocsArgument[], words: readonly string[]): string {
  const { rest } = remaining(args, words);
  return rest.map(argumentText).join(' ');
}

/** What is left of a command's arguments behind some words. */
interface Remaining {
  readonly rest: readonly DocsArgument[];
  /** The last word is an option that waits for its value. */
  readonly expectsValue: boolean;
}

/**
 * Takes the arguments that `words` give from `args`: a word that is the token of an option takes that option, from any place after the ones that
 * must come first; any other word takes the next argument that is no option.
 */
export function remaining(args: readonly DocsArgument[], words: readonly string[]): Remaining {
  const rest = [...args];
  let repeated: DocsArgument | null = null;
  for (let at = 0; at < words.length; ) {
    const word = (words[at] ?? '').toUpperCase();
    const optionAt = rest.findIndex(
      (argument, index) => isReachable(rest, index) && optionNamed(argument, word) !== null,
    );
    const option = rest[optionAt];
    if (option !== undefined) {
      const named = optionNamed(option, word) ?? option;
      const values = valuesBehind(named);
      const missing = values.slice(words.length - at - 1);
      if (!option.multiple) rest.splice(optionAt, 1);
      if (missing.length > 0) return { rest: [...missing, ...rest], expectsValue: true };
      at += 1 + values.length;
      continue;
    }
    const positionalAt = rest.findIndex((argument) => argument.token === null && !isChoiceOfTokens(argument));
    const positional = rest[positionalAt];
    if (positional === undefined) {
      if (repeated === null) return { rest: [], expectsValue: false };
      at += 1;
      continue;
    }
    const parts = positional.type === 'block' ? positional.parts : [positional];
    const taken = words.length - at;
    const missing = parts.slice(taken);
    repeated = positional.multiple ? { ...positional, optional: true } : repeated;
    // Options that stand before it have had their place.
    const before = rest.slice(0, positionalAt).filter((argument) => !argument.optional);
    rest.splice(0, positionalAt + 1, ...before, ...(positional.multiple && repeated !== null ? [repeated] : []));
    if (missing.length > 0) return { rest: [...missing, ...rest], expectsValue: false };
    at += parts.length;
  }
  return { rest, expectsValue: false };
}

/** Whether an option at `index` may stand here: nothing that is required stands before it. */
function isReachable(args: readonly DocsArgument[], index: number): boolean {
  return args.slice(0, index).every((argument) => argument.optional);
}

/** The argument itself or the alternative in it that `word` begins; null where it begins none. */
function optionNamed(argument: DocsArgument, word: string): DocsArgument | null {
  if (argument.token?.toUpperCase() === word) return argument;
  if (argument.type === 'oneof') {
    for (const part of argument.parts) {
      const found = optionNamed(part, word);
      if (found !== null) return found;
    }
  }
  const [first] = argument.parts;
  return argument.type === 'block' && first !== undefined && optionNamed(first, word) === first ? argument : null;
}

/** The arguments that follow the token with which `option` begins. */
function valuesBehind(option: DocsArgument): readonly DocsArgument[] {
  const { type, token, parts } = option;
  if (type === 'pure-token') return [];
  if (type === 'block') return token === null ? [...valuesBehind(parts[0] ?? option), ...parts.slice(1)] : parts;
  return [{ ...option, token: null, optional: false, multiple: false }];
}

function isChoiceOfTokens(argument: DocsArgument): boolean {
  if (argument.type !== 'oneof' && argument.type !== 'block') return false;
  return argument.type === 'oneof'
    ? argument.parts.every((part) => part.token !== null || isChoiceOfTokens(part))
    : argument.parts[0] !== undefined && (argument.parts[0].token !== null || isChoiceOfTokens(argument.parts[0]));
}

function isLower(word: string): boolean {
  return word !== '' && word === word.toLowerCase();
}
