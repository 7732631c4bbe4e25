/**
 * Who holds a folder, and whether that process is still there. A process number alone does not say: numbers are used again,
 * and mean something else in another container or on another machine that shares the folder. So a holder also states when
 * it began, in which process namespace and since which start of the machine; only where the last two are ours does /proc
 * answer the question. Where they are not, the answer is `unknown`, and the lock's counter decides (folder-lock.ts).
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface ProcessIdentity {
  /** 16 hex digits, new for each holder: two in one process are two. */
  readonly id: string;
  readonly pid: number;
  /** When the process began, in ticks since the machine started; null where there is no /proc. */
  readonly began: string | null;
  /** This start of the machine; null where there is no /proc. */
  readonly boot: string | null;
  /** The process namespace, which a container has of its own; null where there is no /proc. */
  readonly namespace: string | null;
  readonly host: string;
  /** Where it serves, for people. */
  readonly address: string;
}

/** `missing`: no process has the number. `began` is null where that cannot be seen. */
export type ProcessState = { readonly kind: 'missing' } | { readonly kind: 'running'; readonly began: string | null };

export type Verdict = 'alive' | 'dead' | 'unknown';

const ID_BYTES = 8;

/** A new holder in this process. */
export function ownIdentity(address: string): ProcessIdentity {
  const state = processState(process.pid);
  return {
    id: randomBytes(ID_BYTES).toString('hex'),
    pid: process.pid,
    began: state.kind === 'running' ? state.began : null,
    boot: textOf(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    namespace: textOf(() => readlinkSync('/proc/self/ns/pid')),
    host: hostname(),
    address,
  };
}

/** Whether the process that `other` names still runs, as far as a process with the identity `own` can know. */
export function judge(
  other: ProcessIdentity,
  own: ProcessIdentity,
  look: (pid: number) => ProcessState = processState,
): Verdict {
  if (own.boot === null || own.namespace === null) {
    // No /proc: a number that nobody has is free, but one that somebody has may have been given out again.
    const sameMachine = other.boot === null && other.namespace === null && other.host === own.host;
    return sameMachine && look(other.pid).kind === 'missing' ? 'dead' : 'unknown';
  }
  if (other.boot !== own.boot || other.namespace !== own.namespace) return 'unknown';
  const state = look(other.pid);
  if (state.kind === 'missing') return 'dead';
  if (state.began === null || other.began === null) return 'unknown';
  return state.began === other.began ? 'alive' : 'dead';
}

/** What the system says of a process number. */
export function processState(pid: number): ProcessState {
  try {
    // `pid (name) state ppid …`; the name may hold spaces and brackets, so what follows it is found from its end.
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // A process that was killed and not yet waited for runs no more.
    if (fields[0] === 'Z' || fields[0] === 'X') return { kind: 'missing' };
    return { kind: 'running', began: fields[BEGAN_FIELD] ?? null };
  } catch {
    return isThere(pid) ? { kind: 'running', began: null } : { kind: 'missing' };
  }
}

/** Index of the start time among the fields after the name. */
const BEGAN_FIELD = 19;

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function textOf(read: () => string): string | null {
  try {
    return read();
  } catch {
    return null;
  }
}

/** The identity that a JSON text holds, or null where it holds none. */
export function parseIdentity(text: string): ProcessIdentity | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof parsed !== 'object' || parsed === null) return null;
  const { id, pid, began, boot, namespace, host, address } = parsed as Record<string, unknown>;
  const isTextOrNull = (value: unknown): value is string | null => value === null || typeof value === 'string';
  if (typeof id !== 'string' || typeof host !== 'string' || typeof address !== 'string') return null;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 1) return null;
  if (!isTextOrNull(began) || !isTextOrNull(boot) || !isTextOrNull(namespace)) return null;
  return { id, pid, began, boot, namespace, host, address };
}
