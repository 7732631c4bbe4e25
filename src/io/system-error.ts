/** What a failed call to the system says of itself, for the program and for people. */

/** The code of a failed system call, `ENOENT`; an empty text where it has none. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : '';
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not use it',
  EDQUOT: "the user's share of the disk is used up",
  EEXIST: 'it, or a folder above it, is a file',
  EIO: 'the disk fails',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'it, or a folder above it, is a file',
  EPERM: 'this user may not use it',
  EROFS: 'the file system is read-only',
};

/** Why a system call failed, for people. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const reason = REASONS[codeOf(error)];
  return reason === undefined ? text : `${reason} (${text})`;
}
