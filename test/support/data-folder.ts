/** The files in a node's data folder, as tests damage them. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The path of the newest log or snapshot. */
export function listedFile(folder: string, kind: 'log' | 'snapshot'): string {
  const names = readdirSync(folder).toSorted();
  const name = names.findLast((one) => one.startsWith(`${kind}-`));
  if (name === undefined) throw new Error(`no ${kind} in ${names.join(', ')}`);
  return join(folder, name);
}
