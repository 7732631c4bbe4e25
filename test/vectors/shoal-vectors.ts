/** The vectors of shoal.json, which says itself what is in it. */
import type { AckFields, FlagName, OpcodeName, StatusName } from '../support/shoal-frames.ts';
import { Opcode } from '../../src/protocol/shoal/frame.ts';
import json from './shoal.json' with { type: 'json' };

export interface VectorRequestParts {
  readonly opcode: OpcodeName;
  readonly requestId: number;
  readonly epoch: number;
  readonly flags: readonly FlagName[];
  /** Decimal, as the version is: numbers of 64 bits. */
  readonly ttlMs?: string;
  readonly version?: string;
  readonly ack?: AckFields;
  readonly key: string;
  readonly value: string;
}

export interface VectorReplyParts {
  readonly status: StatusName;
  readonly requestId: number;
  readonly epoch: number;
  readonly ttlMs?: string;
  readonly version?: string;
  readonly replicas?: number;
  readonly value: string;
}

export interface VectorStep {
  readonly name: string;
  readonly afterMs?: number;
  readonly request: string;
  readonly requestParts?: VectorRequestParts;
  readonly reply: string;
  readonly replyParts: VectorReplyParts;
  readonly varies?: 'value' | 'version';
  readonly isText?: boolean;
  readonly closes?: boolean;
}

export interface VectorConversation {
  readonly name: string;
  readonly password?: string;
  /** The node is in a cluster. */
  readonly cluster?: boolean;
  readonly steps: readonly VectorStep[];
}

export const SHOAL_CONVERSATIONS = json.conversations as readonly VectorConversation[];
/** What clients may send; the others are between nodes. */
const BETWEEN_NODES: ReadonlySet<string> = new Set(['forward', 'moveItems', 'replicate', 'awaitReplicas', 'control']);
export const CLIENT_OPCODES = (Object.keys(Opcode) as OpcodeName[]).filter((name) => !BETWEEN_NODES.has(name));
export const SHOAL_STEPS: readonly VectorStep[] = SHOAL_CONVERSATIONS.flatMap(({ steps }) => steps);
