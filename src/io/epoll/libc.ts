/**
 * The C library's calls for sockets, through Bun's foreign function interface. Loaded when it is first used: Node, and systems without epoll,
 * may import this module.
 *
 * Addresses of buffers: memory of a view that was made by length (`new Int32Array(4)`) may be moved by the runtime after its
 * address was taken, when something touches `.buffer` or a compiler does. So buffers for the kernel are made over an ArrayBuffer
 * of their own (`int32Buffer`, `byteBuffer`), and `addressOf` pins others before it takes their address. An address keeps nothing alive: who uses
 * one holds the buffer.
 */
import type * as Foreign from 'bun:ffi';
import { createRequire } from 'node:module';

/** Constants of Linux, the same on x86-64 and arm64. */
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_KEEPALIVE = 9;
export const SO_REUSEPORT = 15;
export const SO_INCOMING_CPU = 49;
export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const TCP_KEEPIDLE = 4;
export const IPPROTO_IPV6 = 41;
export const IPV6_V6ONLY = 26;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;
/** Of every send to a connection: it waits for nothing, and a peer that has gone is an error, not a signal. */
export const SEND_FLAGS: number = MSG_DONTWAIT | MSG_NOSIGNAL;
export const SHUT_WR = 1;
export const EPOLLIN = 1;
export const EPOLLOUT = 4;
export const EPOLLERR = 8;
export const EPOLLHUP = 16;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_MOD = 3;
export const EINTR = 4;
export const EIO = 5;
export const EAGAIN = 11;
export const ENFILE = 23;
export const EMFILE = 24;
export const ENOBUFS = 105;
export const ENOMEM = 12;
export const EINPROGRESS = 115;

const SYS_IO_URING_SETUP = 425;
const SYS_IO_URING_ENTER = 426;
const PROT_READ_WRITE = 3;
const MAP_SHARED_POPULATE = 0x8001;

/** Words of the kernel's `struct epoll_event`, which is packed on x86-64 only, and where the owner's two words begin. */
export const EVENT_WORDS = process.arch === 'x64' ? 3 : 4;
export const EVENT_DATA = process.arch === 'x64' ? 1 : 2;

/** What the kernel says, in the words of every runtime. */
const ERROR_NAMES: Readonly<Record<number, string>> = {
  1: 'EPERM',
  5: 'EIO',
  9: 'EBADF',
  12: 'ENOMEM',
  13: 'EACCES',
  22: 'EINVAL',
  23: 'ENFILE',
  24: 'EMFILE',
  32: 'EPIPE',
  38: 'ENOSYS',
  97: 'EAFNOSUPPORT',
  98: 'EADDRINUSE',
  99: 'EADDRNOTAVAIL',
  101: 'ENETUNREACH',
  103: 'ECONNABORTED',
  104: 'ECONNRESET',
  105: 'ENOBUFS',
  110: 'ETIMEDOUT',
  111: 'ECONNREFUSED',
  113: 'EHOSTUNREACH',
};

/** The C library. Numbers are 32-bit, pointers are addresses as numbers; what fails answers -1, and `errorNumber` says why. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  setsockopt(descriptor: number, level: number, name: number, value: number, length: number): number;
  getsockopt(descriptor: number, level: number, name: number, value: number, length: number): number;
  bind(descriptor: number, address: number, length: number): number;
  listen(descriptor: number, backlog: number): number;
  accept4(descriptor: number, address: number, length: number, flags: number): number;
  connect(descriptor: number, address: number, length: number): number;
  getsockname(descriptor: number, address: number, length: number): number;
  getpeername(descriptor: number, address: number, length: number): number;
  recv(descriptor: number, bytes: number, length: number, flags: number): number;
  send(descriptor: number, bytes: number, length: number, flags: number): number;
  shutdown(descriptor: number, how: number): number;
  close(descriptor: number): number;
  epoll_create1(flags: number): number;
  epoll_ctl(epoll: number, operation: number, descriptor: number, event: number): number;
  epoll_wait(epoll: number, events: number, eventCountMax: number, timeoutMs: number): number;
  eventfd(initial: number, flags: number): number;
  read(descriptor: number, bytes: number, length: number): number;
  write(descriptor: number, bytes: number, length: number): number;
  __errno_location(): number;
  mmap(
    address: number,
    length: number,
    protection: number,
    flags: number,
    descriptor: number,
    offset: number,
  ): number | bigint | null;
  munmap(address: number, length: number): number;
  io_uring_setup(entries: number, params: number): number;
  /** Submits `submitted` entries and waits for `completed` of them. */
  io_uring_enter(ring: number, submitted: number, completed: number, flags: number): number;
}

let loaded: { readonly libc: Libc; readonly foreign: typeof Foreign; readonly errorAddress: number } | null = null;

