/**
 * What the kernel says of a running process: resident memory, CPU time, children, and who listens on a port.
 * Linux only: all of it is read from /proc.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Unit of the CPU times in /proc, in µs: Linux shows every process USER_HZ = 100 ticks a second. */
const TICK_US = 10_000;
/** State `LISTEN` in /proc/net/tcp. */
const TCP_LISTEN = '0A';

// Memory that was given back leaves a process after a second or so: it counts as settled when it stayed alike for two.
const SETTLE_POLL_MS = 200;
const SETTLE_POLLS = 10;
const SETTLE_POLLS_MAX = 150;
const SETTLE_TOLERANCE_BYTES = 256 * 1024;

/** Resident memory of the process, in bytes. */
export function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  if (match === null) throw new Error(`process ${pid} states no VmRSS: has it ended?`);
  return Number(match[1]) * 1024;
}

/** Resident memory once it no longer changes, or as it is after 30 s. */
export async function settledResidentBytes(pid: number): Promise<number> {
  let reference = residentBytes(pid);
  let alike = 0;
  let last = reference;
  for (let poll = 0; poll < SETTLE_POLLS_MAX && alike < SETTLE_POLLS; poll += 1) {
    await Bun.sleep(SETTLE_POLL_MS);
    last = residentBytes(pid);
    if (Math.abs(last - reference) <= SETTLE_TOLERANCE_BYTES) alike += 1;
    else {
      reference = last;
      alike = 0;
    }
  }
  return last;
}

/** CPU time of all threads of the process so far, those that ended too: user and system, in µs, in steps of 10 ms. */
export function cpuTimeUs(pid: number): number {
  const line = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The second field is the name in parentheses and may hold spaces, so fields are counted from the last parenthesis: 14 and 15 of proc(5).
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

/** The process and all that came from it, parents first. */
export function processTree(root: number): number[] {
  const pids = [root];
  for (let i = 0; i < pids.length; i += 1) {
    const pid = pids[i] as number;
    for (const thread of listOrNone(`/proc/${pid}/task`)) {
      for (const child of textOrNone(`/proc/${pid}/task/${thread}/children`).split(' ')) {
        if (child !== '') pids.push(Number(child));
      }
    }
  }
  return pids;
}

/** Which process of `candidates` has a socket that listens on `port`; undefined if none. */
export function listeningProcess(port: number, candidates: readonly number[]): number | undefined {
  const sockets = new Set(listeningInodes(port).map((inode) => `socket:[${inode}]`));
  return candidates.find((pid) =>
    listOrNone(`/proc/${pid}/fd`).some((fd) => sockets.has(linkOrNone(`/proc/${pid}/fd/${fd}`))),
  );
}

function listeningInodes(port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const inodes: string[] = [];
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of textOrNone(table).split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(suffix) === true && fields[3] === TCP_LISTEN) inodes.push(fields[9] as string);
    }
  }
  return inodes;
}

// A process may end while it is looked at; then it has nothing to show.
function listOrNone(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function textOrNone(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function linkOrNone(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
