/** A coordinator of a run: the real core, in a shell of virtual time, simulated calls and a simulated state store. */
import { CoordinatorCore, type CoordinatorEffect, type CoordinatorEvent } from '../src/coordinator/core.ts';
import { ShoalError } from '../src/base/errors.ts';
import { decodeCoordinatorRequest } from '../src/protocol/cluster/message-reader.ts';
import { type CoordinatorAnswer, encodeMessage } from '../src/protocol/cluster/messages.ts';
import { withLaggingFirst } from './bugs.ts';
import type { Reply } from './calls.ts';
import type { SimProcess } from './process.ts';
import { CLUSTER_NAME } from './scenario.ts';
import { SimStateStore } from './state-client.ts';
import type { World } from './world.ts';

const TICK_MS = 25;
export const LEASE_MS = 2000;
const CONCURRENT_MOVES = 4;
/** Few runs move slots in groups as small as the product does; fewer and larger ones leave time for more runs. */
const SLOTS_PER_MOVE = [512, 1024, 2048, 4096] as const;

export class SimCoordinator {
  readonly process: SimProcess;
  private readonly world: World;
  private readonly address: string;
  private readonly store: SimStateStore;
  private readonly core: CoordinatorCore;
  private readonly requests = new Map<number, Reply<Uint8Array>>();
  private nextRequest = 1;

  constructor(world: World, place: string, address: string) {
    const { scheduler, network, stateService: service, stateTrouble: trouble, scenario } = world;
    this.world = world;
    this.address = address;
    this.process = world.newProcess(place);
    const chance = world.chance(`coordinator ${place} ${scheduler.step}`);
    const { process } = this;
    this.store = new SimStateStore({
      kind: scenario.stateStore,
      service,
      trouble,
      process,
      scheduler,
      network,
      chance,
    });
    this.core = new CoordinatorCore({
      cluster: CLUSTER_NAME,
      address,
      store: this.store.description,
      leaseMs: LEASE_MS,
      // The same for all of a run, whoever leads.
      slotsPerMove: world.chance('slots per move').pick(SLOTS_PER_MOVE),
      concurrentMoves: CONCURRENT_MOVES,
      moveBytesPerSecond: 0,
      replicas: scenario.replicas,
      dataWaitMs: 0,
      electedUntilMs: () => this.store.electedUntilMs(),
    });
  }

  start(): void {
    const { world, process, address } = this;
    world.control.listen(address, { process, handle: (bytes, reply) => this.onRequest(bytes, reply) });
    void this.store.start(address, {
      onElected: (stored) => this.step({ kind: 'elected', stored }),
      onDeposed: (reason, leader) => this.step({ kind: 'deposed', reason, leader }),
      onLeader: (leader) => this.step({ kind: 'leader', leader }),
      onTrouble: (text) => this.step({ kind: 'trouble', text }),
    });
    this.tick();
  }

  private tick(): void {
    this.process.after(TICK_MS, () => {
      this.step({ kind: 'tick' });
      this.tick();
    });
  }

  private onRequest(bytes: Uint8Array, reply: Reply<Uint8Array>): void {
    const message = decodeCoordinatorRequest(bytes, CLUSTER_NAME);
    if (message.type === 'refused') {
      reply(encodeMessage(message));
      return;
    }
    const request = this.nextRequest;
    this.nextRequest += 1;
    this.requests.set(request, reply);
    const heard = this.world.bug === 'promoteLagging' ? withLaggingFirst(message) : message;
    this.step({ kind: 'asked', request, message: heard });
  }

  private step(event: CoordinatorEvent): void {
    for (const effect of this.core.step(event, this.process.monotonicMs)) this.carryOut(effect);
  }

  private carryOut(effect: CoordinatorEffect): void {
    switch (effect.kind) {
      case 'answer':
        this.answer(effect.request, effect.answer);
        return;
      case 'write':
        this.store.submit(effect.value, effect.expectedRevision, (outcome) => {
          if (outcome instanceof ShoalError) this.step({ kind: 'writeFailed', text: outcome.message });
          else this.step({ kind: 'written', outcome });
        });
        return;
      case 'log':
        this.world.trace.note(this.process.name, () => `${effect.level}: ${effect.message}`);
        return;
      case 'giveUp':
        // What was stored is what a coordinator wrote, so this is a bug wherever it comes from.
        throw effect.error;
    }
  }

  private answer(request: number, answer: CoordinatorAnswer): void {
    const reply = this.requests.get(request);
    this.requests.delete(request);
    reply?.(encodeMessage(answer));
  }
}
