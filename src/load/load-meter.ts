/**
 * How long a phase took and how busy the generator itself was. A generator without a free moment measures itself instead of the
 * server, and must say so. An open loop waits for the next operation's time without sleeping; that time costs CPU but is no work,
 * so it is taken off.
 */

export interface MeterReading {
  readonly wallNs: number;
  /** Work of this process while it ran, in cores: 1 is one core's whole time. */
  readonly busyCores: number;
}

/** From this share of a core on, the generator counts as the bottleneck: it is one thread, which has nothing more to give. */
export const BOTTLENECK_CORES = 0.95;

export class LoadMeter {
  private startNs = 0;
  private startCpuNs = 0;
  private spinNs = 0;
  /** When the turn ended that waits without sleeping; NaN where none waits, or work came in between. */
  private spinSinceNs = NaN;

  begin(): void {
    this.spinNs = 0;
    this.spinSinceNs = NaN;
    this.startCpuNs = cpuNs();
    this.startNs = performance.now() * 1e6;
  }

  /** A turn ends, and the next one follows at once. */
  noteSpin(nowNs: number): void {
    this.spinSinceNs = nowNs;
  }

  /** The next turn begins. */
  noteTurn(nowNs: number): void {
    if (!Number.isNaN(this.spinSinceNs)) this.spinNs += nowNs - this.spinSinceNs;
    this.spinSinceNs = NaN;
  }

  /** Something was done since the last turn. */
  noteWork(): void {
    this.spinSinceNs = NaN;
  }

  read(): MeterReading {
    const wallNs = performance.now() * 1e6 - this.startNs;
    const busyNs = Math.max(0, cpuNs() - this.startCpuNs - this.spinNs);
    return { wallNs, busyCores: wallNs > 0 ? busyNs / wallNs : 0 };
  }
}

function cpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}
