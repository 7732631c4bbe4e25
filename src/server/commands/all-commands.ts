/** Every command of a node: the rows that the command table is built from. */
import type { CommandSpec } from '../command-spec.ts';
import { CLIENT_COMMANDS } from './client.ts';
import { CLUSTER_COMMANDS } from './cluster.ts';
import { COMMAND_COMMANDS } from './command.ts';
import { CONFIG_COMMANDS } from './config.ts';
import { CONNECTION_COMMANDS } from './connection.ts';
import { COUNTER_COMMANDS } from './counters.ts';
import { DEBUG_COMMANDS } from './debug.ts';
import { EXPIRY_COMMANDS } from './expiry.ts';
import { FUNCTION_COMMANDS } from './function.ts';
import { KEY_COMMANDS } from './keys.ts';
import { OBJECT_COMMANDS } from './object.ts';
import { PERSISTENCE_COMMANDS } from './persistence.ts';
import { PUBSUB_COMMANDS } from './pubsub.ts';
import { SCAN_COMMANDS } from './scan.ts';
import { SERVER_COMMANDS } from './server.ts';
import { STRING_COMMANDS } from './strings.ts';
import { TRANSACTION_COMMANDS } from './transactions.ts';
import { WAIT_COMMANDS } from './wait.ts';

export const ALL_COMMANDS: readonly CommandSpec[] = [
  ...STRING_COMMANDS,
  ...COUNTER_COMMANDS,
  ...KEY_COMMANDS,
  ...EXPIRY_COMMANDS,
  ...SCAN_COMMANDS,
  ...OBJECT_COMMANDS,
  ...TRANSACTION_COMMANDS,
  ...PUBSUB_COMMANDS,
  ...CONNECTION_COMMANDS,
  ...CLIENT_COMMANDS,
  ...SERVER_COMMANDS,
  ...WAIT_COMMANDS,
  ...PERSISTENCE_COMMANDS,
  ...CONFIG_COMMANDS,
  ...COMMAND_COMMANDS,
  ...DEBUG_COMMANDS,
  ...FUNCTION_COMMANDS,
  ...CLUSTER_COMMANDS,
];
