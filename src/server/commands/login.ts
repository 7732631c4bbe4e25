/** Who may in: the check that AUTH, HELLO and the greeting of the Shoal protocol have in common. */
import { equalBytes } from '../../base/bytes.ts';
import type { Settings } from '../settings.ts';

/** Whether this user and password are let in; an empty user is `default`, the only one. Where no password is set, that user may give any. */
export function acceptsLogin(settings: Settings, user: Uint8Array, password: Uint8Array): boolean {
  const isDefaultUser =
    user.length === 0 || (user.length === DEFAULT_USER.length && equalBytes(user, 0, DEFAULT_USER, 0, user.length));
  return isDefaultUser && (settings.password === '' || settings.isPassword(password));
}

const DEFAULT_USER = Buffer.from('default');
