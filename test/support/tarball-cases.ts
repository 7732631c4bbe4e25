/** A contract's cases over the packed tarball, as an application has it, on Node and on Bun. */
import { describe } from 'bun:test';
import { join } from 'node:path';
import type { TestApi } from '../contracts/client-contract.ts';
import { defineCasesElsewhere } from './node-cases.ts';
import { packedPackage } from './packed-package.ts';

/** `entry`: the contract's runner (see case-runner.ts), which imports the package by its name. */
export function defineCasesFromTarball(what: string, entry: string, define: (test: TestApi) => void): void {
  for (const program of ['node', 'bun'] as const) {
    describe(`${what} from the packed tarball on ${program}`, () => {
      defineCasesElsewhere({ entry, program, external: ['shoal/*'], packageFolder }, define);
    });
  }
}

async function packageFolder(): Promise<string> {
  return join((await packedPackage()).application, 'node_modules', 'shoal');
}
