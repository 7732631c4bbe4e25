import { expect, test } from 'bun:test';
import { parseSyntax } from './command-syntax.ts';
import type { SyntaxArgument } from './command-syntax.ts';

/** The tree in a short form: `?` optional, `+` repeated, `a|b` one of, `{a b}` a block. */
function show(argument: SyntaxArgument): string {
  const { name, type, token, optional, multiple, parts } = argument;
  let inner = type === 'pure-token' ? '' : name;
  if (type === 'oneof') inner = `(${parts.map(show).join('|')})`;
  if (type === 'block') inner = `{${parts.map(show).join(' ')}}`;
  const word = token === null ? inner : inner === '' ? token : `${token}:${inner}`;
  return `${word}${optional ? '?' : ''}${multiple ? '+' : ''}`;
}

const CASES: readonly (readonly [string, string])[] = [
  ['', ''],
  ['key', 'key'],
  ['key value [NX | XX] [GET] [EX seconds | KEEPTTL]', 'key value (NX|XX)? GET? (EX:seconds|KEEPTTL)?'],
  ['key [key ...]', 'key+'],
  ['key value [key value ...]', '{key value}+'],
  ['[channel [channel ...]]', 'channel?+'],
  ['[protover [AUTH username password] [SETNAME name]]', '{protover AUTH:{username password}? SETNAME:name?}?'],
  ['LIB-NAME libname | LIB-VER libver', '(LIB-NAME:libname|LIB-VER:libver)'],
  ['cursor [MATCH pattern]', 'cursor MATCH:pattern?'],
];

for (const [syntax, tree] of CASES) {
  test(`"${syntax}" is ${tree}`, () => {
    expect(parseSyntax(syntax).map(show).join(' ')).toBe(tree);
  });
}
