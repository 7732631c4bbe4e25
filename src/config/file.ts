/**
 * The configuration file: a JSON object whose names are those of the flags. The `limit-…` ones may also stand in an object
 * of their own: `{ "memory": "1gb", "limits": { "idle": "5m" } }` sets `memory` and `limit-idle`.
 */
import { ShoalError } from '../base/errors.ts';
import { type JsonNode, JsonSyntaxError, parseJson } from './json.ts';

export interface FileEntry {
  /** A flag's name, not checked yet. */
  readonly name: string;
  readonly value: unknown;
  /** `shoal.json:3: "limits"."idle"`, for messages. */
  readonly origin: string;
}

/** The entries of a file's text. Throws `InvalidOption` where the text is not a JSON object. */
export function readConfigText(text: string, path: string): readonly FileEntry[] {
  let root: JsonNode;
  try {
    root = parseJson(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new ShoalError('InvalidOption', `${path}:${error.line}: ${error.message}`, { cause: error });
  }
  if (!isObject(root.value)) {
    throw new ShoalError(
      'InvalidOption',
      `${path}:${root.line}: found ${describe(root)} where a JSON object should be`,
    );
  }
  const entries: FileEntry[] = [];
  for (const [name, node] of root.value) {
    const origin = `${path}:${node.line}: "${name}"`;
    if (name !== 'limits') {
      entries.push({ name, value: plain(node), origin });
    } else if (isObject(node.value)) {
      for (const [limit, child] of node.value) {
        const limitOrigin = `${path}:${child.line}: "limits"."${limit}"`;
        entries.push({ name: `limit-${limit}`, value: plain(child), origin: limitOrigin });
      }
    } else {
      throw new ShoalError('InvalidOption', `${origin}: found ${describe(node)} where a JSON object should be`);
    }
  }
  return entries;
}

function isObject(value: JsonNode['value']): value is ReadonlyMap<string, JsonNode> {
  return value instanceof Map;
}

/** Objects and arrays are no option's value; what they hold does not matter to the message that says so. */
function plain(node: JsonNode): unknown {
  if (isObject(node.value)) return {};
  return Array.isArray(node.value) ? [] : node.value;
}

function describe(node: JsonNode): string {
  return JSON.stringify(plain(node));
}
