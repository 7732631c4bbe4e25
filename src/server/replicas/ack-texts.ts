/** What clients are told of commands that were done here, and that too few replicas have. */

/** The line of an error, without `-`. */
export function notReplicatedLine(count: number, wanted: number, waitMs: number): string {
  return `NOREPLICAS ${notReplicatedText(count, wanted, waitMs)}`;
}

export function notReplicatedText(count: number, wanted: number, waitMs: number): string {
  return `It was done here, but ${count} of ${wanted} replicas have it after ${waitMs} ms`;
}
