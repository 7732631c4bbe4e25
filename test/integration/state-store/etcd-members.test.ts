/** The etcd state store over three members, of which some are killed or stopped. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { EtcdTiming } from '../../../src/coordinator/state/etcd-state-store.ts';
import { SYSTEM_CLOCK } from '../../../src/coordinator/state/state-clock.ts';
import {
  ETCD_INSTALL_HINT,
  type EtcdCluster,
  type EtcdMember,
  etcdPath,
  startEtcd,
} from '../../support/etcd-server.ts';
import { failureOf } from '../../support/failure-of.ts';
import { StateCoordinator } from '../../support/state-coordinator.ts';

const isMissing = etcdPath() === null;
/** Outlives an election of the members, as the default does with theirs. */
const TIMING = { electionMs: 15_000, attemptMs: 600, pollMs: 500, againMs: 50, writeMs: 15_000 };
/** For who is to lose the election. */
const QUICK = { ...TIMING, electionMs: 2000, writeMs: 1000 };
const A = Uint8Array.of(1, 2, 3);

describe.skipIf(isMissing)(isMissing ? ETCD_INSTALL_HINT : 'three members of etcd', () => {
  let etcd: EtcdCluster;
  let clusters = 0;
  const newCluster = (timing = TIMING): { readonly cluster: string; readonly etcdTiming: Partial<EtcdTiming> } => ({
    cluster: `members-${(clusters += 1)}`,
    etcdTiming: timing,
  });

  beforeAll(async () => {
    etcd = await startEtcd({ members: 3 });
  });
  afterAll(() => etcd.stop());

  test('each of them killed in turn, the one that leads too: the elected one stays, and writes go on', async () => {
    await using one = await StateCoordinator.start(`etcd:${etcd.endpoints}`, '10.0.0.1:7500', newCluster());
    let { revision } = await one.elected();
    for (const member of etcd.members) {
      await member.kill();
      for (let count = 0; count < 5; count += 1) {
        const outcome = await one.store.write(Buffer.from(`${member.name} ${count}`), revision);
        if (outcome.kind !== 'written') throw new Error(outcome.kind);
        ({ revision } = outcome);
      }
      expect(one.store.electedUntilMs()).toBeGreaterThan(SYSTEM_CLOCK.monotonicMs());
      await member.start();
    }
    expect(one.listener.news.filter(({ kind }) => kind === 'deposed')).toEqual([]);
  });

  test('one that is stopped and keeps its connections: passed over', async () => {
    const options = newCluster();
    const [stopped] = etcd.members;
    // Both talk to it first.
    await using one = await StateCoordinator.start(`etcd:${etcd.endpoints}`, '10.0.0.1:7500', options);
    await using two = await StateCoordinator.start(`etcd:${etcd.endpoints}`, '10.0.0.2:7500', options);
    const { revision } = await one.elected();
    stopped.pause();
    try {
      const outcome = await one.store.write(A, revision);
      expect(outcome.kind).toBe('written');
      // The watch of the other one leads to the stopped member, and is found out.
      await one.store.close();
      expect((await two.elected()).value).toEqual(A);
    } finally {
      stopped.resume();
    }
  });

  test('a majority that is gone: nobody is elected and nothing is written, until it is back', async () => {
    const options = newCluster(QUICK);
    await using one = await StateCoordinator.start(`etcd:${etcd.endpoints}`, '10.0.0.1:7500', options);
    const { revision } = await one.elected();
    const [first, ...others] = etcd.members;
    for (const member of others) member.pause();
    try {
      expect(await failureOf(one.store.write(A, revision))).toMatchObject({ code: 'StateStoreUnavailable' });
      expect((await one.listener.next('deposed')).reason).toContain('did not renew the election in time');
      expect(await one.store.write(A, revision)).toEqual({ kind: 'notElected' });
      await using two = await StateCoordinator.start(`etcd:${first.origin}`, '10.0.0.2:7500', options);
      expect((await two.listener.next('trouble')).text).toContain(first.origin);
      expect(two.store.electedUntilMs()).toBe(-Infinity);
    } finally {
      for (const member of others) member.resume();
    }
    const again = await one.elected();
    // The write that was given up may have been done when they came back, but no other was.
    expect(again.revision === revision ? A : again.value).toEqual(A);
  });

  test('a member that is cut off from the others does not keep a leader elected that they have given up', async () => {
    const options = newCluster(QUICK);
    const leading = await leaderOf(etcd.members);
    const others = etcd.members.filter((member) => member !== leading);
    await using one = await StateCoordinator.start(`etcd:${leading.origin}`, '10.0.0.1:7500', options);
    const { revision } = await one.elected();
    await using two = await StateCoordinator.start(
      `etcd:${others.map(({ origin }) => origin).join(',')}`,
      '10.0.0.2:7500',
      options,
    );
    await two.listener.next('leader');
    // Renewals that it answers by itself, if it does, are not confirmed by a majority.
    for (const member of others) member.pause();
    await one.listener.next('deposed');
    leading.pause();
    for (const member of others) member.resume();
    try {
      expect((await two.elected()).revision).toBe(revision);
    } finally {
      leading.resume();
    }
    await two.store.write(A, revision);
    expect((await one.listener.next('leader')).leader).toBe('10.0.0.2:7500');
  });
});

/** The member that leads the others, as they say. */
async function leaderOf(members: readonly EtcdMember[]): Promise<EtcdMember> {
  for (const member of members) {
    const { header, leader } = (await member.call('/v3/maintenance/status', {})) as {
      readonly header: { readonly member_id: string };
      readonly leader: string;
    };
    if (header.member_id === leader) return member;
  }
  throw new Error('no member leads');
}
