/** The version of this package, as package.json says it. */
import { readFileSync } from 'node:fs';

/** Reads package.json, which lies two folders above this file in the sources and in the build alike. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
