/** `shoal/client`: what the package shows of the client, and nothing else of it is public. */
export type { ErrorCode } from '../base/errors.ts';
export { ShoalError } from '../base/errors.ts';
export type { ClusterNode, SlotMove, Topology } from '../topology/topology.ts';
export type { AckOptions, DefaultAckOptions } from './ack.ts';
export type { NodeAddress } from './address.ts';
export type { CompareAndSetResult, Version } from './answers.ts';
export type { ExpiryOptions, KeyRequestOptions, RequestOptions, SetManyOptions, SetOptions } from './call-options.ts';
export type { CallReply, CallTexts } from './call-reply.ts';
export { ShoalClient } from './client.ts';
export type { ClientEvents, NodeHealth } from './node-health.ts';
export type { NodeState } from './node-pool.ts';
export type { ClientOptions } from './options.ts';
export type { ReadOptions } from './read-options.ts';
export type { Key } from './request.ts';
export type { Entry } from './value-answers.ts';
export type { CompressionAlgorithm, CompressionOptions, NamedCodec, ValueCodec } from './values/codec.ts';
