/** Which cores the server gets, and which the load generator. All servers of a run get the same. */

export interface Placement {
  /** Empty: nothing is pinned. */
  readonly serverCores: readonly number[];
  readonly generatorCores: readonly number[];
  /** Whether server and generator take time from each other, so that throughput is that of both together. */
  readonly shared: boolean;
}

/**
 * The first cores for the server, one for each of its threads, and the rest for the generator. Where none would be left, both
 * get all of them: a server with as many threads as there are cores is measured so on every machine.
 */
export function place(coreCount: number, threads: number): Placement {
  if (coreCount < 2) return { serverCores: [], generatorCores: [], shared: true };
  const cores = Array.from({ length: coreCount }, (_, core) => core);
  return threads < coreCount
    ? { serverCores: cores.slice(0, threads), generatorCores: cores.slice(threads), shared: false }
    : { serverCores: cores, generatorCores: cores, shared: true };
}

/** As taskset wants it; undefined: nothing is pinned. */
export function coreList(cores: readonly number[]): string | undefined {
  return cores.length === 0 ? undefined : cores.join(',');
}

/** For people: `server on cores 0,1, generator on 2,3`. */
export function describePlacement({ serverCores, generatorCores, shared }: Placement): string {
  if (serverCores.length === 0) return 'nothing pinned';
  if (shared) return `server and generator on the same cores ${serverCores.join(',')}`;
  return `server on core ${serverCores.join(',')}, generator on core ${generatorCores.join(',')}`;
}

/** Thread counts of `--threads`, such as `1,2,4`; by default the powers of two up to the number of cores, and that number. Throws on anything else. */
export function parseThreadCounts(option: string | undefined, coreCount: number): readonly number[] {
  if (option === undefined) {
    const counts = new Set<number>([coreCount]);
    for (let count = 1; count < coreCount; count *= 2) counts.add(count);
    return [...counts].toSorted((a, b) => a - b);
  }
  return option.split(',').map((text) => {
    const count = Number(text);
    if (/^\d+$/.test(text.trim()) && count >= 1 && count <= THREADS_MAX) return count;
    throw new Error(
      `--threads: ${JSON.stringify(text)} is no number of threads; give 1 to ${THREADS_MAX}, with commas between`,
    );
  });
}

const THREADS_MAX = 64;
