/** What a session has elsewhere than in itself. */
import type { StoreApi } from '../store/api.ts';
import type { NodeServices } from './node-services.ts';
import { Gate, type Session } from './session.ts';

/** Drops what the session has in the store and the hubs: transaction, watches, subscriptions, tracking, MONITOR. */
export function clearSession(session: Session, store: StoreApi, node: NodeServices): void {
  node.pubsub.removeSession(session);
  node.tracking.disable(session);
  node.topologyWaits.forget(session);
  if ((session.gates & Gate.monitor) !== 0) node.monitors.remove(session);
  session.endTransaction(store);
}
