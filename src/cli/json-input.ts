/** JSON that a user typed, as a value; where JavaScript would change it silently, it is refused. */
import { invalid } from './arguments.ts';

/** Throws `InvalidOption` where it is no JSON, or holds an integer that a double cannot. */
export function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(
      `the value is not JSON: ${(error as Error).message}; a text needs its double quotes, as in '"hello"'`,
    );
  }
  for (const number of numbersIn(text)) {
    if (/^-?\d+$/.test(number) && BigInt(number) !== BigInt(Number(number)))
      throw invalid(
        `the value has the number ${number}, which would be stored as ${BigInt(Number(number))}; write it as a text`,
      );
    if (!Number.isFinite(Number(number))) throw invalid(`the value has the number ${number}, which is too large`);
  }
  return value;
}

/** The numbers in a valid JSON text, as they are written. */
function numbersIn(text: string): readonly string[] {
  return text.replace(/"(?:[^"\\]|\\.)*"/g, '""').match(/-?\d[\d.eE+-]*/g) ?? [];
}
