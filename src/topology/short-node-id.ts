/** The digits of a node's id by which people tell nodes apart. */
export function shortNodeId(id: string): string {
  return id.slice(0, LENGTH_SHOWN);
}

const LENGTH_SHOWN = 8;
