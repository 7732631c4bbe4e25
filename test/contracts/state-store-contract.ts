/** What every state store of a coordinator does: named cases that know it only through its interface. */
import assert from 'node:assert/strict';
import { ShoalError } from '../../src/base/errors.ts';
import { STATE_BYTES_MAX, type StateStore, type StoredState } from '../../src/coordinator/state/state-store.ts';
import { failureOf } from '../support/failure-of.ts';
import { patternedBytes } from '../support/patterned-bytes.ts';
import { RecordingListener } from '../support/state-listener.ts';

export interface StateWorld {
  /** One more coordinator of the same cluster, not started. */
  open(): StateStore;
  /** ms of the clock that the stores use. */
  nowMs(): number;
}

export interface StateContract {
  /** A world of its own, in which nothing is stored. */
  readonly newWorld: () => StateWorld;
  /** Whether a second coordinator waits for the first; else it is refused. */
  readonly several: boolean;
}

const ADDRESS = '10.0.0.1:7500';
const NONE = new Uint8Array(0);

/** Bytes that no other length begins with. */
function bytesOf(length: number): Uint8Array {
  return patternedBytes(length, length);
}

class Coordinator implements AsyncDisposable {
  readonly store: StateStore;
  readonly listener = new RecordingListener();

  constructor(store: StateStore) {
    this.store = store;
  }

  static async elected(world: StateWorld): Promise<Coordinator> {
    const coordinator = new Coordinator(world.open());
    await coordinator.store.start(ADDRESS, coordinator.listener);
    return coordinator;
  }

  async state(): Promise<StoredState> {
    return (await this.listener.next('elected')).state;
  }

  /** Writes onto what was written last, and returns the new revision. */
  async write(value: Uint8Array, expectedRevision: number): Promise<number> {
    const outcome = await this.store.write(value, expectedRevision);
    assert.equal(outcome.kind, 'written');
    return outcome.kind === 'written' ? outcome.revision : -1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
  }
}

export function defineStateStoreContract(
  { newWorld, several }: StateContract,
  test: (name: string, body: () => Promise<void>) => void,
): void {
  test('the first coordinator is elected, and finds nothing', async () => {
    const world = newWorld();
    await using one = await Coordinator.elected(world);
    assert.deepEqual(await one.state(), { revision: 0, value: NONE });
    assert.ok(one.store.electedUntilMs() > world.nowMs());
  });

  test('what was written is what the next one is elected with', async () => {
    const world = newWorld();
    const values = [Uint8Array.from({ length: 256 }, (_, byte) => byte), NONE, bytesOf(5000), NONE];
    let stored: StoredState = { revision: 0, value: NONE };
    for (const value of values) {
      await using one = await Coordinator.elected(world);
      assert.deepEqual(await one.state(), stored);
      const revision = await one.write(value, stored.revision);
      assert.ok(revision > stored.revision);
      stored = { revision, value };
    }
    await using last = await Coordinator.elected(world);
    assert.deepEqual(await last.state(), stored);
  });

  test('revisions grow with each write', async () => {
    await using one = await Coordinator.elected(newWorld());
    const revisions = [0];
    for (let count = 0; count < 20; count += 1) {
      revisions.push(await one.write(bytesOf(count), revisions.at(-1) ?? 0));
    }
    assert.deepEqual(
      revisions,
      [...new Set(revisions)].toSorted((a, b) => a - b),
    );
  });

  test('a write onto another revision writes nothing, and says what is there', async () => {
    const world = newWorld();
    {
      await using one = await Coordinator.elected(world);
      assert.deepEqual(await one.store.write(NONE, 1), { kind: 'conflict', state: { revision: 0, value: NONE } });
      const first = await one.write(bytesOf(10), 0);
      const state = { revision: await one.write(bytesOf(20), first), value: bytesOf(20) };
      for (const wrong of [0, first, state.revision + 1, Number.MAX_SAFE_INTEGER]) {
        assert.deepEqual(await one.store.write(bytesOf(30), wrong), { kind: 'conflict', state });
      }
    }
    await using two = await Coordinator.elected(world);
    assert.deepEqual((await two.state()).value, bytesOf(20));
  });

  test('of writes onto one revision that are sent together, one is done', async () => {
    await using one = await Coordinator.elected(newWorld());
    const values = [1, 2, 3, 4, 5].map((length) => bytesOf(length));
    const outcomes = await Promise.all(values.map((value) => one.store.write(value, 0)));
    const written = outcomes.flatMap((outcome, index) => (outcome.kind === 'written' ? [{ outcome, index }] : []));
    assert.equal(written.length, 1);
    for (const outcome of outcomes) {
      if (outcome.kind !== 'conflict') continue;
      assert.deepEqual(outcome.state.value, values[written[0]?.index ?? -1]);
    }
  });

  test('the bytes of a value may be used again as soon as write was called', async () => {
    await using one = await Coordinator.elected(newWorld());
    const bytes = bytesOf(100);
    const writing = one.write(bytes, 0);
    bytes.fill(0);
    await writing;
    const outcome = await one.store.write(NONE, 0);
    assert.deepEqual(outcome.kind === 'conflict' ? outcome.state.value : null, bytesOf(100));
  });

  test('the longest value comes back whole, and a longer one is refused and changes nothing', async () => {
    const world = newWorld();
    const longest = bytesOf(STATE_BYTES_MAX);
    {
      await using one = await Coordinator.elected(world);
      const revision = await one.write(longest, 0);
      const failure = await failureOf(one.store.write(new Uint8Array(STATE_BYTES_MAX + 1), revision));
      assert.equal(failure instanceof ShoalError ? failure.code : failure, 'InvalidArgument');
    }
    await using two = await Coordinator.elected(world);
    assert.equal(Buffer.compare((await two.state()).value, longest), 0);
  });

  test('who is not elected writes nothing: before the start, and after the end', async () => {
    const world = newWorld();
    const store = world.open();
    assert.equal(store.electedUntilMs(), -Infinity);
    assert.deepEqual(await store.write(bytesOf(1), 0), { kind: 'notElected' });
    await store.start(ADDRESS, new RecordingListener());
    await store.close();
    assert.equal(store.electedUntilMs(), -Infinity);
    assert.deepEqual(await store.write(bytesOf(1), 0), { kind: 'notElected' });
    await using next = await Coordinator.elected(world);
    assert.equal((await next.state()).revision, 0);
  });

  test('close may come twice, or without a start', async () => {
    const world = newWorld();
    const never = world.open();
    await never.close();
    await never.close();
    await using one = await Coordinator.elected(world);
    await one.store.close();
  });

  test('the listener is called outside of every call, and never after close', async () => {
    const world = newWorld();
    const store = world.open();
    let inside = false;
    let closed = false;
    const calls: string[] = [];
    const called = (name: string) => (): void => {
      assert.ok(!inside && !closed, `${name} was called inside of another call, or after close`);
      calls.push(name);
      inside = true;
      assert.ok(store.electedUntilMs() > world.nowMs());
      store.write(NONE, 999).catch((error: unknown) => assert.ok(error instanceof ShoalError));
      inside = false;
    };
    await new Promise<void>((resolve, reject) => {
      const listener = {
        onElected: () => {
          called('onElected')();
          resolve();
        },
        onDeposed: called('onDeposed'),
        onLeader: called('onLeader'),
        onTrouble: called('onTrouble'),
      };
      store.start(ADDRESS, listener).catch(reject);
    });
    await store.close();
    closed = true;
    await using next = await Coordinator.elected(world);
    await next.state();
    assert.deepEqual(
      calls.filter((name) => name !== 'onLeader'),
      ['onElected'],
    );
  });

  if (several) defineSeveral(newWorld, test);
  else defineOnlyOne(newWorld, test);
}

