/**
 * Bytes and requests over time, for INFO: totals, and rates over the last seconds from samples of the totals that the
 * periodic tick takes.
 */
export class Traffic {
  receivedBytes = 0;
  sentBytes = 0;
  readCount = 0;
  writeCount = 0;
  /** Connections closed for a limit: output too slow or too much, input too long, idle for too long. */
  outputLimitCloses = 0;
  inputLimitCloses = 0;
  idleCloses = 0;
  protocolErrors = 0;

  private readonly times = new Float64Array(SAMPLE_COUNT);
  private readonly calls = new Float64Array(SAMPLE_COUNT);
  private readonly received = new Float64Array(SAMPLE_COUNT);
  private readonly sent = new Float64Array(SAMPLE_COUNT);
  private sampleCount = 0;

  /** Remembers the totals as of `monotonicMs`. */
  sample(monotonicMs: number, totalCalls: number): void {
    const index = this.sampleCount % SAMPLE_COUNT;
    this.times[index] = monotonicMs;
    this.calls[index] = totalCalls;
    this.received[index] = this.receivedBytes;
    this.sent[index] = this.sentBytes;
    this.sampleCount += 1;
  }

  callsPerSecond(): number {
    return Math.round(this.rate(this.calls));
  }

  receivedBytesPerSecond(): number {
    return this.rate(this.received);
  }

  sentBytesPerSecond(): number {
    return this.rate(this.sent);
  }

  /** The samples go too: totals that went back to zero would give negative rates. */
  reset(): void {
    this.receivedBytes = 0;
    this.sentBytes = 0;
    this.readCount = 0;
    this.writeCount = 0;
    this.outputLimitCloses = 0;
    this.inputLimitCloses = 0;
    this.idleCloses = 0;
    this.protocolErrors = 0;
    this.sampleCount = 0;
  }

  private rate(totals: Float64Array): number {
    if (this.sampleCount < 2) return 0;
    const newest = (this.sampleCount - 1) % SAMPLE_COUNT;
    const oldest = this.sampleCount <= SAMPLE_COUNT ? 0 : this.sampleCount % SAMPLE_COUNT;
    const elapsedMs = this.times[newest]! - this.times[oldest]!;
    return elapsedMs <= 0 ? 0 : ((totals[newest]! - totals[oldest]!) * 1000) / elapsedMs;
  }
}

const SAMPLE_COUNT = 16;
