/** What a real etcd shows too rarely: answers that come late, terms that change, answers that are lost. */
import { expect, test } from 'bun:test';
import { ManualStateClock } from '../../../test/support/manual-state-clock.ts';
import { RecordingListener } from '../../../test/support/state-listener.ts';
import { Announcer } from './announcer.ts';
import type { Answer } from './etcd-client.ts';
import { EtcdElection, type ElectionParts } from './etcd-election.ts';
import { EtcdFailure } from './etcd-errors.ts';
import type { EtcdItem, Sighting } from './etcd-messages.ts';

const LEASE_MS = 5000;
const SHARE = 0.95;
const ADDRESS = '10.0.0.1:7500';

/** One member that answers as the test says. */
class ScriptedEtcd {
  readonly clock = new ManualStateClock();
  revision = 7;
  term = 2;
  /** What renewals say of the term, where that is another one. */
  renewalTerm: number | null = null;
  key: EtcdItem | null = null;
  hasLease = true;
  /** Every answer comes this much later than its request was sent. */
  delayMs = 0;
  isDown = false;
  /** Transactions are carried out, and their answers lost. */
  losesAnswers = false;
  readonly paths: string[] = [];
  private lease = '0';

  readonly client: ElectionParts['client'] = {
    call: async (path, body): Promise<Answer> => {
      const sentMs = this.clock.monotonicMs();
      this.paths.push(path);
      await this.answered();
      return { body: this.answer(path, body), sentMs };
    },
    get: async (): Promise<Sighting> => {
      await this.answered();
      return { item: this.key, revision: this.revision, term: this.term };
    },
    watch: (_key, _from, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve('over'));
      }),
  };

  start(): { readonly election: EtcdElection; readonly listener: RecordingListener; stop: () => Promise<void> } {
    const listener = new RecordingListener();
    const election = new EtcdElection({
      client: this.client,
      clock: this.clock,
      announcer: new Announcer(listener),
      address: ADDRESS,
      leaderKey: 'leader',
      stateKey: 'state',
      ttlSeconds: LEASE_MS / 1000,
      pollMs: 1_000_000,
      againMs: 100,
      onFirst: () => undefined,
    });
    const ending = new AbortController();
    const running = election.run(ending.signal);
    const stop = async (): Promise<void> => {
      ending.abort();
      await this.clock.until(running);
    };
    return { election, listener, stop };
  }

  putKey(address: string, lease: string): void {
    this.revision += 1;
    const revision = this.revision;
    this.key = { value: Buffer.from(address), createRevision: revision, modRevision: revision, lease };
  }

  private async answered(): Promise<void> {
    if (this.delayMs > 0) await new Promise<void>((resolve) => this.clock.after(this.delayMs, resolve));
    if (this.isDown) throw new EtcdFailure('passing', 'down');
  }

  private answer(path: string, body: object): unknown {
    const header = { revision: String(this.revision), raft_term: String(this.term) };
    switch (path) {
      case '/v3/lease/grant':
        this.lease = (body as { readonly ID: string }).ID;
        this.hasLease = true;
        return { header, ID: this.lease, TTL: String(LEASE_MS / 1000) };
      case '/v3/lease/keepalive': {
        const term = String(this.renewalTerm ?? this.term);
        const ttl = this.hasLease ? { TTL: String(LEASE_MS / 1000) } : {};
        return { result: { header: { ...header, raft_term: term }, ID: this.lease, ...ttl } };
      }
      case '/v3/kv/txn': {
        const isFree = this.key === null;
        if (isFree) this.putKey(ADDRESS, this.lease);
        if (this.losesAnswers) throw new EtcdFailure('passing', 'the answer was lost');
        const { value, createRevision, modRevision, lease } = this.key ?? {};
        const kv = {
          value: Buffer.from(value ?? []).toString('base64'),
          create_revision: String(createRevision),
          mod_revision: String(modRevision),
          lease,
        };
        const found = { response_range: { kvs: [kv] } };
        const nothing = { response_range: {} };
        const now = { ...header, revision: String(this.revision) };
        return isFree
          ? { header: now, succeeded: true, responses: [{ response_put: {} }, nothing] }
          : { header: now, responses: [found, nothing] };
      }
      default:
        return { header };
    }
  }
}

