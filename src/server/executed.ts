/** What became of a request that was read. */
export const Executed = {
  done: 0,
  /** CLIENT PAUSE: nothing happened, the same bytes are to be offered again later. */
  postponed: 1,
  /** Somebody speaks HTTP to us: close the connection without a word. */
  hostile: 2,
  /** It is answered later: no reply was written, and the next request must wait. */
  blocked: 3,
  /** Nothing happened: the node in `slots.owner` has the keys, and the request is to be passed on to it. */
  elsewhere: 4,
  /** Nothing happened: it must come after all that other nodes are still to answer; the same bytes are to be offered again then. */
  behindOthers: 5,
  /** Nothing happened: the keys are in several slots, and the request is to be passed on in parts. */
  split: 6,
} as const;
export type Executed = (typeof Executed)[keyof typeof Executed];
