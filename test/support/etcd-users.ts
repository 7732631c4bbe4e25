/** Switches users on in an etcd of a test, and gives one of them what a coordinator needs. */
import type { EtcdMember } from './etcd-server.ts';

export interface EtcdUser {
  readonly name: string;
  readonly password: string;
}

export const ROOT: EtcdUser = { name: 'root', password: 'root of it all' };

/** `user` may read and write keys that begin with `prefix`, and nothing else. Other users are added beside it without any role. */
export async function enableUsers(
  call: EtcdMember['call'],
  {
    user,
    prefix,
    others = [],
  }: { readonly user: EtcdUser; readonly prefix: string; readonly others?: readonly EtcdUser[] },
): Promise<void> {
  for (const { name, password } of [ROOT, user, ...others]) await call('/v3/auth/user/add', { name, password });
  await call('/v3/auth/role/add', { name: 'root' });
  await call('/v3/auth/user/grant', { user: ROOT.name, role: 'root' });
  await call('/v3/auth/role/add', { name: 'coordinator' });
  const key = Buffer.from(prefix);
  const end = Buffer.from(prefix);
  end[end.length - 1] = (end[end.length - 1] ?? 0) + 1;
  const perm = { permType: 'READWRITE', key: key.toString('base64'), range_end: end.toString('base64') };
  await call('/v3/auth/role/grant', { name: 'coordinator', perm });
  await call('/v3/auth/user/grant', { user: user.name, role: 'coordinator' });
  await call('/v3/auth/enable', {});
}
