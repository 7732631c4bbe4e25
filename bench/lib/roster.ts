/**
 * Who takes part: Shoal, over RESP and over its own protocol, and beside it the peers that are installed. Any other server
 * takes part by `--peer name=command:port:protocol`.
 */
import {
  freePort,
  startCommand,
  startServer,
  type RunningServer,
  type ServerName,
  type ServerOptions,
} from './servers.ts';
import { WIRE_PROTOCOLS, type WireProtocol } from './wire.ts';

/** A server and the protocols over which it is measured, each under a name of its own. */
export interface Entrant {
  readonly name: string;
  /** What it is, for the report; null: its own version option tells. */
  readonly description: string | null;
  readonly views: readonly { readonly name: string; readonly protocol: WireProtocol }[];
  start(options: ServerOptions): Promise<RunningServer>;
}

/** A running server seen over one protocol. */
export interface Contestant {
  readonly name: string;
  readonly protocol: WireProtocol;
  readonly server: RunningServer;
}

export const OWN_NAMES: readonly string[] = ['shoal', 'shoal-binary'];

interface BuiltIn {
  readonly name: ServerName;
  readonly program: string | null;
  readonly install: string;
  readonly views: Entrant['views'];
}

const BUILT_IN: readonly BuiltIn[] = [
  {
    name: 'redis',
    program: 'redis-server',
    install: 'apt-get install redis-server',
    views: [{ name: 'redis', protocol: 'resp' }],
  },
  {
    name: 'memcached',
    program: 'memcached',
    install: 'apt-get install memcached',
    views: [{ name: 'memcached', protocol: 'memcached' }],
  },
  {
    name: 'shoal',
    program: null,
    install: '',
    views: [
      { name: 'shoal', protocol: 'resp' },
      { name: 'shoal-binary', protocol: 'shoal' },
    ],
  },
];

export interface Roster {
  readonly entrants: readonly Entrant[];
  /** Sentences on peers that are left out, with what to do. */
  readonly missing: readonly string[];
}

/**
 * Those that `servers` names (of views, with commas between; all where it is not given), and all of `peers`, each the text of
 * a `--peer`. What is not installed is left out and told. Throws on unknown names and on peers that cannot be read.
 */
export function readRoster(servers: string | undefined, peers: readonly string[], isInstalled = hasProgram): Roster {
  const custom = peers.map(parsePeer);
  const known = BUILT_IN.flatMap((one) => one.views.map((view) => view.name));
  const wanted = servers?.split(',').map((name) => name.trim()) ?? known;
  for (const name of wanted) {
    if (!known.includes(name)) {
      throw new Error(
        `--servers: unknown server ${JSON.stringify(name)}; known are ${known.join(', ')}; others by --peer`,
      );
    }
  }
  for (const { name } of custom) {
    if (known.includes(name) || custom.filter((other) => other.name === name).length > 1) {
      throw new Error(`--peer: the name ${name} is taken`);
    }
  }
  for (const { name, words } of custom) {
    const [program = ''] = words;
    if (!isInstalled(program)) throw new Error(`--peer ${name}: there is no program ${program}`);
  }
  const missing: string[] = [];
  const entrants: Entrant[] = [];
  for (const { name, program, install, views } of BUILT_IN) {
    const chosen = views.filter((view) => wanted.includes(view.name));
    if (chosen.length === 0) continue;
    if (program !== null && !isInstalled(program))
      missing.push(`${program} is not installed, so ${name} is left out: ${install}`);
    else entrants.push({ name, description: null, views: chosen, start: (options) => startServer(name, options) });
  }
  return { entrants: [...entrants, ...custom.map(entrantOf)], missing };
}

export interface PeerOption {
  readonly name: string;
  readonly words: readonly string[];
  /** 0: a free one is taken. */
  readonly port: number;
  readonly protocol: WireProtocol;
}

const PORT_MAX = 65_535;

/**
 * Reads `name=command:port:protocol`. The command may contain blanks, quotes around words with blanks, colons, and
 * `{port}`, `{threads}` and `{megabytes}`, which are filled in. Port 0 takes a free one, which needs `{port}`. Throws where it is malformed.
 */
export function parsePeer(text: string): PeerOption {
  const match = /^([A-Za-z0-9][\w.-]*)=(.+):(\d+):(\w+)$/s.exec(text);
  if (match === null) {
    throw new Error(
      `--peer: ${JSON.stringify(text)} is not name=command:port:protocol, such as valkey=valkey-server --port {port}:0:resp`,
    );
  }
  const [, name = '', command = '', portText = '', protocolText = ''] = match;
  const protocol = WIRE_PROTOCOLS.find((one) => one === protocolText);
  if (protocol === undefined) {
    throw new Error(`--peer ${name}: unknown protocol ${protocolText}; known are ${WIRE_PROTOCOLS.join(', ')}`);
  }
  const port = Number(portText);
  if (port > PORT_MAX) throw new Error(`--peer ${name}: port ${portText} is above ${PORT_MAX}`);
  if (port === 0 && !command.includes('{port}')) {
    throw new Error(
      `--peer ${name}: port 0 takes a free port, so the command must say {port} where the server is told of it`,
    );
  }
  const words = splitWords(command);
  if (words === null) throw new Error(`--peer ${name}: a quote is not closed in ${JSON.stringify(command)}`);
  if (words.length === 0) throw new Error(`--peer ${name}: the command is empty`);
  return { name, words, port, protocol };
}

/** Words between blanks; quotes, single or double, hold words with blanks together. Null where one is not closed. */
function splitWords(command: string): readonly string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  let quote = '';
  for (const char of command) {
    if (quote !== '') {
      if (char === quote) quote = '';
      else word += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + char;
  }
  if (word !== null) words.push(word);
  return quote === '' ? words : null;
}

function entrantOf({ name, words, port: wantedPort, protocol }: PeerOption): Entrant {
  return {
    name,
    description: words.join(' '),
    views: [{ name, protocol }],
    async start({ core, memoryBytes, threads = 1 }) {
      const port = wantedPort === 0 ? await freePort() : wantedPort;
      const filled = words.map((word) =>
        word
          .replaceAll('{port}', String(port))
          .replaceAll('{threads}', String(threads))
          .replaceAll('{megabytes}', String(Math.floor(memoryBytes / 2 ** 20))),
      );
      return startCommand({ name, protocol, port, words: filled, core });
    },
  };
}

/** A view of an entrant that did not start, and why. */
export interface Absentee {
  readonly name: string;
  readonly why: string;
}

/** Starts all. Those that do not start are told, and the others go on without them. */
export async function startAll(
  entrants: readonly Entrant[],
  options: ServerOptions,
): Promise<{ readonly contestants: readonly Contestant[]; readonly absent: readonly Absentee[] }> {
  const contestants: Contestant[] = [];
  const absent: Absentee[] = [];
  for (const entrant of entrants) {
    try {
      const server = await entrant.start(options);
      for (const { name, protocol } of entrant.views) contestants.push({ name, protocol, server });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      absent.push(...entrant.views.map(({ name }) => ({ name, why })));
    }
  }
  return { contestants, absent };
}

export async function stopAll(contestants: readonly Contestant[]): Promise<void> {
  for (const server of new Set(contestants.map((one) => one.server))) await server.stop();
}

export function hasProgram(program: string): boolean {
  return Bun.which(program) !== null;
}
