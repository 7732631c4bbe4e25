/** The connection over which a node sends items to another one: for one move, or for all slots of which the other keeps a replica. */

export type LinkPurpose = 'move' | 'replica';

/** It is opened again by itself after it was lost, until it is closed. */
export interface MoveLink {
  /**
   * Sends a request with this value, `moveItems` or `replicate` as the purpose is; the reply comes as `replied`. Where no connection stands the frame is dropped. The
   * bytes do not change.
   */
  send(frame: Uint8Array): void;
  close(): void;
}

export interface MoveLinkEvents {
  /** A connection stands, over which nothing was sent; what was sent over an earlier one may or may not have come through. */
  up(): void;
  down(): void;
  /** The value of the reply to one of the frames sent. */
  replied(reply: Uint8Array): void;
}
