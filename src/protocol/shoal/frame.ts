/**
 * The layout of the Shoal binary protocol: every offset, number and limit that node and client share. docs/PROTOCOL.md is
 * normative and says what each means; this page draws it for the code.
 *
 *     byte  0      1        2                3      4           8      12          14            16            20
 *           magic  version  opcode | status  flags  request id  epoch  key length  fields bytes  value length  fields key value
 *           u8     u8       u8               u8     u32         u32    u16         u16           u32
 *
 * Integers are little-endian. A frame is HEADER_BYTES + fields + key + value long, whatever its opcode and flags: a receiver
 * can step over what it does not know. Fields are 8 bytes each and stand in the order of their flags. Request and
 * reply have the same shape; a reply has no key.
 */
import { assert } from '../../base/assert.ts';

export const REQUEST_MAGIC = 0xa5;
export const REPLY_MAGIC = 0xa6;

/** The versions of the protocol that this code speaks. */
export const VERSION_MIN = 1;
export const VERSION_MAX = 1;

export const HEADER_BYTES = 20;
export const AT_MAGIC = 0;
export const AT_VERSION = 1;
export const AT_OPCODE = 2;
export const AT_STATUS = 2;
export const AT_FLAGS = 3;
export const AT_REQUEST_ID = 4;
export const AT_EPOCH = 8;
export const AT_KEY_LENGTH = 12;
export const AT_FIELDS_BYTES = 14;
export const AT_VALUE_LENGTH = 16;

export const FIELD_BYTES = 8;
export const KEY_LENGTH_MAX = 0xffff;
export const VALUE_LENGTH_MAX = 0xffff_ffff;

/** What a request asks for. A number once used is never used for something else. */
export const Opcode = {
  hello: 0x01,
  ping: 0x02,
  get: 0x03,
  set: 0x04,
  delete: 0x05,
  exists: 0x06,
  increment: 0x07,
  touch: 0x08,
  /** Any command of the table, as words; the reply's value is RESP3. */
  call: 0x09,
  /** The topology, as soon as there is a newer one than the request knows. */
  topology: 0x0a,
  /** As `get`, and a node that copies the key's slot may answer, where its copy is not older than the value says. */
  getCopy: 0x0b,
  /** Between nodes: a command that a client sent to the wrong one. */
  forward: 0x10,
  /** Between nodes: items of a move. */
  moveItems: 0x11,
  /** Between nodes: changes, from a primary to a replica. */
  replicate: 0x12,
  /** Between nodes: how many replicas have what was done in a slot. */
  awaitReplicas: 0x13,
  /** To a coordinator, and between nodes: a message in JSON. */
  control: 0x20,
} as const;
export type Opcode = (typeof Opcode)[keyof typeof Opcode];
/** An opcode is a byte: for tables by opcode. */
export const OPCODE_COUNT = 256;

/** Bits of a header's flags. `ttl`, `version` and `ack` bring a field, in this order. */
export const Flag = {
  /** Request: time to live in ms. Reply: what is left of it; absent where the item does not expire. */
  ttl: 0x01,
  /** Request: do it only if the item has this version. Reply: the item's version. */
  version: 0x02,
  /** Only if the key does not exist. */
  ifAbsent: 0x04,
  /** Only if the key exists. */
  ifPresent: 0x08,
  /** The reply shall carry the item's version. */
  wantVersion: 0x10,
  /** The reply shall carry the time to live. */
  wantTtl: 0x20,
  /** The expiry of the item that is replaced stays. */
  keepTtl: 0x40,
  /** Request: the reply shall wait until so many replicas have it, for so long. Reply: how many have it. */
  ack: 0x80,
} as const;

/** The flags of a request that its opcode knows; with any other it is refused. */
export const FLAGS_ALLOWED: Readonly<Record<Opcode, number>> = {
  [Opcode.hello]: 0,
  [Opcode.ping]: 0,
  [Opcode.get]: Flag.wantVersion | Flag.wantTtl | Flag.ack,
  [Opcode.set]: Flag.ttl | Flag.version | Flag.ifAbsent | Flag.ifPresent | Flag.wantVersion | Flag.keepTtl | Flag.ack,
  [Opcode.delete]: Flag.ack,
  [Opcode.exists]: Flag.ack,
  [Opcode.increment]: Flag.ttl | Flag.ack,
  [Opcode.touch]: Flag.ttl | Flag.ack,
  [Opcode.call]: Flag.ack,
  [Opcode.topology]: 0,
  [Opcode.getCopy]: Flag.wantVersion | Flag.wantTtl,
  [Opcode.forward]: 0,
  [Opcode.moveItems]: 0,
  [Opcode.replicate]: 0,
  [Opcode.awaitReplicas]: Flag.ack,
  [Opcode.control]: 0,
};

