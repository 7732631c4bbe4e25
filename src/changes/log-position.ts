/** Positions of the change log: the sequence number of a record, which stands for all that came before it. They come round after 2^32 records. */

/** Whether `left` is before `right`. Means nothing where 2^31 records or more lie between them. */
export function isBefore(left: number, right: number): boolean {
  return ((left - right) | 0) < 0;
}

/** Records from `left` to `right`; below 0 where `right` is before `left`. */
export function recordsBetween(left: number, right: number): number {
  return (right - left) | 0;
}
