/**
 * What a call to etcd failed with, sorted by what to do about it. etcd answers faults with a gRPC code, and uses one code
 * for faults that need different treatment, so some of its texts are looked at too; they are the same in all its versions.
 */

export type EtcdFailureKind =
  /** This member cannot do it now, or cannot be reached; another may. What was asked may still have been done. */
  | 'passing'
  /** The token ran out or the users changed: ask for a new token, then again. Nothing was done. */
  | 'token'
  /** The answer is no, and will be from every member. Nothing was done. */
  | 'refused'
  /** Credentials, certificates, or no etcd at all: nothing will help but another configuration of us, or of this member. */
  | 'misconfigured';

export class EtcdFailure extends Error {
  override readonly name = 'EtcdFailure';
  readonly kind: EtcdFailureKind;
  /** The gRPC code; null where the failure is not etcd's own answer. */
  readonly grpcCode: number | null;
  /** An attempt before this one was not answered, and may have been carried out. */
  isAfterUnknown = false;

  constructor(kind: EtcdFailureKind, message: string, grpcCode: number | null = null, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.grpcCode = grpcCode;
  }
}

export const GrpcCode = {
  invalidArgument: 3,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  unauthenticated: 16,
} as const;

const TOO_MANY_REQUESTS = 'too many requests';
const OLD_REVISION = 'revision of auth store is old';
const WRONG_USER = ['authentication failed', 'user name is empty', 'user name not found'];
const COMMON_NAME = 'CommonName of client';
const TEXT_LETTERS_MAX = 200;

/** The failure in an answer that is not 200; `body` is what was parsed of it, undefined where it is no JSON. */
export function failureOfAnswer(status: number, body: unknown, text: string): EtcdFailure {
  const { code, message } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  if (typeof code === 'number' && typeof message === 'string') return failureOfCode(code, message);
  // A proxy in between, or something else altogether.
  const start = text.trim().slice(0, TEXT_LETTERS_MAX);
  if (status >= 500) return new EtcdFailure('passing', `it answered HTTP ${status}: ${start}`);
  if (status === 404) {
    return new EtcdFailure(
      'misconfigured',
      'it has no /v3/ interface: etcd 3.4 or later is needed, with its JSON gateway',
    );
  }
  if (start.startsWith(COMMON_NAME)) {
    const reason = 'while it has users, its gateway takes certificates of clients only without a common name';
    return new EtcdFailure('misconfigured', `${reason} (subject /O=…)`);
  }
  return new EtcdFailure('misconfigured', `it answered HTTP ${status}, not as etcd does: ${start}`);
}

export function failureOfCode(code: number, message: string): EtcdFailure {
  return new EtcdFailure(kindOf(code, message), message, code);
}

function kindOf(code: number, message: string): EtcdFailureKind {
  switch (code) {
    case GrpcCode.unauthenticated:
      return 'token';
    case GrpcCode.permissionDenied:
    case GrpcCode.unimplemented:
      return 'misconfigured';
    case GrpcCode.invalidArgument:
      if (message.includes(OLD_REVISION)) return 'token';
      return WRONG_USER.some((text) => message.includes(text)) ? 'misconfigured' : 'refused';
    case GrpcCode.resourceExhausted:
      return message.includes(TOO_MANY_REQUESTS) ? 'passing' : 'refused';
    case GrpcCode.notFound:
    case GrpcCode.failedPrecondition:
    case GrpcCode.outOfRange:
      return 'refused';
    default:
      return 'passing';
  }
}

/** Codes of errors of a TLS connection that another attempt does not change. */
const CERTIFICATE_ERRORS: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'CERT_REVOKED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  // No TLS is spoken there, or it wants a certificate of ours.
  'EPROTO',
]);

/** The failure of a connection: no answer came, or not all of one. */
export function failureOfConnection(error: unknown): EtcdFailure {
  if (error instanceof EtcdFailure) return error;
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  const codeText = typeof code === 'string' ? code : '';
  const text = typeof message === 'string' && message !== '' ? message : codeText === '' ? String(error) : codeText;
  const isTls = CERTIFICATE_ERRORS.has(codeText) || codeText.startsWith('ERR_SSL') || codeText.startsWith('ERR_TLS');
  return new EtcdFailure(isTls ? 'misconfigured' : 'passing', isTls ? `TLS: ${text}` : text, null, error);
}