/** What a reply says. From FIRST_ERROR_STATUS on it is an error, and the value is its text in UTF-8. */
export const Status = {
  ok: 0x00,
  /** No such key. */
  miss: 0x01,
  /** Not done: `ifAbsent` or `ifPresent` did not hold. */
  notStored: 0x02,
  /** Not done: the item has another version. */
  conflict: 0x03,
  badRequest: 0x80,
  unknownOpcode: 0x81,
  unsupportedVersion: 0x82,
  unauthenticated: 0x83,
  keyTooLong: 0x84,
  valueTooLong: 0x85,
  outOfMemory: 0x86,
  notAnInteger: 0x87,
  overflow: 0x88,
  /** The command of a `call`, or any operation, was refused; the text is the line of a RESP error. */
  refused: 0x89,
  /** Nothing was done: another node owns the key's slot. The header's epoch is that of the topology that says so. */
  moved: 0x8a,
  /** Nothing was done: the slot is being handed over; the same request is to be sent again. */
  tryAgain: 0x8b,
  /** Nothing was done: the node may not serve, or nobody owns the slot. */
  clusterDown: 0x8c,
  /** It was done, here, but fewer replicas have it than the node waits for where the request says nothing of that. */
  notReplicated: 0x8d,
} as const;
export type Status = (typeof Status)[keyof typeof Status];
export const FIRST_ERROR_STATUS = 0x80;

/** Longest time to live that travels: a point in time must fit a double exactly. */
export const TTL_MS_MAX: number = 2 ** 52;

/** The field of `ack` in a request: how long to wait u32, ms, how many replicas u8, zeros. In a reply: how many u8, zeros. */
export const ACK_WAIT_MS_MAX = 60_000;
export const ACK_REPLICA_COUNT_MAX = 4;

/** What an `increment` carries as value, and its reply: a signed 64-bit integer. */
export const INTEGER_BYTES = 8;

/** `hello`, the request's value: lowest and highest version, database, 0, then user, password and name, each after its length. */
export const HELLO_FIXED_BYTES = 4;
export const HELLO_USER_LENGTH_BYTES = 1;
export const HELLO_PASSWORD_LENGTH_BYTES = 2;
export const HELLO_NAME_LENGTH_BYTES = 1;

/** `hello`, the reply's value: version, three zeros, longest key u32, longest value u32, then node id and software version, each after its length u8. */
export const HELLO_REPLY_AT_VERSION = 0;
export const HELLO_REPLY_AT_KEY_BYTES_MAX = 4;
export const HELLO_REPLY_AT_VALUE_BYTES_MAX = 8;
export const HELLO_REPLY_FIXED_BYTES = 12;
/** In a cluster, the epoch of the node's topology follows the software version. */
export const HELLO_REPLY_EPOCH_BYTES = 4;
/** Behind the software version, and behind the epoch where there is one, bits that say what the node knows beyond the first nodes of its version u8. */
export const HELLO_REPLY_FEATURES_BYTES = 1;
export const Feature = {
  /** `Flag.ack`. */
  ack: 0x01,
  /** `Opcode.getCopy`. */
  getCopy: 0x02,
} as const;

/** `topology`, the request's value: the epoch that is known u32, how long to wait for a newer one u32, ms. */
export const TOPOLOGY_REQUEST_BYTES = 8;

/** `getCopy`, the request's value: how old the answer may be u32, ms; 0: however old. */
export const COPY_AGE_BYTES = 4;

/** `awaitReplicas`, the request's value: a slot u16, or all of the node. */
export const AWAIT_SLOT_BYTES = 2;
export const AWAIT_EVERY_SLOT = 0xffff;

/** `call`, the request's value: a count u16, then each word after its length u32. */
export const CALL_COUNT_BYTES = 2;
export const CALL_WORD_LENGTH_BYTES = 4;

assert(AT_VALUE_LENGTH + 4 === HEADER_BYTES, 'the header ends with the length of the value');
