/**
 * The version of this package. package.json says it; a single executable has no such file beside it, so its build puts the
 * version in the place of a name (`scripts/compile.ts`).
 */
import { readFileSync } from 'node:fs';

/** Defined by the build of a single executable, and by nothing else. */
declare const SHOAL_VERSION: string | undefined;

/** package.json lies two folders above this file in the sources and in the build alike. `unknown` where others bundled this file. */
export function packageVersion(): string {
  if (typeof SHOAL_VERSION === 'string') return SHOAL_VERSION;
  try {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    const { name, version } = JSON.parse(text) as { readonly name?: unknown; readonly version?: unknown };
    return name === 'shoal' && typeof version === 'string' ? version : UNKNOWN;
  } catch {
    return UNKNOWN;
  }
}

const UNKNOWN = 'unknown';
