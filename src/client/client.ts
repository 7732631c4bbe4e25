/**
 * The client: a cache of one or several nodes as an object with methods that return promises. docs/CLIENT.md is its guide.
 *
 *     await using cache = await ShoalClient.connect({ nodes: ['127.0.0.1:7600'] });
 *     await cache.set('user:1', { name: 'Ada' }, { ttlMs: 60_000 });
 *     const user = await cache.get<User>('user:1'); // undefined where there is none
 *
 * Each method is an `async` function around one request, so that an error can be made anew where the call resumes: it carries the stack of the
 * awaiting caller, and a call that succeeds does not pay for it.
 *
 * Every method rejects with a ShoalError, and with nothing else: see its `code`. A miss and a condition that does not hold are answers.
 * Guarded by bench/client.ts.
 */
import { ShoalError } from '../base/errors.ts';
import { Flag, Opcode } from '../protocol/shoal/frame.ts';
import type { Topology } from '../topology/topology.ts';
import { type NodeAddress, resolveAddress } from './address.ts';
import {
  bigSumAnswer,
  type CompareAndSetResult,
  compareAndSetAnswer,
  foundAnswer,
  storedAnswer,
  sumAnswer,
  type Version,
} from './answers.ts';
import {
  applySetOptions,
  applyTtl,
  checkKey,
  encodeDelta,
  type ExpiryOptions,
  invalid,
  type KeyRequestOptions,
  type RequestOptions,
  type SetManyOptions,
  type SetOptions,
} from './call-options.ts';
import { type CallReply, type CallTexts, decodeCallReply } from './call-reply.ts';
import { encodeCall } from './call-words.ts';
import { callersError } from './callers-error.ts';
import { Events } from './events.ts';
import { GetOrSet } from './get-or-set.ts';
import { Many } from './many.ts';
import { type ClientEvents, healthOf, type NodeHealth } from './node-health.ts';
import { type ClientOptions, poolOptionsOf, resolveOptions } from './options.ts';
import type { ReadOptions } from './read-options.ts';
import { closedError, pingRequest, reachAny } from './reach.ts';
import { type Key, Request } from './request.ts';
import { Router } from './router.ts';
import { type ClientRuntime, SYSTEM_RUNTIME } from './runtime.ts';
import { newRequest, ONCE, REPEATABLE, Sender } from './sender.ts';
import { type OpenSocket, openTcpSocket } from './tcp-socket.ts';
import { topologyRequest } from './topology-request.ts';
import { type Entry, ValueAnswers } from './value-answers.ts';
import { ValueDecoder } from './values/decoder.ts';
import { ValueEncoder } from './values/encoder.ts';

/** What a client takes from the world around it; each has a default. */
export interface ClientParts {
  readonly runtime?: ClientRuntime;
  readonly open?: OpenSocket;
}

export class ShoalClient<V = unknown> implements AsyncDisposable {
  private readonly router: Router;
  private readonly sender: Sender<V>;
  private readonly answers: ValueAnswers<V>;
  private readonly events = new Events<ClientEvents>();
  private readonly makers: GetOrSet<V>;
  private readonly timeoutMs: number;
  private closing: Promise<void> | null = null;

  private constructor(options: ClientOptions<V>, parts: ClientParts) {
    const resolved = resolveOptions(options as ClientOptions<never>);
    this.answers = new ValueAnswers(new ValueDecoder<V>(options));
    this.timeoutMs = resolved.requestTimeoutMs;
    this.router = new Router(resolved.nodes, {
      runtime: parts.runtime ?? SYSTEM_RUNTIME,
      open: parts.open ?? openTcpSocket,
      topology: resolved.topology,
      pool: poolOptionsOf(resolved),
      onStateChanged: (member, state) => {
        this.events.emit(state === 'up' ? 'nodeUp' : 'nodeDown', healthOf(member));
      },
      onTopologyChanged: (topology, previous) => this.events.emit('topologyChanged', { topology, previous }),
      onTopologyIgnored: (node, error) => this.events.emit('topologyIgnored', { node, error }),
    });
    this.sender = new Sender(this.router, new ValueEncoder<V>(options), resolved);
    this.makers = new GetOrSet<V>(this, (key, error) => this.events.emit('cacheError', { key, error }));
  }

