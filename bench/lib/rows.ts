/**
 * What was measured of one workload on one server: its turns, and what they come to. A ratio is taken within each round, between
 * turns that followed each other closely, since the machine drifts; what is told is the median of these ratios, and their ends.
 */
import type { Histogram } from '../../src/load/histogram.ts';
import { OWN_NAMES } from './roster.ts';
import { median, spread, type Spread } from './statistics.ts';
import type { Workload } from './workloads.ts';

/** One run of a workload on one server. */
export interface Turn {
  readonly round: number;
  readonly operations: number;
  readonly requestsPerSecond: number;
  readonly serverCpuUsPerOperation: number;
  /** CPU time of the server, and of the busiest generator process, in cores. */
  readonly serverCpuShare: number;
  readonly generatorCpuShare: number;
  readonly latencyUs: { readonly p50: number; readonly p99: number; readonly p999: number };
  readonly latencyNs: Histogram;
  readonly residentBytes: number;
  readonly misses: number;
  readonly errors: number;
  readonly firstError: string | null;
  readonly unsent: number;
}

/** What is compared with a peer: Shoal's figure by the peer's. */
export const METRICS = ['cpu', 'throughput', 'p50', 'p99', 'p9999', 'longest'] as const;
export type Metric = (typeof METRICS)[number];
export type Ratios = Readonly<Record<Metric, Spread>>;

export interface Measured {
  readonly workload: Workload;
  readonly server: string;
  readonly threads: number;
  /** How it was set up, where that was chosen by trying; empty otherwise. */
  readonly settings: string;
  readonly turns: readonly Turn[];
  /** Why there are no more turns, or null. */
  readonly failure: string | null;
  /** Open loop: requests a second that were offered. Null: as many as were answered. */
  readonly offeredPerSecond: number | null;
  /** Whether server and generator shared their cores. */
  readonly sharedCores: boolean;
}

export interface Row extends Omit<Measured, 'turns' | 'workload'> {
  readonly workload: string;
  readonly part: string;
  readonly title: string;
  readonly requestsPerSecond: Spread;
  readonly serverCpuUsPerOperation: Spread;
  readonly serverCpuShare: number;
  readonly generatorCpuShare: number;
  /** Medians of the turns. */
  readonly latencyUs: { readonly p50: number; readonly p99: number; readonly p999: number };
  /** Of all turns together. */
  readonly wholeLatencyUs: { readonly p9999: number; readonly longest: number };
  readonly residentBytes: number;
  readonly operations: number;
  readonly misses: number;
  readonly errors: number;
  readonly firstError: string | null;
  readonly unsent: number;
  readonly note: string;
  /** Each turn by itself, for who wants to look closer. */
  readonly turns: readonly Omit<Turn, 'latencyNs'>[];
  /** For Shoal's rows: beside each peer of the same run. */
  readonly ratios: Readonly<Record<string, Ratios>>;
}

/** From this part of a core on, the generator has nothing more to give. */
const SATURATED = 0.9;
/** With enough connections one of the two is always at work; where neither reaches this part of its core, others took it. */
const BUSY = 0.7;

/** The rows of one workload: all servers of it were measured in the same rounds. */
export function summarize(all: readonly Measured[]): readonly Row[] {
  const peers = all.filter((one) => !OWN_NAMES.includes(one.server) && one.turns.length > 0);
  return all.map((one) => {
    const { workload, turns, ...rest } = one;
    const middle = (pick: (turn: Turn) => number): number => median(turns.map(pick));
    const sum = (pick: (turn: Turn) => number): number => turns.reduce((total, turn) => total + pick(turn), 0);
    const isOwn = OWN_NAMES.includes(one.server);
    return {
      ...rest,
      workload: workload.name,
      part: workload.part,
      title: workload.title,
      requestsPerSecond: spread(turns.map((turn) => turn.requestsPerSecond)),
      serverCpuUsPerOperation: spread(turns.map((turn) => turn.serverCpuUsPerOperation)),
      serverCpuShare: middle((turn) => turn.serverCpuShare),
      generatorCpuShare: middle((turn) => turn.generatorCpuShare),
      latencyUs: {
        p50: middle((turn) => turn.latencyUs.p50),
        p99: middle((turn) => turn.latencyUs.p99),
        p999: middle((turn) => turn.latencyUs.p999),
      },
      wholeLatencyUs: wholeLatencyUs(turns),
      residentBytes: middle((turn) => turn.residentBytes),
      operations: sum((turn) => turn.operations),
      misses: sum((turn) => turn.misses),
      errors: sum((turn) => turn.errors),
      firstError: turns.find((turn) => turn.firstError !== null)?.firstError ?? null,
      unsent: sum((turn) => turn.unsent),
      note: noteOf(one),
      turns: turns.map(withoutHistogram),
      ratios: isOwn ? Object.fromEntries(peers.map((peer) => [peer.server, ratiosOf(turns, peer.turns)])) : {},
    };
  });
}

function withoutHistogram(turn: Turn): Omit<Turn, 'latencyNs'> {
  const { latencyNs: _latencyNs, ...figures } = turn;
  return figures;
}

/** Of our turns to those of a peer, round by round; of what is rare, p99.99 and the longest, that of all rounds together. */
function ratiosOf(own: readonly Turn[], peer: readonly Turn[]): Ratios {
  const paired = (pick: (turn: Turn) => number): Spread =>
    spread(
      own.flatMap((turn) => {
        const other = peer.find((one) => one.round === turn.round);
        return other === undefined ? [] : [pick(turn) / pick(other)];
      }),
    );
  const [ownWhole, peerWhole] = [wholeLatencyUs(own), wholeLatencyUs(peer)];
  return {
    cpu: paired((turn) => turn.serverCpuUsPerOperation),
    throughput: paired((turn) => turn.requestsPerSecond),
    p50: paired((turn) => turn.latencyUs.p50),
    p99: paired((turn) => turn.latencyUs.p99),
    p9999: spread([ownWhole.p9999 / peerWhole.p9999]),
    longest: spread([ownWhole.longest / peerWhole.longest]),
  };
}

function wholeLatencyUs(turns: readonly Turn[]): Row['wholeLatencyUs'] {
  const [first, ...others] = turns;
  if (first === undefined) return { p9999: NaN, longest: NaN };
  const whole = first.latencyNs.copy();
  for (const turn of others) whole.add(turn.latencyNs);
  return { p9999: whole.quantile(0.9999) / 1000, longest: whole.max / 1000 };
}

/** What else, besides the server, decided the throughput and latency of a row. CPU per operation stays comparable. */
function noteOf(measured: Measured): string {
  return [measured.settings, whatElseDecided(measured)].filter((part) => part !== '').join('; ');
}

function whatElseDecided({ turns, failure, sharedCores, offeredPerSecond }: Measured): string {
  // A server's own words may have several lines; a note has one.
  if (failure !== null) return `failed: ${failure.replaceAll(/\s+/g, ' ')}`;
  const server = median(turns.map((turn) => turn.serverCpuShare));
  const generator = median(turns.map((turn) => turn.generatorCpuShare));
  if (turns.some((turn) => turn.unsent > 0)) return 'did not keep up with the offered load';
  if (sharedCores) return 'server and generator share the cores: throughput is of both together';
  if (turns.some((turn) => turn.generatorCpuShare > SATURATED && turn.serverCpuShare < SATURATED)) {
    return 'generator saturated: throughput and latency are its own';
  }
  const bothWaited = offeredPerSecond === null && server < BUSY && generator < BUSY;
  return bothWaited ? 'other work on the machine: repeat when it is quiet' : '';
}
