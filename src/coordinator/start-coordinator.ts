/** Starts a coordinator: a listener, a state store, and a timer around the core, which decides. */
import { FrameServer, type IncomingRequest } from '../control/frame-server.ts';
import { addressText, reachableHost } from '../io/address.ts';
import { RUNTIME_TIME } from '../io/real-time.ts';
import { currentRuntime, newTransport } from '../io/select-transport.ts';
import { CONTROL_BYTES_MAX, encodeMessage } from '../protocol/cluster/messages.ts';
import { decodeCoordinatorRequest } from '../protocol/cluster/message-reader.ts';
import { Opcode, Status } from '../protocol/shoal/frame.ts';
import { type CoordinatorEffect, type CoordinatorEvent, CoordinatorCore } from './core.ts';
import type { StateStore } from './state/state-store.ts';

export interface CoordinatorSettings {
  readonly cluster: string;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** `HOST:PORT` under which nodes and other coordinators reach it; empty: what it listens on. */
  readonly announce: string;
  /** Empty: none. */
  readonly password: string;
  readonly leaseMs: number;
  readonly slotsPerMove: number;
  readonly concurrentMoves: number;
  readonly moveBytesPerSecond: number;
  readonly replicas: number;
  readonly dataWaitMs: number;
}

export interface CoordinatorParts {
  /** Not started yet; stopped with the coordinator. */
  readonly store: StateStore;
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void;
}

export interface RunningCoordinator extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Resolves where it can never work with what is stored; never rejects. It is to be stopped then. */
  readonly failure: Promise<Error>;
  /** Gives the election up, so that another coordinator is elected at once. Nodes go on. */
  stop(): Promise<void>;
}

const TICK_MS = 25;
/** What was refused is told once, and again after this. */
const REFUSALS_EVERY_MS = 10_000;

/** Rejects with a ShoalError where the address cannot be listened on, or the state store can never be used. */
export async function startCoordinator(
  settings: CoordinatorSettings,
  parts: CoordinatorParts,
): Promise<RunningCoordinator> {
  const { store, log } = parts;
  const shell: { current: Shell | null } = { current: null };
  const server = await FrameServer.listen(newTransport(currentRuntime()), {
    host: settings.host,
    port: settings.port,
    password: settings.password,
    valueBytesMax: CONTROL_BYTES_MAX,
    onRequest: (request) => shell.current?.asked(request),
  });
  const { host, port } = server;
  const address = settings.announce === '' ? addressText(reachableHost(host), port) : settings.announce;
  const core = new CoordinatorCore({
    ...settings,
    address,
    store: store.description,
    electedUntilMs: () => store.electedUntilMs(),
  });
  const running = new Shell(core, store, settings.cluster, log);
  shell.current = running;
  try {
    await store.start(address, {
      onElected: (stored) => running.step({ kind: 'elected', stored }),
      onDeposed: (reason, leader) => running.step({ kind: 'deposed', reason, leader }),
      onLeader: (leader) => running.step({ kind: 'leader', leader }),
      onTrouble: (text) => running.step({ kind: 'trouble', text }),
    });
  } catch (error) {
    await server.close();
    await store.close();
    throw error;
  }
  const stopTimer = RUNTIME_TIME.every(TICK_MS, () => running.step({ kind: 'tick' }));
  let stopping: Promise<void> | null = null;
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      stopTimer();
      shell.current = null;
      running.stop();
      await server.close();
      await store.close();
    })();
    return stopping;
  };
  return { host, port, failure: running.failure, stop, [Symbol.asyncDispose]: stop };
}

class Shell {
  private readonly core: CoordinatorCore;
  private readonly store: StateStore;
  private readonly cluster: string;
  private readonly log: CoordinatorParts['log'];
  private readonly requests = new Map<number, IncomingRequest>();
  readonly failure: Promise<Error>;
  private fail: (error: Error) => void = () => undefined;
  private nextRequest = 1;
  private isStopped = false;
  private refusals = { text: '', untilMs: 0 };

  constructor(core: CoordinatorCore, store: StateStore, cluster: string, log: CoordinatorParts['log']) {
    this.core = core;
    this.store = store;
    this.cluster = cluster;
    this.log = log;
    this.failure = new Promise((resolve) => {
      this.fail = resolve;
    });
  }

  asked(request: IncomingRequest): void {
    if (request.opcode !== Opcode.control) {
      request.answer(Status.unknownOpcode, Buffer.from('a coordinator takes control messages only', 'utf8'));
      return;
    }
    const message = decodeCoordinatorRequest(request.value, this.cluster);
    if (message.type === 'refused') {
      this.tellRefusal(message.text);
      request.answer(Status.ok, encodeMessage(message));
      return;
    }
    const number = this.nextRequest++;
    this.requests.set(number, request);
    request.onGone = () => {
      this.requests.delete(number);
      this.step({ kind: 'gone', request: number });
    };
    this.step({ kind: 'asked', request: number, message });
  }

  step(event: CoordinatorEvent): void {
    if (this.isStopped) return;
    for (const effect of this.core.step(event, RUNTIME_TIME.monotonicMs())) this.carryOut(effect);
  }

  stop(): void {
    this.isStopped = true;
  }

  private carryOut(effect: CoordinatorEffect): void {
    switch (effect.kind) {
      case 'answer': {
        const request = this.requests.get(effect.request);
        this.requests.delete(effect.request);
        request?.answer(Status.ok, encodeMessage(effect.answer));
        break;
      }
      case 'write':
        void this.write(effect.value, effect.expectedRevision);
        break;
      case 'log':
        this.log(effect.level, effect.message);
        break;
      case 'giveUp':
        this.fail(effect.error);
        break;
    }
  }

  /** Whoever sends what cannot be read sends it again and again. */
  private tellRefusal(text: string): void {
    const nowMs = RUNTIME_TIME.monotonicMs();
    if (text === this.refusals.text && nowMs < this.refusals.untilMs) return;
    this.refusals = { text, untilMs: nowMs + REFUSALS_EVERY_MS };
    this.log('warn', `refused a message: ${text}`);
  }

  private async write(value: Uint8Array, expectedRevision: number): Promise<void> {
    try {
      const outcome = await this.store.write(value, expectedRevision);
      this.step({ kind: 'written', outcome });
    } catch (error) {
      this.step({ kind: 'writeFailed', text: error instanceof Error ? error.message : String(error) });
    }
  }
}