  /**
   * Connects to the nodes; resolves once one of them answers, and in a cluster once its topology is known. Rejects with `InvalidOption`, `Unauthenticated` or
   * `NoAvailableNodes`, whose `cause` says why the node could not be reached.
   */
  static async connect<V = unknown>(options: ClientOptions<V>, parts: ClientParts = {}): Promise<ShoalClient<V>> {
    const client = ShoalClient.lazy(options, parts);
    try {
      await reachAny(client.router, client.sender, client.timeoutMs);
      return client;
    } catch (error) {
      await client.router.destroy(closedError());
      throw callersError(error);
    }
  }

  /** A client that connects at its first request, or in the background once `ping` or another method is called. Throws `InvalidOption`. */
  static lazy<V = unknown>(options: ClientOptions<V>, parts: ClientParts = {}): ShoalClient<V> {
    return new ShoalClient(options, parts);
  }

  /** The value of `key`, decoded; undefined where there is none. Under the default codec it is what was set; `T` is not checked. */
  async get<T extends V = V>(key: Key, options?: ReadOptions): Promise<T | undefined> {
    try {
      return (await this.sender.ask(Opcode.get, key, this.answers.value, options)) as T | undefined;
    } catch (error) {
      throw callersError(error);
    }
  }

  /** The value's bytes, decompressed but not decoded; the caller owns them. */
  async getBytes(key: Key, options?: ReadOptions): Promise<Uint8Array | undefined> {
    try {
      return (await this.sender.ask(Opcode.get, key, this.answers.bytes, options)) as Uint8Array | undefined;
    } catch (error) {
      throw callersError(error);
    }
  }

  /** The value with its version, for `compareAndSet`, and its time to live. */
  async getEntry<T extends V = V>(key: Key, options?: ReadOptions): Promise<Entry<T> | undefined> {
    try {
      const request = newRequest(Opcode.get, key, REPEATABLE, this.answers.entry);
      request.flags = Flag.wantVersion | Flag.wantTtl;
      return (await this.sender.send(request, options)) as Entry<T> | undefined;
    } catch (error) {
      throw callersError(error);
    }
  }

  /** The values of `keys`, in their order; undefined for each that there is none of. */
  async getMany<T extends V = V>(keys: readonly Key[], options?: ReadOptions): Promise<(T | undefined)[]> {
    try {
      const many = new Many<T | undefined>(keys.length);
      const requestOf = (key: Key): Request => newRequest(Opcode.get, key, REPEATABLE, this.answers.value);
      return await this.sender.sendMany(many, keys, requestOf, options);
    } catch (error) {
      throw callersError(error);
    }
  }

  /**
   * Stores `value`. Resolves to false where `onlyIf` did not hold. Bytes are read until the promise settles: do not change
   * them before.
   */
  async set(key: Key, value: V, options: SetOptions = NO_OPTIONS): Promise<boolean> {
    try {
      const request = newRequest(Opcode.set, key, options.onlyIf === undefined, storedAnswer);
      applySetOptions(request, options);
      const encoding = this.sender.encode(request, value);
      if (encoding !== undefined) await encoding;
      return (await this.sender.send(request, options)) as boolean;
    } catch (error) {
      throw callersError(error);
    }
  }

  /** Stores several values. Not as one step: where it rejects, some may be stored. */
  async setMany(entries: Iterable<readonly [Key, V]>, options: SetManyOptions = NO_OPTIONS): Promise<void> {
    try {
      const encoded = this.sender.encodeMany(entries, (key) => {
        const request = newRequest(Opcode.set, key, REPEATABLE, storedAnswer);
        applySetOptions(request, options);
        return request;
      });
      const requests = encoded instanceof Promise ? await encoded : encoded;
      const many = new Many<boolean>(requests.length);
      await this.sender.sendMany(many, requests, (request) => request, options);
    } catch (error) {
      throw callersError(error);
    }
  }

