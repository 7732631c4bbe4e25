/** Which connections become sessions. */
import type { Connection } from '../io/transport.ts';
import { RespDecoder } from '../protocol/resp/decoder.ts';
import type { Codec } from './codec.ts';
import type { Clock } from './environment.ts';
import type { MutableContext } from './mutable-context.ts';
import { Session } from './session.ts';

/** A session for a connection that was accepted; null, and counted, where the node has no room for it. */
export function admit(connection: Connection, codec: Codec, context: MutableContext, clock: Clock): Session | null {
  const { limits, node } = context;
  const id = node.clients.admit(limits.connectionCountMax);
  if (id === null) {
    node.clients.rejectedCount += 1;
    return null;
  }
  const session = new Session(id, connection, codec, new RespDecoder(limits), clock.nowMs());
  session.activeAtMs = clock.monotonicMs();
  session.setAuthenticated(node.settings.password === '');
  node.clients.add(session);
  return session;
}