/** Loads the library on the first call. Throws where there is no Bun, or no such library. */
function load(): NonNullable<typeof loaded> {
  if (loaded !== null) return loaded;
  const foreign = createRequire(import.meta.url)('bun:ffi') as typeof Foreign;
  const i = 'i32';
  const p = 'ptr';
  const { symbols } = foreign.dlopen('libc.so.6', {
    socket: { args: [i, i, i], returns: i },
    setsockopt: { args: [i, i, i, p, i], returns: i },
    getsockopt: { args: [i, i, i, p, p], returns: i },
    bind: { args: [i, p, i], returns: i },
    listen: { args: [i, i], returns: i },
    accept4: { args: [i, p, p, i], returns: i },
    connect: { args: [i, p, i], returns: i },
    getsockname: { args: [i, p, p], returns: i },
    getpeername: { args: [i, p, p], returns: i },
    recv: { args: [i, p, i, i], returns: i },
    send: { args: [i, p, i, i], returns: i },
    shutdown: { args: [i, i], returns: i },
    close: { args: [i], returns: i },
    epoll_create1: { args: [i], returns: i },
    epoll_ctl: { args: [i, i, i, p], returns: i },
    epoll_wait: { args: [i, p, i, i], returns: i },
    eventfd: { args: [i, i], returns: i },
    read: { args: [i, p, i], returns: i },
    write: { args: [i, p, i], returns: i },
    __errno_location: { args: [], returns: p },
    mmap: { args: [p, 'u64', i, i, i, 'i64'], returns: p },
    munmap: { args: [p, 'u64'], returns: i },
  });
  // Calls that the C library has no name for: one function with as many forms.
  const setup = foreign.dlopen('libc.so.6', { syscall: { args: [i, i, p], returns: i } }).symbols.syscall;
  const enter = foreign.dlopen('libc.so.6', { syscall: { args: [i, i, i, i, i, i, i], returns: i } }).symbols.syscall;
  const libc = Object.assign(symbols as unknown as Libc, {
    io_uring_setup: (entries: number, params: number) => setup(SYS_IO_URING_SETUP, entries, params as Foreign.Pointer),
    io_uring_enter: (ring: number, submitted: number, completed: number, flags: number) =>
      enter(SYS_IO_URING_ENTER, ring, submitted, completed, flags, 0, 0),
  });
  loaded = { libc, foreign, errorAddress: libc.__errno_location() };
  return loaded;
}

export function loadLibc(): Libc {
  return load().libc;
}

/** Why the last call on this thread failed; to be asked straight after it. */
export function errorNumber(): number {
  const { foreign, errorAddress } = load();
  return foreign.read.i32(errorAddress, 0);
}

/** The error of a call that failed with `number`, with the `code` that every runtime gives it. */
export function systemError(number: number, call: string): Error & { readonly code: string } {
  const code = ERROR_NAMES[number] ?? `errno ${number}`;
  return Object.assign(new Error(`${call}: ${code}`), { code });
}

/** The error that waits at a socket, 0 where there is none; asking takes it away. */
export function takeSocketError(descriptor: number): number {
  const { error, value } = readSocketOption(descriptor, SO_ERROR);
  return error === 0 ? value : error;
}

/** The number of the core on which the kernel has received for the socket; -1 where it does not say. */
export function incomingCore(descriptor: number): number {
  const result = readSocketOption(descriptor, SO_INCOMING_CPU);
  return result.error === 0 ? result.value : -1;
}

function readSocketOption(descriptor: number, name: number): { readonly error: number; readonly value: number } {
  const value = int32Buffer(1);
  const length = int32Buffer(1);
  length[0] = value.byteLength;
  const result = load().libc.getsockopt(descriptor, SOL_SOCKET, name, addressOf(value), addressOf(length));
  return { error: result < 0 ? errorNumber() : 0, value: value[0]! };
}

/** Sets an option that is a number. */
export function setSocketOption(descriptor: number, level: number, name: number, value: number): void {
  const flag = int32Buffer(1);
  flag[0] = value;
  load().libc.setsockopt(descriptor, level, name, addressOf(flag), flag.byteLength);
}

export function int32Buffer(length: number): Int32Array {
  return new Int32Array(new ArrayBuffer(length * Int32Array.BYTES_PER_ELEMENT));
}

export function byteBuffer(length: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(length));
}

/** Addresses of buffers that are used again and again; the last one asked for is at hand. */
const addresses = new WeakMap<ArrayBufferView, number>();
let lastView: ArrayBufferView | null = null;
let lastAddress = 0;

/** Where the view's first byte is. It stays there as long as the view lives. */
export function addressOf(view: ArrayBufferView): number {
  if (view === lastView) return lastAddress;
  let address = addresses.get(view);
  if (address === undefined) {
    // Asked for, an ArrayBuffer stays where it is; the memory of a view without one may move.
    if (view.buffer.byteLength === 0) return 0;
    address = Number(load().foreign.ptr(view as Uint8Array));
    addresses.set(view, address);
  }
  lastView = view;
  lastAddress = address;
  return address;
}

/** Memory that is shared with the kernel. */
export interface SharedWords {
  readonly words: Int32Array;
  /** Gives it back: `words` must not be touched any more. */
  unmap(): void;
}

/** Maps `length` bytes of `descriptor`, from `offset` on. Throws where the kernel refuses. */
export function mapShared(descriptor: number, length: number, offset: number): SharedWords {
  const { libc, foreign } = load();
  const address = Number(libc.mmap(0, length, PROT_READ_WRITE, MAP_SHARED_POPULATE, descriptor, offset));
  // The address that says that it failed is all ones, which is no number.
  if (address === 0 || !Number.isSafeInteger(address)) throw systemError(errorNumber(), 'mmap');
  return {
    words: new Int32Array(foreign.toArrayBuffer(address, 0, length)),
    unmap: () => void libc.munmap(address, length),
  };
}