  /**
   * Stores `value` only if the item still is as `getEntry` or an earlier `compareAndSet` gave it. Sent once only: after `ConnectionLost`
   * or `Timeout` it may have been stored.
   */
  async compareAndSet(
    key: Key,
    version: Version,
    value: V,
    options: SetManyOptions = NO_OPTIONS,
  ): Promise<CompareAndSetResult> {
    try {
      const request = newRequest(Opcode.set, key, ONCE, compareAndSetAnswer);
      applySetOptions(request, { ...options, onlyIf: { version } });
      request.flags |= Flag.wantVersion;
      const encoding = this.sender.encode(request, value);
      if (encoding !== undefined) await encoding;
      return (await this.sender.send(request, options)) as CompareAndSetResult;
    } catch (error) {
      throw callersError(error);
    }
  }

  /** Removes `key`; whether it was there. Where a connection was lost and it was sent twice, it may have been the first that removed it. */
  async delete(key: Key, options?: KeyRequestOptions): Promise<boolean> {
    try {
      return (await this.sender.ask(Opcode.delete, key, foundAnswer, options)) as boolean;
    } catch (error) {
      throw callersError(error);
    }
  }

  /** Removes several keys; how many were there. */
  async deleteMany(keys: readonly Key[], options?: KeyRequestOptions): Promise<number> {
    try {
      const many = new Many<boolean>(keys.length);
      const requestOf = (key: Key): Request => newRequest(Opcode.delete, key, REPEATABLE, foundAnswer);
      const found = await this.sender.sendMany(many, keys, requestOf, options);
      return found.reduce((count, one) => count + (one ? 1 : 0), 0);
    } catch (error) {
      throw callersError(error);
    }
  }

  async exists(key: Key, options?: KeyRequestOptions): Promise<boolean> {
    try {
      return (await this.sender.ask(Opcode.exists, key, foundAnswer, options)) as boolean;
    } catch (error) {
      throw callersError(error);
    }
  }

  /**
   * Adds `by` to the integer at `key`, where a missing key counts as 0, and resolves to the sum: a bigint where `by` is one. `ttlMs` holds
   * where the key is new. Sent once only: after `ConnectionLost` or `Timeout` it may have been added.
   */
  async increment(key: Key, by?: number, options?: KeyRequestOptions & ExpiryOptions): Promise<number>;
  async increment(key: Key, by: bigint, options?: KeyRequestOptions & ExpiryOptions): Promise<bigint>;
  async increment(
    key: Key,
    by: number | bigint = 1,
    options: KeyRequestOptions & ExpiryOptions = NO_OPTIONS,
  ): Promise<number | bigint> {
    try {
      const answer = typeof by === 'bigint' ? bigSumAnswer : sumAnswer;
      const request = newRequest(Opcode.increment, key, ONCE, answer);
      request.bytes = encodeDelta(by);
      applyTtl(request, options.ttlMs);
      return (await this.sender.send(request, options)) as number | bigint;
    } catch (error) {
      throw callersError(error);
    }
  }

  /** Gives the item another time to live, null for none; whether it was there. */
  async touch(key: Key, ttlMs: number | null, options?: KeyRequestOptions): Promise<boolean> {
    try {
      const request = newRequest(Opcode.touch, key, REPEATABLE, foundAnswer);
      applyTtl(request, ttlMs ?? undefined);
      return (await this.sender.send(request, options)) as boolean;
    } catch (error) {
      throw callersError(error);
    }
  }

  /**
   * The value of `key`; where there is none, that of `factory`, which is stored. Callers in this process that ask for one key at one time share one
   * call of `factory`, and get the very object that it returned. What `factory` throws is thrown to all of them, as it is; nothing is stored
   * then, nor where it returns undefined. Where the cache cannot be read or written, the value is `factory`'s all the same, and the event
   * `cacheError` tells.
   */
  async getOrSet<T extends V = V>(
    key: Key,
    factory: (key: Key) => T | Promise<T>,
    options: SetManyOptions = NO_OPTIONS,
  ): Promise<T> {
    checkKey(key);
    if (typeof factory !== 'function') throw invalid('the factory is not a function');
    return this.makers.run(key, factory, options);
  }

