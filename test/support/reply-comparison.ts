/**
 * Whether our reply to a command is Redis's: to the byte, apart from what one table lists, each row with its reason.
 * (redis-server 7.0 and 7.2 answer alike to every command that the tests here send.)
 */
import type { CommandWords } from './command-words.ts';
import { bulkElements } from './raw-client.ts';

/** How far two servers' answers about one expiry may be apart: they got the command at different moments. */
const TIME_TOLERANCE_MS = 5_000;

/** A COUNT with which one SCAN gives all keys of a test. */
export const WHOLE_SCAN_COUNT = '100000';

interface Leeway {
  readonly reason: string;
  readonly applies: (name: string, command: CommandWords) => boolean;
  readonly accepts: (ours: string, theirs: string) => boolean;
}

const LEEWAYS: readonly Leeway[] = [
  {
    reason: 'keys come in no particular order',
    applies: (name) => name === 'keys' || name === 'scan',
    accepts: (ours, theirs) => sortedKeys(ours) === sortedKeys(theirs),
  },
  {
    reason: 'the index is walked in another order, so only a scan of the whole has the same keys',
    applies: (name, command) => name === 'scan' && !command.includes(WHOLE_SCAN_COUNT),
    accepts: (ours, theirs) => ours.startsWith('*2') && theirs.startsWith('*2'),
  },
  {
    reason: 'any key may be drawn',
    applies: (name) => name === 'randomkey',
    accepts: (ours, theirs) => ours.startsWith('$') && theirs.startsWith('$') && isNil(ours) === isNil(theirs),
  },
  {
    reason: 'the clock goes on between the two servers',
    applies: (name) => name === 'pttl' || name === 'pexpiretime',
    accepts: (ours, theirs) => areNear(ours, theirs, TIME_TOLERANCE_MS),
  },
  {
    reason: 'the clock goes on between the two servers',
    applies: (name) => name === 'ttl' || name === 'expiretime',
    accepts: (ours, theirs) => areNear(ours, theirs, TIME_TOLERANCE_MS / 1000),
  },
  {
    reason: 'the frequency counts to 3 and does not decay by time, where Redis has a logarithmic counter',
    applies: (name, command) => name === 'object' && command[1]?.toLowerCase() === 'freq',
    accepts: areIntegers,
  },
  {
    reason: 'an item takes other bytes here',
    applies: (name) => name === 'memory',
    accepts: areIntegers,
  },
  {
    reason:
      'a whole number that INCRBYFLOAT wrote is kept like any other integer; Redis keeps it as text until the next write',
    applies: (name, command) => name === 'object' && command[1]?.toLowerCase() === 'encoding',
    accepts: (ours, theirs) => ours === '$3\r\nint\r\n' && theirs === '$6\r\nembstr\r\n',
  },
];

/** Whether `ours` answers `command` as `theirs` does. */
export function isSameReply(command: CommandWords, ours: string, theirs: string): boolean {
  if (ours === theirs) return true;
  const name = command[0]!.toLowerCase();
  return LEEWAYS.some((leeway) => leeway.applies(name, command) && leeway.accepts(ours, theirs));
}

/** The reply with its keys in order; SCAN's cursor stays where it is, as a frame. */
function sortedKeys(reply: string): string {
  const elements = bulkElements(reply);
  if (elements === null) return reply;
  const nested = elements.map((element) => (element.startsWith('*') ? sortedKeys(element) : element));
  return JSON.stringify(elements.some((element) => element.startsWith('*')) ? nested : nested.toSorted());
}

function isNil(reply: string): boolean {
  return reply === '$-1\r\n' || reply === '_\r\n';
}

function areIntegers(ours: string, theirs: string): boolean {
  return ours.startsWith(':') && theirs.startsWith(':');
}

/** Two times that are both ahead, or equal answers. */
function areNear(ours: string, theirs: string, tolerance: number): boolean {
  if (!areIntegers(ours, theirs)) return false;
  const left = Number(ours.slice(1));
  const right = Number(theirs.slice(1));
  return left >= 0 && right >= 0 && Math.abs(left - right) <= tolerance;
}