function defineSeveral(newWorld: () => StateWorld, test: (name: string, body: () => Promise<void>) => void): void {
  test('the second waits, knows the first by its address, and is elected when that one closes', async () => {
    const world = newWorld();
    const one = await Coordinator.elected(world);
    await one.state();
    await using two = new Coordinator(world.open());
    await two.store.start('10.0.0.2:7500', two.listener);
    assert.equal((await two.listener.next('leader', ({ leader }) => leader !== null)).leader, ADDRESS);
    assert.equal(two.store.electedUntilMs(), -Infinity);
    assert.deepEqual(await two.store.write(bytesOf(1), 0), { kind: 'notElected' });
    const revision = await one.write(bytesOf(50), 0);
    await one.store.close();
    assert.deepEqual(await two.state(), { revision, value: bytesOf(50) });
    assert.equal(await two.write(bytesOf(60), revision), (await conflictOf(two.store)).revision);
  });

  test('of many that start together one is elected, and they follow each other as they close', async () => {
    const world = newWorld();
    const all = Array.from({ length: 5 }, () => new Coordinator(world.open()));
    const starts = all.map(({ store, listener }, index) => store.start(`10.0.0.${index}:7500`, listener));
    await Promise.all(starts);
    const elections = new Map(all.map((one) => [one, one.state().then((state) => ({ one, state }))]));
    let revision = 0;
    while (elections.size > 0) {
      const { one, state } = await Promise.race(elections.values());
      assert.equal(all.filter(({ store }) => store.electedUntilMs() > world.nowMs()).length, 1);
      assert.equal(state.revision, revision);
      revision = await one.write(bytesOf(elections.size), revision);
      elections.delete(one);
      await one.store.close();
    }
  });
}

function defineOnlyOne(newWorld: () => StateWorld, test: (name: string, body: () => Promise<void>) => void): void {
  test('a second one is refused while the first is there, and disturbs nothing', async () => {
    const world = newWorld();
    {
      await using one = await Coordinator.elected(world);
      const revision = await one.write(bytesOf(1), 0);
      const second = world.open();
      const failure = await failureOf(second.start('10.0.0.2:7500', new RecordingListener()));
      assert.equal(failure instanceof ShoalError ? failure.code : failure, 'StateStoreFailed');
      assert.match(failure.message, new RegExp(`in use by process ${process.pid} \\(coordinator ${ADDRESS}\\)`));
      await second.close();
      await one.write(bytesOf(2), revision);
    }
    await using next = await Coordinator.elected(world);
    assert.deepEqual((await next.state()).value, bytesOf(2));
  });

  test('of many that start together one is elected', async () => {
    const world = newWorld();
    const stores = Array.from({ length: 8 }, () => world.open());
    const results = await Promise.allSettled(stores.map((store) => store.start(ADDRESS, new RecordingListener())));
    try {
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      assert.equal(stores.filter((store) => store.electedUntilMs() > world.nowMs()).length, 1);
    } finally {
      await Promise.all(stores.map((store) => store.close()));
    }
  });
}

async function conflictOf(store: StateStore): Promise<{ readonly revision: number }> {
  const outcome = await store.write(NONE, 0);
  assert.equal(outcome.kind, 'conflict');
  return outcome.kind === 'conflict' ? outcome.state : { revision: -1 };
}
