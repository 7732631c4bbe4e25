/** The etcd state store when one etcd, its connections, or a coordinator fails. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { SYSTEM_CLOCK } from '../../../src/coordinator/state/state-clock.ts';
import {
  ETCD_INSTALL_HINT,
  type EtcdCluster,
  type EtcdMember,
  etcdPath,
  startEtcd,
} from '../../support/etcd-server.ts';
import { EtcdProxy } from '../../support/etcd-proxy.ts';
import { failureOf } from '../../support/failure-of.ts';
import { LASTING_TIMING, SHORT_TIMING, StateCoordinator } from '../../support/state-coordinator.ts';
import { StateProcess } from '../../support/state-process.ts';
import { numberOf } from '../../support/state-store-process.ts';
import { Random } from '../../vectors/random.ts';

const A = Uint8Array.of(1, 2, 3);
const B = Uint8Array.of(4, 5, 6);
const isMissing = etcdPath() === null;

describe.skipIf(isMissing)(isMissing ? ETCD_INSTALL_HINT : 'etcd', () => {
  let etcd: EtcdCluster;
  let member: EtcdMember;
  let spec: string;
  let clusters = 0;

  const newCluster = (): string => `faults-${(clusters += 1)}`;
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const leaderKey = (cluster: string): string => base64(`shoal/${cluster}/leader`);

  beforeAll(async () => {
    etcd = await startEtcd();
    [member] = etcd.members;
    spec = `etcd:${etcd.endpoints}`;
  });
  afterAll(() => etcd.stop());

  test('a leader whose process is stopped is followed by another, and finds out when it goes on', async () => {
    const cluster = newCluster();
    await using one = new StateProcess(spec, '10.0.0.1:7500', { store: { cluster, etcdTiming: SHORT_TIMING } });
    await one.next('elected');
    await using two = await StateCoordinator.start(spec, '10.0.0.2:7500', { cluster });
    expect((await two.listener.next('leader')).leader).toBe('10.0.0.1:7500');
    one.pause();
    const { revision } = await two.elected();
    const written = await two.store.write(A, revision);
    if (written.kind !== 'written') throw new Error(written.kind);

    one.resume();
    await one.next('deposed');
    await one.next('leader', ({ leader }) => leader === '10.0.0.2:7500');
    expect(await two.store.write(B, written.revision)).toMatchObject({ kind: 'written' });
    await two.store.close();
    expect(await one.next('elected')).toMatchObject({ bytes: B.length });
  });

  test('a leader that was killed is followed by another, once its time is over', async () => {
    const cluster = newCluster();
    await using one = new StateProcess(spec, '10.0.0.1:7500', {
      store: { cluster, etcdTiming: SHORT_TIMING },
      writes: 1000,
    });
    await one.next('elected');
    await using two = await StateCoordinator.start(spec, '10.0.0.2:7500', { cluster });
    await one.next('written', ({ number = 0 }) => number >= 10);
    await one.end('SIGKILL');
    const { value } = await two.elected();
    expect([one.last('written')?.number, one.last('writing')?.number]).toContain(numberOf(value));
  });

  test('a write that was on its way when another was elected writes nothing', async () => {
    const cluster = newCluster();
    await using proxy = await EtcdProxy.start(member.port);
    await using one = await StateCoordinator.start(`etcd:${proxy.origin}`, '10.0.0.1:7500', {
      cluster,
      etcdTiming: { ...LASTING_TIMING, attemptMs: 10_000 },
    });
    await one.elected();
    const written = await one.store.write(A, 0);
    if (written.kind !== 'written') throw new Error(written.kind);
    proxy.holds = (path) => path === '/v3/kv/txn';
    const writing = one.store.write(B, written.revision);
    await proxy.holding();
    await member.call('/v3/kv/deleterange', { key: leaderKey(cluster) });
    await using two = await StateCoordinator.start(spec, '10.0.0.2:7500', { cluster });
    expect(await two.elected()).toEqual({ revision: written.revision, value: A });
    proxy.release();
    expect(await writing).toEqual({ kind: 'notElected' });
    const { reason } = await one.listener.next('deposed');
    expect(reason).toContain('its key in etcd is gone');
    expect((await two.store.write(A, written.revision)).kind).toBe('written');
  });

  test('a key that somebody else put is seen at once, and its end too', async () => {
    const cluster = newCluster();
    await member.call('/v3/kv/put', { key: leaderKey(cluster), value: base64('10.0.0.9:7500') });
    await using one = await StateCoordinator.start(spec, '10.0.0.1:7500', { cluster });
    expect((await one.listener.next('leader')).leader).toBe('10.0.0.9:7500');
    await member.call('/v3/kv/put', { key: leaderKey(cluster), value: base64('10.0.0.8:7500') });
    expect((await one.listener.next('leader')).leader).toBe('10.0.0.8:7500');
    await member.call('/v3/kv/deleterange', { key: leaderKey(cluster) });
    expect((await one.elected()).revision).toBe(0);
  });

  test('a watch that was cut goes on, also where its history was compacted away in the meantime', async () => {
    const cluster = newCluster();
    await using proxy = await EtcdProxy.start(member.port);
    await member.call('/v3/kv/put', { key: leaderKey(cluster), value: base64('10.0.0.9:7500') });
    const timing = { electionMs: 1000, attemptMs: 400, pollMs: 60_000, againMs: 20 };
    await using one = await StateCoordinator.start(`etcd:${proxy.origin}`, '10.0.0.1:7500', {
      cluster,
      etcdTiming: timing,
    });
    await one.listener.next('leader');
    for (const [index, address] of ['10.0.0.8:7500', '10.0.0.7:7500'].entries()) {
      proxy.isRefusing = true;
      proxy.cutAll();
      expect((await one.listener.next('trouble')).text).toContain('etcd: http://127.0.0.1:');
      await member.call('/v3/kv/put', { key: leaderKey(cluster), value: base64(address) });
      if (index === 1) await compact(member);
      proxy.isRefusing = false;
      expect((await one.listener.next('trouble')).text).toBeNull();
      expect((await one.listener.next('leader')).leader).toBe(address);
    }
  });

  test('a watch from before a compaction is cancelled by etcd, and begun anew', async () => {
    const cluster = newCluster();
    await member.call('/v3/kv/put', { key: leaderKey(cluster), value: base64('10.0.0.9:7500') });
    // Between the read and the watch that begins where it ended.
    await using proxy = await EtcdProxy.start(member.port);
    proxy.holds = (path) => path === '/v3/watch';
    const timing = { electionMs: 1000, attemptMs: 10_000, pollMs: 60_000, againMs: 20 };
    await using one = await StateCoordinator.start(`etcd:${proxy.origin}`, '10.0.0.1:7500', {
      cluster,
      etcdTiming: timing,
    });
    await one.listener.next('leader');
    await proxy.holding();
    await member.call('/v3/kv/put', { key: leaderKey(cluster), value: base64('10.0.0.8:7500') });
    await compact(member);
    proxy.release();
    expect((await one.listener.next('leader')).leader).toBe('10.0.0.8:7500');
  });

  test('a watch that falls silent without an end is found out by the reads beside it', async () => {
    const cluster = newCluster();
    await using proxy = await EtcdProxy.start(member.port);
    await member.call('/v3/kv/put', { key: leaderKey(cluster), value: base64('10.0.0.9:7500') });
    await using one = await StateCoordinator.start(`etcd:${proxy.origin}`, '10.0.0.1:7500', { cluster });
    await one.listener.next('leader');
    // Whatever is open now stays open and silent; new connections work.
    proxy.silence();
    await member.call('/v3/kv/put', { key: leaderKey(cluster), value: base64('10.0.0.8:7500') });
    expect((await one.listener.next('leader')).leader).toBe('10.0.0.8:7500');
  });

  test('a write whose answer is lost is found to be done, and done once', async () => {
    const cluster = newCluster();
    await using proxy = await EtcdProxy.start(member.port);
    const timing = { ...LASTING_TIMING, pollMs: 60_000 };
    await using one = await StateCoordinator.start(`etcd:${proxy.origin}`, '10.0.0.1:7500', {
      cluster,
      etcdTiming: timing,
    });
    await one.elected();
    let revision = 0;
    let lost = 0;
    const random = new Random(5);
    for (let count = 0; count < 60; count += 1) {
      const value = Buffer.from(`value ${count}`);
      const writing = one.store.write(value, revision);
      if (random.below(2) === 0) {
        // At any stage: before the request arrives, between it and the answer, within the answer.
        for (let turns = random.below(12); turns > 0; turns -= 1) await new Promise((resolve) => setImmediate(resolve));
        proxy.cutAll();
        lost += 1;
      }
      const outcome = await writing;
      if (outcome.kind !== 'written') throw new Error(outcome.kind);
      expect(outcome.revision).toBeGreaterThan(revision);
      revision = outcome.revision;
      const { kvs } = await member.call('/v3/kv/range', { key: base64(`shoal/${cluster}/state`) });
      expect(kvs).toEqual([expect.objectContaining({ value: value.toString('base64'), version: String(count + 1) })]);
    }
    expect(lost).toBeGreaterThan(20);
  });

  test('etcd that stops and starts again with its data: trouble, then all as before', async () => {
    const cluster = newCluster();
    await using one = await StateCoordinator.start(spec, '10.0.0.1:7500', { cluster, etcdTiming: IMPATIENT });
    await using two = await StateCoordinator.start(spec, '10.0.0.2:7500', { cluster, etcdTiming: SHORT_TIMING });
    await one.elected();
    const written = await one.store.write(A, 0);
    if (written.kind !== 'written') throw new Error(written.kind);
    await member.kill();
    expect(await failureOf(one.store.write(B, written.revision))).toMatchObject({ code: 'StateStoreUnavailable' });
    expect((await one.listener.next('trouble')).text).toContain('etcd');
    expect((await one.listener.next('deposed')).reason).toContain('did not renew the election in time');
    expect(one.store.electedUntilMs()).toBe(-Infinity);
    expect((await two.listener.next('trouble')).text).toContain('etcd');
    await member.start();
    const state = await Promise.race([one.elected(), two.elected()]);
    expect(state).toEqual({ revision: written.revision, value: A });
    expect([one, two].filter(({ store }) => store.electedUntilMs() > SYSTEM_CLOCK.monotonicMs())).toHaveLength(1);
    await Promise.all([one.listener.calm(), two.listener.calm()]);
  });

  test('etcd that is not there yet: start says so and goes on, and the election comes with it', async () => {
    const cluster = newCluster();
    await member.kill();
    await using one = await StateCoordinator.start(spec, '10.0.0.1:7500', { cluster, etcdTiming: SHORT_TIMING });
    expect((await one.listener.next('trouble')).text).toContain(member.origin);
    expect(one.store.electedUntilMs()).toBe(-Infinity);
    await member.start();
    expect((await one.elected()).revision).toBe(0);
  });

  test('etcd that answers nothing is trouble too', async () => {
    const cluster = newCluster();
    await using one = await StateCoordinator.start(spec, '10.0.0.1:7500', { cluster, etcdTiming: SHORT_TIMING });
    await one.elected();
    const untilMs = one.store.electedUntilMs();
    member.pause();
    try {
      await one.listener.next('deposed');
      expect(one.store.electedUntilMs()).toBe(-Infinity);
      expect(SYSTEM_CLOCK.monotonicMs()).toBeLessThan(untilMs + 2000);
    } finally {
      member.resume();
    }
    expect((await one.elected()).revision).toBe(0);
  });

  test('etcd whose database is full: writes are refused with the reason, and the election stays', async () => {
    const full = await startEtcd({ args: ['--quota-backend-bytes=6000000'] });
    try {
      const options = { etcdTiming: SHORT_TIMING };
      await using one = await StateCoordinator.start(`etcd:${full.endpoints}`, '10.0.0.1:7500', options);
      await one.elected();
      const written = await one.store.write(A, 0);
      if (written.kind !== 'written') throw new Error(written.kind);
      const [first] = full.members;
      const value = Buffer.alloc(1_000_000).toString('base64');
      const filling = async (): Promise<void> => {
        for (let count = 0; count < 20; count += 1) await first.call('/v3/kv/put', { key: 'AA==', value });
      };
      expect((await failureOf(filling())).message).toContain('database space exceeded');
      const failure = await failureOf(one.store.write(B, written.revision));
      expect(failure).toMatchObject({ code: 'StateStoreFailed' });
      expect(failure.message).toContain('database space exceeded');
      const told = await one.listener.next('trouble');
      expect(told.text).toContain('database space exceeded');
      const untilMs = one.store.electedUntilMs();
      while (one.store.electedUntilMs() === untilMs) await new Promise((resolve) => setImmediate(resolve));
      expect(one.store.electedUntilMs()).toBeGreaterThan(untilMs);
      // It can be reached, and is no better for that.
      expect(one.listener.news.at(-1)).toBe(told);
    } finally {
      await full.stop();
    }
  });

  test('what is no etcd is refused at the start, with what it said', async () => {
    using server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => new Response('<html>hello', { status: 200 }),
    });
    const failure = await failureOf(StateCoordinator.start(`etcd:http://127.0.0.1:${server.port}`, '10.0.0.1:7500'));
    expect(failure).toMatchObject({ code: 'StateStoreFailed' });
    expect(failure.message).toContain(`http://127.0.0.1:${server.port}: its answer is no JSON: is it etcd?`);
    using old = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('404 page', { status: 404 }) });
    expect(
      (await failureOf(StateCoordinator.start(`etcd:http://127.0.0.1:${old.port}`, '10.0.0.1:7500'))).message,
    ).toContain('etcd 3.4 or later is needed');
  });
});

/** A write has given up before the election is lost. */
const IMPATIENT = { electionMs: 1000, attemptMs: 400, pollMs: 300, againMs: 20, writeMs: 300 };

/** Throws away all history up to now: a watch from any revision so far is refused. */
async function compact(member: EtcdMember): Promise<void> {
  // The revision of the compaction itself is still there to be watched from.
  const put = await member.call('/v3/kv/put', { key: 'AA==', value: 'AA==' });
  const { revision } = put['header'] as { readonly revision: string };
  await member.call('/v3/kv/compaction', { revision, physical: true });
}
