/**
 * HELLO in the Shoal protocol: agrees on a version, lets the client in, takes its database and name, and says what the node
 * is. A second one does the same again; one that fails leaves everything as it was.
 */
import {
  Feature,
  HELLO_REPLY_AT_KEY_BYTES_MAX,
  HELLO_REPLY_AT_VALUE_BYTES_MAX,
  HELLO_REPLY_AT_VERSION,
  HELLO_REPLY_EPOCH_BYTES,
  HELLO_REPLY_FIXED_BYTES,
  Status,
  VERSION_MAX,
  VERSION_MIN,
} from '../../protocol/shoal/frame.ts';
import { type HelloRequest, readHello } from '../../protocol/shoal/hello.ts';
import { type Operation, VALUE_ARGUMENT } from '../../protocol/shoal/operation.ts';
import type { OperationReply } from '../../protocol/shoal/operation-reply.ts';
import { DATABASE_COUNT } from '../../store/types.ts';
import type { ExecutionContext } from '../execution-context.ts';
import { Gate } from '../session.ts';
import { keyBytesMax, valueBytesMax } from './arguments.ts';
import { BAD_CLIENT_NAME, isClientText } from './client-words.ts';
import { acceptsLogin } from './login.ts';
import { WRONG_PASSWORD } from './error-text.ts';

export function helloOperation(context: ExecutionContext, operation: Operation, reply: OperationReply): void {
  const start = operation.start(VALUE_ARGUMENT);
  const hello = readHello(operation.bytes, start, start + operation.length(VALUE_ARGUMENT));
  if (typeof hello === 'string') {
    reply.fail(Status.badRequest, hello);
    return;
  }
  const version = Math.min(hello.versionMax, VERSION_MAX);
  if (version < Math.max(hello.versionMin, VERSION_MIN)) {
    reply.fail(Status.unsupportedVersion, `this node speaks versions ${VERSION_MIN} to ${VERSION_MAX}`);
  } else if (hello.database >= DATABASE_COUNT) {
    reply.fail(Status.badRequest, `there are ${DATABASE_COUNT} databases, from 0 on`);
  } else if (!isClientText(hello.name, 0, hello.name.length)) {
    reply.fail(Status.badRequest, BAD_CLIENT_NAME);
  } else if (!acceptsLogin(context.node.settings, hello.user, hello.password)) {
    reply.error(WRONG_PASSWORD);
  } else {
    letIn(context, hello, version);
    const greeting = greetingOf(context, version);
    reply.bulk(greeting, 0, greeting.length);
  }
}

function letIn(context: ExecutionContext, hello: HelloRequest, version: number): void {
  const { session } = context;
  session.setAuthenticated(true);
  session.setGate(Gate.ungreeted, false);
  session.shoalVersion = version;
  session.database = hello.database;
  context.database = hello.database;
  session.name = Buffer.from(hello.name).toString('latin1');
}

function greetingOf(context: ExecutionContext, version: number): Buffer {
  const { identity, cluster } = context.node;
  const longestValue = Math.min(valueBytesMax(context), context.limits.bulkBytesMax);
  const fixed = Buffer.alloc(HELLO_REPLY_FIXED_BYTES);
  fixed[HELLO_REPLY_AT_VERSION] = version;
  fixed.writeUInt32LE(keyBytesMax(context), HELLO_REPLY_AT_KEY_BYTES_MAX);
  fixed.writeUInt32LE(longestValue, HELLO_REPLY_AT_VALUE_BYTES_MAX);
  const texts = [fixed, shortText(cluster === null ? identity.runId : cluster.nodeId), shortText(identity.version)];
  const features = Buffer.of(Feature.ack | Feature.getCopy);
  if (cluster === null) return Buffer.concat([...texts, features]);
  const epoch = Buffer.alloc(HELLO_REPLY_EPOCH_BYTES);
  epoch.writeUInt32LE(cluster.topology.epoch);
  return Buffer.concat([...texts, epoch, features]);
}

/** A text behind its length in one byte. */
function shortText(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8').subarray(0, SHORT_TEXT_BYTES_MAX);
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

const SHORT_TEXT_BYTES_MAX = 255;