  /** A round trip to the node `node`, or to all nodes. */
  async ping(options: RequestOptions & { readonly node?: string } = NO_OPTIONS): Promise<void> {
    try {
      this.router.checkOpen();
      const members = options.node === undefined ? this.router.all : [this.router.memberOf(options.node)];
      if (members.length === 0) throw new ShoalError('NoAvailableNodes', 'the list of nodes is empty');
      await Promise.all(members.map(({ pool }) => this.sender.send(pingRequest(), options, pool)));
    } catch (error) {
      throw callersError(error);
    }
  }

  /**
   * Any command of the node, as words: `call(['INFO', 'server'])`. It goes to the node `node`, or to that of `key`; neither is needed
   * where there is one node. Texts come as strings, or as bytes where `texts` says so. Executed once only.
   */
  async call(
    words: readonly (Key | number)[],
    options: KeyRequestOptions & {
      readonly node?: string;
      readonly key?: Key;
      readonly texts?: CallTexts;
    } = NO_OPTIONS,
  ): Promise<CallReply> {
    try {
      const texts = options.texts ?? 'text';
      const request = new Request(Opcode.call, '', ONCE, (reply) =>
        decodeCallReply(reply.bytes, reply.valueStart, reply.valueEnd, texts),
      );
      request.bytes = encodeCall(words);
      const { node, key } = options;
      if (options.ack !== undefined && (node !== undefined || key === undefined)) {
        throw invalid('with ack, say whose replicas are to have it: give key');
      }
      if (node === undefined && key !== undefined) {
        checkKey(key);
        request.routeKey = key;
        return (await this.sender.send(request, options)) as CallReply;
      }
      if (node === undefined && this.router.all.length > 1) {
        throw invalid('with several nodes, say which: give node or key');
      }
      const { pool } = node === undefined ? this.router.memberFor('') : this.router.memberOf(node);
      return (await this.sender.send(request, options, pool)) as CallReply;
    } catch (error) {
      throw callersError(error);
    }
  }

  /**
   * Adds a node: its part of the keys is its own from now on. In a cluster, which says itself what nodes there are: one more address to ask
   * where none of them can be reached. Throws `InvalidOption` for a node that is there.
   */
  addNode(address: string | NodeAddress): void {
    this.router.add(resolveAddress(address));
  }

  /**
   * Removes the node of this id: its keys belong to the others from now on; what is in flight is still answered. In a cluster: the address
   * that was given. Whether there was one.
   */
  removeNode(id: string): boolean {
    return this.router.remove(id);
  }

  get nodes(): readonly NodeHealth[] {
    return this.router.all.map(healthOf);
  }

  /** Which node has `key`, by its id. */
  nodeOf(key: Key): string {
    checkKey(key);
    return this.router.memberFor(key).address.id;
  }

  /** The topology of the cluster, as this client knows it; null outside a cluster, and until one is known. */
  get topology(): Topology | null {
    return this.router.topology;
  }

  /**
   * The topology of the cluster, at least as new as that of the node `node`; null outside a cluster. Connects first, where that is still to be
   * done.
   */
  async syncTopology(options: RequestOptions & { readonly node?: string } = NO_OPTIONS): Promise<Topology | null> {
    try {
      if (this.router.isUndecided) await reachAny(this.router, this.sender, this.timeoutMs);
      const { node } = options;
      if (node === undefined || this.topology === null) return this.topology;
      const { pool } = this.router.memberOf(node);
      const bytes = await this.sender.send(topologyRequest(this.topology.epoch, 0), options, pool);
      if (bytes !== null) this.router.hear(bytes as Uint8Array, pool.node);
      return this.topology;
    } catch (error) {
      throw callersError(error);
    }
  }

  /** Calls `listener` at each such event; returns what undoes it. */
  on<N extends keyof ClientEvents>(event: N, listener: (event: ClientEvents[N]) => void): () => void {
    return this.events.on(event, listener);
  }

  /** Takes no more calls, waits for those that are pending, and closes all connections. Safe to call again. */
  close(): Promise<void> {
    this.closing ??= this.router.close(closedError());
    return this.closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

const NO_OPTIONS = {};
