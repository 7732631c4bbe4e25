/**
 * What can be changed while the node runs: the limits that every part reads from one object, and the password. The
 * node owns its copy, so a change never reaches the options that it was started with.
 */
import { timingSafeEqual } from 'node:crypto';
import { OPTIONS, RELATIONS } from '../config/options.ts';
import type { Limits, NodeOptions } from '../config/node-options.ts';

export type LimitName = keyof Limits;

/**
 * Descriptors kept back from client connections: the runtime's own, the listener, and refused connections that are being told so.
 */
const RESERVED_DESCRIPTORS = 64;

export class Settings {
  readonly limits: Limits;
  password: string;
  /** Above this much used memory no command that takes more runs; at most what the store was made with. */
  memoryLimitBytes: number;
  /** Writes are refused while there are fewer replicas than this: with none at all, from 1 on. */
  replicaCountMin = 0;
  private readonly options: NodeOptions;
  private readonly connectionCountBound: number;

  /** `descriptorCountMax`: what the process may have open at once; no more connections are let in than that has room for. */
  constructor(options: NodeOptions, descriptorCountMax: number) {
    this.options = options;
    this.connectionCountBound = Math.max(1, descriptorCountMax - RESERVED_DESCRIPTORS);
    this.limits = { ...options.limits };
    this.limits.connectionCountMax = Math.min(options.limits.connectionCountMax, this.connectionCountBound);
    this.password = options.password;
    this.memoryLimitBytes = options.memoryBytes;
  }

  /** Whether `given` is the password; takes the same time whatever it is. */
  isPassword(given: Uint8Array): boolean {
    const expected = Buffer.from(this.password, 'utf8');
    // Comparing the longer of both with itself keeps the time from telling the password's length.
    const same = given.length === expected.length;
    return timingSafeEqual(expected, same ? given : expected) && same;
  }

  /**
   * Sets a limit, if its own range and its relations to others allow it. Returns what is wrong, or null.
   * `unit`: what the peer counts in, for the text (1000 for seconds of a limit in ms).
   */
  setLimit(name: LimitName, value: number, unit = 1): string | null {
    const spec = OPTIONS[`limits.${name}`];
    const zeroAllowed = spec.zero !== undefined;
    if (!(zeroAllowed && value === 0) && (value < spec.min || value > spec.max)) {
      const least = zeroAllowed ? 0 : Math.ceil(spec.min / unit);
      return `argument must be between ${least} and ${Math.floor(spec.max / unit)} inclusive`;
    }
    if (name === 'connectionCountMax' && value > this.connectionCountBound) {
      return 'The operating system is not able to handle the specified number of clients, try with a higher open-file limit (ulimit -n)';
    }
    const before = this.limits[name];
    this.limits[name] = value;
    const broken = this.brokenRelation();
    if (broken !== null) this.limits[name] = before;
    return broken;
  }

  /**
   * Lowers the memory limit, or lifts it back (0: to the memory of the store, which is reserved for good). Only where nothing is
   * evicted: an evicting store keeps its memory full, so all writes would be refused from then on.
   */
  setMemoryLimit(bytes: number): string | null {
    const { memoryBytes, eviction } = this.options;
    const wanted = bytes === 0 ? memoryBytes : bytes;
    if (wanted > memoryBytes)
      return `the memory cannot grow beyond the ${memoryBytes} bytes that the server was started with`;
    if (wanted < memoryBytes && eviction !== 'noeviction') {
      return 'with eviction on, the memory cannot shrink while the server runs: start it with another value';
    }
    this.memoryLimitBytes = wanted;
    return null;
  }

  get isMemoryLimited(): boolean {
    return this.memoryLimitBytes < this.options.memoryBytes;
  }

  private brokenRelation(): string | null {
    for (const { smaller, larger, factor = 1, room = 0, because } of RELATIONS) {
      if (!larger.startsWith('limits.')) continue;
      if (this.valueOf(smaller) * factor + room > this.valueOf(larger)) return because;
    }
    return null;
  }

  private valueOf(key: string): number {
    if (key.startsWith('limits.')) return this.limits[key.slice('limits.'.length) as LimitName];
    const value = this.options[key as keyof NodeOptions];
    return typeof value === 'number' ? value : 0;
  }
}