test('a renewal counts from the moment before it was sent, however late its answer comes', async () => {
  const etcd = new ScriptedEtcd();
  const { election, listener, stop } = etcd.start();
  await etcd.clock.until(listener.next('elected'));
  etcd.delayMs = 700;
  const startMs = etcd.clock.monotonicMs();
  const before = election.electedUntilMs();
  expect(before).toBeLessThanOrEqual(startMs + LEASE_MS * SHARE);
  for (let passedMs = 0; passedMs < 20_000; passedMs += 100) {
    await etcd.clock.advance(100);
    // Sent at the latest 1400 ms ago: that long take the two answers that make a renewal count.
    const leftMs = election.electedUntilMs() - etcd.clock.monotonicMs();
    expect(leftMs).toBeGreaterThan(0);
    if (passedMs >= 4000) expect(leftMs).toBeLessThanOrEqual(LEASE_MS * SHARE - 2 * etcd.delayMs);
  }
  expect(listener.news.map(({ kind }) => kind)).toEqual(['elected']);
  await stop();
});

test('a renewal that another term than that of the confirming read has answered does not count', async () => {
  const etcd = new ScriptedEtcd();
  const { election, listener, stop } = etcd.start();
  await etcd.clock.until(listener.next('elected'));
  const untilMs = election.electedUntilMs();
  etcd.renewalTerm = 1;
  await etcd.clock.advance(untilMs - etcd.clock.monotonicMs() - 200);
  expect(election.electedUntilMs()).toBe(untilMs);
  const { reason } = await etcd.clock.until(listener.next('deposed'));
  expect(reason).toContain('its members change their leader again and again');
  expect(election.electedUntilMs()).toBe(-Infinity);
  expect(etcd.clock.monotonicMs()).toBeLessThanOrEqual(untilMs);
  etcd.renewalTerm = null;
  // The key is still ours: taken up again, and told as an election of its own.
  await etcd.clock.until(listener.next('elected'));
  expect(election.electedUntilMs()).toBeGreaterThan(etcd.clock.monotonicMs());
  await stop();
});

test('a lease that ran out deposes; the key of another is known by its address', async () => {
  const etcd = new ScriptedEtcd();
  const { election, listener, stop } = etcd.start();
  await etcd.clock.until(listener.next('elected'));
  etcd.hasLease = false;
  etcd.putKey('10.0.0.2:7500', '4711');
  expect((await etcd.clock.until(listener.next('deposed'))).reason).toContain('its lease in etcd ran out');
  expect(election.electedUntilMs()).toBe(-Infinity);
  expect((await etcd.clock.until(listener.next('leader'))).leader).toBe('10.0.0.2:7500');
  await stop();
});

test('etcd that does not answer deposes just before the time is over, and not long before', async () => {
  const etcd = new ScriptedEtcd();
  const { election, listener, stop } = etcd.start();
  await etcd.clock.until(listener.next('elected'));
  const untilMs = election.electedUntilMs();
  etcd.isDown = true;
  await etcd.clock.until(listener.next('deposed'));
  expect(etcd.clock.monotonicMs()).toBeLessThanOrEqual(untilMs);
  expect(etcd.clock.monotonicMs()).toBeGreaterThan(untilMs - 500);
  await stop();
});

test('an election whose answer was lost is taken up by the next attempt', async () => {
  const etcd = new ScriptedEtcd();
  etcd.losesAnswers = true;
  const { listener, stop } = etcd.start();
  expect((await etcd.clock.until(listener.next('trouble'))).text).toContain('the answer was lost');
  const created = etcd.key?.createRevision;
  etcd.losesAnswers = false;
  await etcd.clock.until(listener.next('elected'));
  expect(etcd.key?.createRevision).toBe(created ?? -1);
  // With the lease that the key hangs on.
  expect(etcd.paths.filter((path) => path === '/v3/lease/grant')).toHaveLength(1);
  await stop();
});
