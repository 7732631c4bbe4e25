/** Where a message goes that is pushed to a connection by somebody else: a published message, a line for MONITOR. */
import type { Session } from './session.ts';

export interface Outbox {
  /**
   * Sends `bytes[start..end)` to the session after what is already on its way; for the session whose command is
   * running, after that command's reply. Copies the bytes.
   */
  deliver(session: Session, bytes: Uint8Array, start: number, end: number): void;
}
