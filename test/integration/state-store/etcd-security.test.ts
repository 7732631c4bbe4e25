/** Certificates, users and rights of etcd, as the state store meets them. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EtcdTiming } from '../../../src/coordinator/state/etcd-state-store.ts';
import { Authority, type Certificate, OPENSSL_INSTALL_HINT, opensslPath } from '../../support/certificates.ts';
import {
  ETCD_INSTALL_HINT,
  type EtcdCluster,
  type EtcdMember,
  type EtcdOptions,
  etcdPath,
  startEtcd,
} from '../../support/etcd-server.ts';
import { enableUsers, ROOT } from '../../support/etcd-users.ts';
import { failureOf } from '../../support/failure-of.ts';
import { LASTING_TIMING, SHORT_TIMING, StateCoordinator } from '../../support/state-coordinator.ts';

const ADDRESS = '10.0.0.1:7500';
const missing = etcdPath() === null ? ETCD_INSTALL_HINT : opensslPath() === null ? OPENSSL_INSTALL_HINT : null;
let clusters = 0;
const newCluster = (): string => `security-${(clusters += 1)}`;

describe.skipIf(missing !== null)(missing ?? 'users', () => {
  const user = { name: 'shoal', password: 'right' };
  const powerless = { name: 'powerless', password: 'also right' };
  const environment = { SHOAL_ETCD_USER: user.name, SHOAL_ETCD_PASSWORD: user.password };
  let etcd: EtcdCluster;
  let member: EtcdMember;
  let spec: string;

  beforeAll(async () => {
    etcd = await startEtcd({ args: ['--bcrypt-cost=4'] });
    [member] = etcd.members;
    spec = `etcd:${etcd.endpoints}`;
    await enableUsers((path, body) => member.call(path, body), { user, prefix: 'shoal/', others: [powerless] });
  });
  afterAll(() => etcd.stop());

  test.each<[string, Record<string, string>, string]>([
    ['none', {}, 'user name is empty'],
    [
      'a wrong password',
      { ...environment, SHOAL_ETCD_PASSWORD: 'wrong' },
      'authentication failed, invalid user ID or password',
    ],
    [
      'an unknown user',
      { ...environment, SHOAL_ETCD_USER: 'nobody' },
      'authentication failed, invalid user ID or password',
    ],
    [
      'a user without the right to these keys',
      { SHOAL_ETCD_USER: powerless.name, SHOAL_ETCD_PASSWORD: powerless.password },
      'permission denied',
    ],
  ])('refused at the start: %s', async (_, other, text) => {
    const failure = await failureOf(
      StateCoordinator.start(spec, ADDRESS, { cluster: newCluster(), environment: other }),
    );
    expect(failure).toMatchObject({ code: 'StateStoreFailed' });
    expect(failure.message).toContain(`cannot use etcd: ${member.origin}: `);
    expect(failure.message).toContain(text);
    expect(failure.message).not.toContain('wrong');
  });

  test('a token that etcd does not know any more is replaced, and nobody notices', async () => {
    const cluster = newCluster();
    await using one = await StateCoordinator.start(spec, ADDRESS, {
      cluster,
      environment,
    });
    const { revision } = await one.elected();
    const first = await one.store.write(Uint8Array.of(1), revision);
    // Tokens live in the member's memory.
    await member.kill();
    await member.start();
    const second = await one.store.write(Uint8Array.of(2), first.kind === 'written' ? first.revision : -1);
    expect(second.kind).toBe('written');
    // And a change of users makes those void that were given out before.
    const token = ((await member.call('/v3/auth/authenticate', ROOT)) as { readonly token: string }).token;
    const added = await fetch(`${member.origin}/v3/auth/user/add`, {
      method: 'POST',
      headers: { Authorization: token },
      body: JSON.stringify({ name: 'later', password: 'x' }),
    });
    expect(added.status).toBe(200);
    const third = await one.store.write(Uint8Array.of(3), second.kind === 'written' ? second.revision : -1);
    expect(third.kind).toBe('written');
    expect(one.listener.news.filter(({ kind }) => kind === 'deposed')).toEqual([]);
  });
});

describe.skipIf(missing !== null)(missing ?? 'certificates', () => {
  let folder: string;
  let authority: Authority;
  let other: Authority;
  let client: Certificate;
  let bundle: string;
  let strict: EtcdCluster;
  let elsewhere: EtcdCluster;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'shoal-tls-'));
    authority = new Authority(folder, 'authority');
    other = new Authority(folder, 'other');
    client = authority.sign('client', { subject: '/O=shoal' });
    // The gateway shows the member's own certificate to the member: what signs it has to be trusted for clients, too.
    bundle = join(folder, 'both.pem');
    writeFileSync(bundle, `${readFileSync(authority.caFile, 'utf8')}${readFileSync(other.caFile, 'utf8')}`);
    const server = authority.sign('server');
    const misnamed = authority.sign('misnamed', { host: '192.0.2.1' });
    [strict, elsewhere] = await Promise.all([
      startEtcd(strictly(server)),
      startEtcd({ scheme: 'https', args: [`--cert-file=${misnamed.certFile}`, `--key-file=${misnamed.keyFile}`] }),
    ]);
  });
  afterAll(async () => {
    await Promise.all([strict.stop(), elsewhere.stop()]);
    rmSync(folder, { recursive: true, force: true });
  });

  /** A member with this certificate that asks for one too. */
  const strictly = ({ certFile, keyFile }: Certificate): EtcdOptions => ({
    scheme: 'https',
    args: [`--cert-file=${certFile}`, `--key-file=${keyFile}`, `--trusted-ca-file=${bundle}`, '--client-cert-auth'],
  });
  const withClient = (ca: string, { certFile, keyFile }: Certificate): Record<string, string> => ({
    SHOAL_ETCD_CA: ca,
    SHOAL_ETCD_CERT: certFile,
    SHOAL_ETCD_KEY: keyFile,
  });
  const start = (
    etcd: EtcdCluster,
    environment: Record<string, string>,
    etcdTiming: Partial<EtcdTiming> = LASTING_TIMING,
  ): Promise<StateCoordinator> =>
    StateCoordinator.start(`etcd:${etcd.endpoints}`, ADDRESS, { cluster: newCluster(), environment, etcdTiming });

  test('the right ones on both sides', async () => {
    await using one = await start(strict, withClient(authority.caFile, client));
    expect((await one.elected()).revision).toBe(0);
  });

  test('a member that no known authority has signed is refused', async () => {
    for (const environment of [{}, withClient(other.caFile, client)]) {
      const failure = await failureOf(start(strict, environment));
      expect(failure).toMatchObject({ code: 'StateStoreFailed' });
      expect(failure.message).toContain(`${strict.endpoints}: TLS: `);
    }
  });

  test('a member whose certificate is for another address is refused', async () => {
    const failure = await failureOf(start(elsewhere, { SHOAL_ETCD_CA: authority.caFile }));
    expect(failure).toMatchObject({ code: 'StateStoreFailed' });
    expect(failure.message).toContain('TLS: ');
  });

  test('a member that asks for a certificate and gets none lets nobody in', async () => {
    const failure = await failureOf(start(strict, { SHOAL_ETCD_CA: authority.caFile }));
    expect(failure).toMatchObject({ code: 'StateStoreFailed' });
    expect(failure.message).toContain(`${strict.endpoints}: TLS: `);
  });

  test('files that cannot be read, or hold something else, are named', async () => {
    const missingFile = join(folder, 'missing.pem');
    const failure = await failureOf(start(strict, { SHOAL_ETCD_CA: missingFile }));
    expect(failure).toMatchObject({ code: 'StateStoreFailed' });
    expect(failure.message).toStartWith(`cannot read ${missingFile}: `);
    const wrong = join(folder, 'wrong.pem');
    writeFileSync(wrong, 'hello');
    expect((await failureOf(start(strict, { SHOAL_ETCD_CA: wrong }))).message).toBe(`${wrong} holds nothing in PEM`);
  });

  test('certificates that are renewed in their files, on both sides, are used by who runs already', async () => {
    const caFile = join(folder, 'renewed.pem');
    copyFileSync(authority.caFile, caFile);
    await using one = await start(strict, withClient(caFile, client), SHORT_TIMING);
    await one.elected();
    strict = await strict.restart(strictly(other.sign('server-2')));
    expect((await one.listener.next('trouble', ({ text }) => text !== null)).text).toContain(strict.endpoints);
    copyFileSync(other.caFile, caFile);
    await one.listener.calm();
    await using two = await start(strict, withClient(caFile, client));
    expect((await two.elected()).revision).toBe(0);
  });
});
