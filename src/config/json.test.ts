import { describe, expect, test } from 'bun:test';
import { type JsonNode, JsonSyntaxError, parseJson } from './json.ts';

/** The value without its lines, as `JSON.parse` gives it. */
function plain(node: JsonNode): unknown {
  if (node.value instanceof Map) {
    return Object.fromEntries([...node.value].map(([name, child]: [string, JsonNode]) => [name, plain(child)]));
  }
  return Array.isArray(node.value) ? node.value.map(plain) : node.value;
}

function syntaxError(text: string): JsonSyntaxError {
  try {
    parseJson(text);
  } catch (error) {
    if (error instanceof JsonSyntaxError) return error;
    throw error;
  }
  throw new Error(`${text} was read`);
}

describe('reads what JSON.parse reads', () => {
  test.each([
    '{}',
    '[]',
    ' \t\r\n{"a":1}\n',
    '{"memory": "512mb", "limits": {"connections": 10}}',
    '[1, -2.5, 1e3, 0, -0.1E-2, true, false, null, "", [[]], {"": {}}]',
    '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00 é 😀"',
    '"/ # // no comment"',
  ])('%p', (text) => {
    expect(plain(parseJson(text))).toEqual(JSON.parse(text));
  });
});

describe('refuses what JSON.parse refuses', () => {
  test.each([
    '',
    ' ',
    '{',
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,}',
    '{"a" 1}',
    '{a: 1}',
    "{'a': 1}",
    '[1,]',
    '[1 2]',
    '{} {}',
    '01',
    '1.',
    '.5',
    '+1',
    '-',
    '1e',
    '0x10',
    '512mb',
    'tru',
    'undefined',
    'NaN',
    '"',
    '"open',
    '"\\x41"',
    '"\\u12"',
    '"line\nbreak"',
    '// c\n{}',
    '{} # c',
  ])('%p', (text) => {
    expect(() => JSON.parse(text) as unknown).toThrow();
    expect(() => parseJson(text)).toThrow(JsonSyntaxError);
  });
});

test('every prefix of a document is refused', () => {
  const text = '{"a": [1, "x\\n", {"b": null}], "c": -1.5e3}';
  for (let length = 0; length < text.length; length += 1) {
    expect(() => parseJson(text.slice(0, length))).toThrow(JsonSyntaxError);
  }
});

test('values know their line', () => {
  const root = parseJson('{\n  "a": 1,\n\n  "b":\n    [2,\n     3]\n}').value;
  if (!(root instanceof Map)) throw new Error('not an object');
  expect(root.get('a')).toEqual({ value: 1, line: 2 });
  expect(root.get('b')).toEqual({
    value: [
      { value: 2, line: 5 },
      { value: 3, line: 6 },
    ],
    line: 5,
  });
});

test.each([
  ['{\n  "a": 1\n  "b": 2\n}', 3, 'found "b" where "," or "}" should be'],
  ['{\n  // why\n}', 2, 'found "/" (comments are not allowed) where a name in double quotes should be'],
  ['{\n  "a": 1,\n  "a": 2\n}', 3, '"a" stands here a second time'],
  ['{"a": 1', 1, 'found the end of the file where "," or "}" should be'],
  ['{\n"a": "x\n}', 2, 'found a text that does not end where a value should be'],
])('%p is wrong in line %p', (text, line, message) => {
  expect(syntaxError(text)).toMatchObject({ line, message });
});

test('nesting is bounded', () => {
  expect(syntaxError('['.repeat(100_000)).message).toBe('nested too deep');
});
