/** The open client connections of one data thread, in the order they came, and what was counted about connections. */
import { Gate } from './session.ts';
import type { ClientType, Session } from './session.ts';
import type { SharedState } from './threads/shared-state.ts';

export class ClientRegistry {
  /** Connections accepted as clients. */
  receivedCount = 0;
  /** Refused because there were too many. */
  rejectedCount = 0;
  private readonly sessions = new Map<number, Session>();
  private readonly shared: SharedState;

  constructor(shared: SharedState) {
    this.shared = shared;
  }

  /** Open connections of the whole node. */
  get nodeCount(): number {
    return this.shared.connectionCount;
  }

  /** An id for one more session, which must be added then; null where the node has `countMax` already. */
  admit(countMax: number): number | null {
    return this.shared.admitConnection(countMax) ? this.shared.takeClientId() : null;
  }

  add(session: Session): void {
    this.receivedCount += 1;
    this.sessions.set(session.id, session);
  }

  remove(session: Session): void {
    if (this.sessions.delete(session.id)) this.shared.dismissConnection();
  }

  get(id: number): Session | null {
    return this.sessions.get(id) ?? null;
  }

  /** All of this thread; safe against removal of the one that was given last. */
  all(): IterableIterator<Session> {
    return this.sessions.values();
  }

  countWhere(matches: (session: Session) => boolean): number {
    let count = 0;
    for (const session of this.sessions.values()) if (matches(session)) count += 1;
    return count;
  }

  resetCounts(): void {
    this.receivedCount = 0;
    this.rejectedCount = 0;
  }
}

/** The type that this word names in CLIENT LIST and CLIENT KILL, or null. */
export function clientTypeNamed(word: string): ClientType | null {
  switch (word.toLowerCase()) {
    case 'normal':
      return 'normal';
    case 'pubsub':
      return 'pubsub';
    case 'master':
      return 'master';
    case 'replica':
    case 'slave':
      return 'replica';
    default:
      return null;
  }
}

/** One line of CLIENT LIST, without its line end, of a session that the data thread `thread` serves. */
export function describeSession(session: Session, thread: number, nowMs: number): string {
  const { connection, input, output, transaction } = session;
  const fields = [
    `id=${session.id}`,
    `addr=${connection.remoteAddress}`,
    `laddr=${connection.localAddress}`,
    'fd=-1',
    `name=${session.name}`,
    `age=${seconds(nowMs - session.connectedAtMs)}`,
    `idle=${seconds(nowMs - session.lastRequestAtMs)}`,
    `flags=${flagsOf(session)}`,
    `db=${session.database}`,
    `sub=${session.channels?.size ?? 0}`,
    `psub=${session.patterns?.size ?? 0}`,
    'ssub=0',
    `multi=${transaction === null ? -1 : transaction.count}`,
    `qbuf=${session.batchBytes + input.length}`,
    `qbuf-free=${input.freeBytes}`,
    'argv-mem=0',
    `multi-mem=${transaction === null ? 0 : transaction.memoryBytes}`,
    'rbs=0',
    'rbp=0',
    'obl=0',
    `oll=${session.unsentBytes > 0 ? 1 : 0}`,
    `omem=${output.capacity + session.retainedBytes}`,
    `tot-mem=${memoryOf(session)}`,
    `events=${session.awaitingDrain ? 'rw' : 'r'}`,
    `cmd=${session.lastCommand === null ? 'NULL' : session.lastCommand.name}`,
    'user=default',
    `redir=${session.tracking?.redirectId ?? -1}`,
    `resp=${session.speaksShoal ? 0 : session.protocol}`,
    `lib-name=${session.libName}`,
    `lib-ver=${session.libVersion}`,
    `tot-net-in=${session.receivedBytes}`,
    `tot-net-out=${session.sentBytes}`,
    `tot-cmds=${session.commandCount}`,
    `io-thread=${thread}`,
  ];
  return fields.join(' ');
}

/** Bytes that a connection's own buffers take; its fixed part is an estimate. */
export function memoryOf(session: Session): number {
  const queued = session.transaction === null ? 0 : session.transaction.memoryBytes;
  return SESSION_BYTES + session.input.bytes.length + session.output.capacity + session.retainedBytes + queued;
}

const SESSION_BYTES = 1024;

function seconds(durationMs: number): number {
  return Math.max(0, Math.floor(durationMs / 1000));
}

function flagsOf(session: Session): string {
  let flags = '';
  if ((session.gates & Gate.monitor) !== 0) flags += 'O';
  if ((session.gates & Gate.subscribed) !== 0) flags += 'P';
  if ((session.gates & Gate.multi) !== 0) flags += 'x';
  if (session.holds !== 0) flags += 'b';
  if (session.tracking !== null) {
    flags += 't';
    if (session.tracking.isRedirectBroken) flags += 'R';
    if (session.tracking.choice.kind === 'prefixes') flags += 'B';
  }
  if (session.closing) flags += 'c';
  if (session.noEvict) flags += 'e';
  if (session.noTouch) flags += 'T';
  return flags === '' ? 'N' : flags;
}
