/** What is said of a connection that is closed because of what its peer sent. */
import type { Limits } from '../config/node-options.ts';
import { ShoalError } from '../base/errors.ts';
import type { Log } from './environment.ts';
import type { Session } from './session.ts';
import type { Traffic } from './traffic.ts';

/** Counts and logs `fault`, which a request of `session` threw: its replies passed their limit, or the request met a bug. */
export function reportFault(session: Session, fault: unknown, traffic: Traffic, log: Log): void {
  const address = session.connection.remoteAddress;
  if (fault instanceof ShoalError && fault.code === 'LimitExceeded') {
    traffic.outputLimitCloses += 1;
    log('warn', `closing ${address}: ${fault.message}`);
    return;
  }
  const text = fault instanceof Error ? (fault.stack ?? fault.message) : String(fault);
  log('error', `closing ${address} after a bug in a command: ${text}`);
}

/** Whether more input waits for the session than may, which is then forgotten, and its peer told; the session is to be closed. */
export function refusesInput(session: Session, limits: Limits, traffic: Traffic, log: Log): boolean {
  const { inputBufferBytesMax } = limits;
  const limit = session.holds === 0 ? inputBufferBytesMax : inputBufferBytesMax + HELD_INPUT_BYTES;
  if (session.input.length <= limit || session.closing) return false;
  traffic.inputLimitCloses += 1;
  log('warn', `closing ${session.connection.remoteAddress}: more than ${limit} bytes of input wait`);
  session.codec.refuseConnection(session, `ERR Input buffer limit of ${inputBufferBytesMax} bytes exceeded`);
  session.input.release();
  return true;
}

/** What the transport had read already when its connection was paused. */
const HELD_INPUT_BYTES = 1024 * 1024;
